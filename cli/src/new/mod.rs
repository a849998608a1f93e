//! `invoker new`: a function project that builds by itself. Owns what is in it; what it is built with is the business
//! of [`crate::build`].

mod archive;
mod name;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::error::{Error, Exit};
use crate::print::Printer;

/// Where the SDK and the contract lie in a project.
const VENDOR: &str = "vendor/invoker";

const HELP: &str = "\
Examples:
  invoker new split
  invoker new services/split --lang ts
  invoker new --refresh split

The project needs nothing but the tools of its language: the SDK and the contract travel in its folder
vendor/invoker, which --refresh writes anew in the version of this invoker.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct NewArgs {
    /// The folder to make; its last part is the name of the function
    pub path: PathBuf,
    /// Language of the function
    #[arg(long, short, value_enum, default_value_t = Language::Rust)]
    pub lang: Language,
    /// Write the SDK and the contract of an existing project anew, and nothing else
    #[arg(long, conflicts_with = "lang")]
    pub refresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    Rust,
    #[value(name = "js", alias = "javascript")]
    JavaScript,
    #[value(name = "ts", alias = "typescript")]
    TypeScript,
}

/// Makes a project, or renews what it carries of ours.
pub(crate) fn new(args: &NewArgs, printer: &mut Printer) -> Result<(), Error> {
    if args.refresh {
        return refresh(&args.path, printer);
    }
    let name = name::of(&args.path)?;
    refuse_filled(&args.path)?;
    let files = template::files(args.lang, &name).into_iter().chain(vendored(args.lang));
    write(&args.path, files)?;
    let shown = args.path.display().to_string();
    printer.item(
        || {
            format!(
                "made {name} in {shown}\nnext:\n  cd {shown}\n  invoker build\n  invoker test\n  invoker run topology.yaml \
                 --input in=README.md --output out=-"
            )
        },
        || json!({"name": name, "path": shown}),
    )
}

/// The files of ours that a project carries.
fn vendored(language: Language) -> impl Iterator<Item = (String, String)> {
    let part = if language == Language::Rust { "sdk/" } else { "js/" };
    let files = archive::files().filter_map(move |(path, text)| {
        let path = match path.strip_prefix("js/") {
            Some(path) if part == "js/" => path,
            None if path.starts_with(part) || path.starts_with("wit/") => path,
            _ => return None,
        };
        Some((format!("{VENDOR}/{path}"), text.to_owned()))
    });
    files.chain([(format!("{VENDOR}/topology.schema.json"), crate::schema::text())])
}

fn refresh(project: &Path, printer: &mut Printer) -> Result<(), Error> {
    let language = if project.join("Cargo.toml").is_file() {
        Language::Rust
    } else if project.join("package.json").is_file() {
        Language::TypeScript
    } else {
        let what = format!("{:?} is no function project", project.display().to_string());
        let why = "it has neither a Cargo.toml nor a package.json";
        return Err(Error::new(Exit::Usage, what, why, "name the folder that `invoker new` made"));
    };
    let vendor = project.join(VENDOR);
    if vendor.is_dir() {
        fs::remove_dir_all(&vendor).map_err(|error| cannot_write(&vendor, error))?;
    }
    write(project, vendored(language))?;
    let shown = vendor.display().to_string();
    printer.item(
        || format!("wrote {shown} in version {}", env!("CARGO_PKG_VERSION")),
        || json!({"path": shown, "version": env!("CARGO_PKG_VERSION")}),
    )
}

fn refuse_filled(path: &Path) -> Result<(), Error> {
    let what = || format!("cannot make a project in {:?}", path.display().to_string());
    let help = "name a folder that does not exist yet";
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::new(Exit::Usage, what(), "it is there and not empty", help)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::new(Exit::Usage, what(), error, help)),
    }
}

fn write(folder: &Path, files: impl Iterator<Item = (String, String)>) -> Result<(), Error> {
    for (path, text) in files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| cannot_write(&path, error))?;
    }
    Ok(())
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    let what = format!("cannot write {:?}", path.display().to_string());
    Error::new(Exit::File, what, error, "check the folder and the disk it is on")
}
