//! `invoker pull`, and `invoker inspect` of a name.

use std::path::PathBuf;

use invoker_oci::Found;
use serde_json::{Value, json};

use super::bar::Bar;
use super::{Declared, named, registries};
use crate::args::{Format, PullArgs, RegistryArgs};
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::functions;
use crate::inspect::lines;
use crate::print::Printer;

/// Writes the component of a function to a file.
pub(crate) fn pull(
    args: &PullArgs,
    environment: &Environment,
    format: Format,
    printer: &mut Printer,
) -> Result<(), Error> {
    let registries = registries(&args.of, environment)?;
    let name = registries.picked(&named(&args.name)?)?;
    let bar = Bar::new("pulling", format);
    let pulled = registries.pull(&name, Some(&|done, all| bar.show(done, all)))?;
    drop(bar);
    let last = name.repository.rsplit('/').next().unwrap_or_default();
    let file = args.file.clone().unwrap_or_else(|| PathBuf::from(format!("{last}.wasm")));
    let shown = file.display().to_string();
    std::fs::write(&file, &pulled.component).map_err(|error| {
        Error::new(
            Exit::File,
            format!("cannot write {shown:?}"),
            error,
            "check the path, or give --file FILE",
        )
    })?;
    let found = &pulled.found;
    printer.item(
        || format!("pulled {} to {shown}\n  digest     {}", taken(found), found.digest),
        || json!({"name": taken(found), "digest": found.digest, "file": shown, "size": pulled.component.len()}),
    )
}

/// The name with what was taken of a range.
fn taken(found: &Found) -> String {
    match &found.tag {
        Some(tag) => format!("{}:{tag}", found.name.repository),
        None => found.name.to_string(),
    }
}

/// Shows a function by name. Its component is pulled only if its manifest does not say what it declares.
pub(crate) fn inspect(
    name: &str,
    of: &RegistryArgs,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<(), Error> {
    let registries = registries(of, environment)?;
    let name = registries.picked(&named(name)?)?;
    let found = registries.find(&name)?;
    let declared = match Declared::in_manifest(&found.manifest) {
        Some(declared) => declared,
        None => {
            let pulled = registries.pull(&name, None)?;
            let loaded = functions::engine(environment)?.load(&pulled.component);
            let shown = name.to_string();
            Declared::of(&loaded.map_err(|error| functions::refused(&shown, &error))?)
        }
    };
    let component = found.manifest.component().map_or("", |layer| layer.digest.as_str());
    printer.item(
        || {
            let head = format!("{}\n  {:<10} {}", taken(&found), "manifest", found.digest);
            format!("{head}\n{}", lines(component, &declared, "  ").join("\n"))
        },
        || object(&found, component, &declared),
    )
}

fn object(found: &Found, component: &str, declared: &Declared) -> Value {
    json!({
        "name": taken(found),
        "manifest": found.digest,
        "digest": component,
        "size": declared.size,
        "language": declared.language,
        "sdk": declared.sdk,
        "imports": declared.imports,
        "description": declared.description,
    })
}
