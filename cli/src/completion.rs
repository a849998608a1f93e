//! `invoker completion` and `invoker man`: what shells and `man` know of the command line, made from its definition.

use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::error::{Error, Exit, counted};
use crate::print::Printer;

const HELP: &str = "\
Examples:
  invoker completion bash > ~/.local/share/bash-completion/completions/invoker
  invoker completion zsh > ~/.zfunc/_invoker        (a folder of $fpath)
  invoker completion fish > ~/.config/fish/completions/invoker.fish";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct CompletionArgs {
    #[arg(value_enum)]
    pub shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  invoker man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// The folder to write them to
    pub folder: PathBuf,
}

/// Prints the completions of a shell.
pub(crate) fn completion(args: &CompletionArgs, printer: &mut Printer) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "invoker", &mut script);
    printer.raw(&String::from_utf8_lossy(&script))
}

/// Writes a page for the command and one for each verb.
pub(crate) fn man(args: &ManArgs, printer: &mut Printer) -> Result<(), Error> {
    let folder = &args.folder;
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .and_then(|()| std::fs::read_dir(folder));
    let pages = written.map_err(|error| {
        let what = format!("cannot write manual pages to {:?}", folder.display().to_string());
        Error::new(Exit::File, what, error, "check the folder and the disk it is on")
    })?;
    let ours = pages.flatten().filter(|page| page.file_name().to_string_lossy().starts_with("invoker"));
    printer.note(&format!("wrote {} to {}", counted(ours.count(), "page"), folder.display()))
}
