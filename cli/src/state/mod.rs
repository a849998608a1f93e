//! `invoker state`: looks into keyed state, as of the last promoted commit. What a state is called and what is under a
//! key are read from what is stored, so that neither the topology nor its functions need be at hand.

mod entry;
mod view;

use std::ffi::OsString;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use invoker_host::state::Walk;
use serde_json::json;

use self::entry::{Entry, Length};
use self::view::View;
use crate::args::{StateExportArgs, StateGetArgs, StateScanArgs};
use crate::error::{Error, Exit, counted};
use crate::looking::Keyed;
use crate::print::Printer;

/// Prints the value of a key, or the fields of a map.
pub(crate) fn get(keyed: &Keyed, args: &StateGetArgs, printer: &mut Printer) -> Result<(), Error> {
    let view = View::open(keyed, &args.entity, None)?;
    view.check_state(&args.state)?;
    let (key, field) = (args.key.as_bytes(), args.field.as_deref().map(str::as_bytes));
    let mut found = 0;
    let mut print = |entry: &Entry<'_>| {
        found += 1;
        printer.item(|| entry.text(Length::Whole), || entry.json())?;
        Ok(!printer.is_closed())
    };
    match field {
        None => view.under(&args.state, key, &mut print)?,
        Some(field) => view.field(&args.state, key, field, &mut print)?,
    }
    if found > 0 {
        return Ok(());
    }
    if field.is_some() && view.has_value(&args.state, key)? {
        let what = format!("state {:?} has no fields", args.state);
        return Err(Error::new(Exit::Usage, what, "it holds one value per key", "leave --field out"));
    }
    let what =
        format!("there is nothing under key {:?} in state {:?} of {:?}", args.key, args.state, args.entity);
    Err(Error::new(Exit::Usage, what, "no partition has it", "`invoker state scan` lists keys"))
}

/// Prints the keys and values of a state, or its keys alone.
pub(crate) fn scan(keyed: &Keyed, args: &StateScanArgs, printer: &mut Printer) -> Result<(), Error> {
    let view = View::open(keyed, &args.entity, args.partition)?;
    view.check_state(&args.state)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    let mut last: Option<(u32, Vec<u8>)> = None;
    let walk = Walk { state: Some(&args.state), prefix: args.prefix.as_bytes(), ..view.everything() };
    view.walk(walk, |entry| {
        if left == 0 || printer.is_closed() {
            return Ok(ControlFlow::Break(()));
        }
        if args.keys {
            let seen = |(partition, key): &(u32, Vec<u8>)| *partition == entry.partition && key == entry.key;
            if last.as_ref().is_some_and(seen) {
                return Ok(ControlFlow::Continue(()));
            }
            last = Some((entry.partition, entry.key.to_vec()));
            printer.item(|| entry.key_text(), || entry.key_json())?;
        } else {
            printer.item(|| entry.text(Length::Line), || entry.json())?;
        }
        left -= 1;
        Ok(ControlFlow::Continue(()))
    })
}

/// Writes all state of an entity, one JSON line per value.
pub(crate) fn export(keyed: &Keyed, args: &StateExportArgs, printer: &mut Printer) -> Result<(), Error> {
    let view = View::open(keyed, &args.entity, args.partition)?;
    let Some(file) = &args.file else { return write_all(&view, printer).map(drop) };
    let part = part_of(file);
    let written = Printer::file(&part).and_then(|mut out| {
        let values = write_all(&view, &mut out)?;
        out.finish()?;
        let moved = fs::rename(&part, file);
        let what = format!("cannot write file {:?}", file.display().to_string());
        moved.map_err(|error| Error::new(Exit::File, what, error, "check the path"))?;
        Ok(values)
    });
    if written.is_err() {
        // What is in it is not everything.
        drop(fs::remove_file(&part));
    }
    let values = written?;
    let to = file.display().to_string();
    printer.item(
        || format!("wrote {} of {:?} to {to}", counted(values, "value"), args.entity),
        || json!({"values": values, "file": to}),
    )
}

/// Where a file is written until all is in it.
fn part_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".part");
    file.with_file_name(name)
}

fn write_all(view: &View<'_>, out: &mut Printer) -> Result<usize, Error> {
    let mut values = 0;
    view.walk(view.everything(), |entry| {
        out.raw(&entry.json().to_string())?;
        values += 1;
        Ok(if out.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(values)
}
