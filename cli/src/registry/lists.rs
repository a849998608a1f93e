//! `invoker registry list`, `tag` and `delete`.

use serde_json::json;

use super::{named, registries};
use crate::args::{DeleteArgs, ListArgs, TagArgs};
use crate::environment::Environment;
use crate::error::Error;
use crate::print::Printer;

/// Lists functions, or the tags of one.
pub(crate) fn list(args: &ListArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    let registries = registries(&args.of, environment)?;
    let Some(name) = &args.name else {
        for function in registries.functions()? {
            printer.item(|| function.clone(), || json!({"function": function}))?;
        }
        return Ok(());
    };
    let name = named(name)?;
    for tag in registries.tags(&name)? {
        let object = || json!({"function": name.repository, "tag": tag});
        printer.item(|| format!("{}:{tag}", name.repository), object)?;
    }
    Ok(())
}

/// Points a tag to what a name leads to.
pub(crate) fn tag(args: &TagArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    let name = named(&args.name)?;
    // The grammar of tags is that of names.
    named(&format!("{}:{}", name.repository, args.tag))?;
    let digest = registries(&args.of, environment)?.tag(&name, &args.tag)?;
    let (repository, tag) = (&name.repository, &args.tag);
    printer.item(
        || format!("{repository}:{tag} is {digest}"),
        || json!({"function": repository, "tag": tag, "digest": digest}),
    )
}

/// Deletes a tag, or a digest with all its tags.
pub(crate) fn delete(
    args: &DeleteArgs,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<(), Error> {
    let name = named(&args.name)?;
    registries(&args.of, environment)?.delete(&name)?;
    printer.item(|| format!("deleted {name}"), || json!({"deleted": name.to_string()}))
}
