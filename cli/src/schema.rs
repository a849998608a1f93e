//! `invoker schema`: the JSON Schema of `topology.yaml`, for editors.

use std::path::PathBuf;

use clap::Args;
use invoker_core::topology::schema::json_schema;

use crate::error::{Error, Exit};
use crate::print::Printer;

const HELP: &str = "\
Examples:
  invoker schema --output topology.schema.json

Editors with the YAML language server (VS Code, Neovim, IntelliJ) complete and check a topology that begins with
  # yaml-language-server: $schema=topology.schema.json";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct SchemaArgs {
    /// Write it into this file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Prints or writes the schema.
pub(crate) fn schema(args: &SchemaArgs, printer: &mut Printer) -> Result<(), Error> {
    let Some(path) = &args.output else { return printer.raw(&text()) };
    std::fs::write(path, text()).map_err(|error| {
        let what = format!("cannot write {:?}", path.display().to_string());
        Error::new(Exit::File, what, error, "check the folder and the disk it is on")
    })?;
    let shown = path.display();
    printer.note(&format!("wrote {shown}; begin a topology with\n  # yaml-language-server: $schema={shown}"))
}

/// The schema as text.
pub(crate) fn text() -> String {
    let mut text = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
    text.push('\n');
    text
}
