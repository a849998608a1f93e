//! `invoker build`: makes the component of a function project with the tools that its language has, and looks whether
//! it can be used. Owns how those tools are found and called; it never installs or changes one.

mod javascript;
mod rust;
pub(crate) mod tools;

use std::path::{Path, PathBuf};

use clap::Args;
use invoker_engine::Function;
use serde_json::json;

use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::functions;
use crate::print::Printer;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  invoker build\n  invoker build services/split")]
pub struct BuildArgs {
    /// The folder of a function project
    #[arg(default_value = ".")]
    pub project: PathBuf,
}

/// Builds a project, and checks what came of it.
pub(crate) fn build(args: &BuildArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    let component = component(&args.project, environment)?;
    let function = functions::load(&functions::engine(environment)?, &component)
        .map_err(|error| in_language(error, &args.project))?;
    printer.item(
        || format!("built {}: {}", near(&component).display(), declares(&function)),
        || json!({"component": component, "digest": function.digest(), "size": function.size()}),
    )
}

/// Builds a project and returns its component.
pub(crate) fn component(project: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    if project.join("Cargo.toml").is_file() {
        return rust::build(project, environment);
    }
    if project.join("package.json").is_file() {
        return javascript::build(project);
    }
    let what = format!("folder {:?} is not a function project", project.display().to_string());
    let why = "it has neither a Cargo.toml nor a package.json";
    Err(Error::new(Exit::Function, what, why, "go to the folder of a project; `invoker new NAME` makes one"))
}

/// What a component lacks, said in terms of the language that it was written in.
fn in_language(mut error: Error, project: &Path) -> Error {
    for problem in error.problems.iter_mut().filter(|problem| problem.what.contains("is missing")) {
        problem.help = if project.join("Cargo.toml").is_file() {
            "write `#[function]` above the fn or struct that takes records, once in the library".to_owned()
        } else {
            "end the source with `export { NAME as function };`, where `const NAME = define({ … })`"
                .to_owned()
        };
    }
    error
}

/// A path as seen from here.
fn near(path: &Path) -> &Path {
    std::env::current_dir().ok().and_then(|here| path.strip_prefix(here).ok()).unwrap_or(path)
}

/// What a function has, in a few words.
fn declares(function: &Function) -> String {
    let description = function.description();
    let names = |what: &str, names: Vec<&str>| match names.as_slice() {
        [] => None,
        names => Some(format!("{what} {}", names.join(", "))),
    };
    let parts = [
        names("inputs", description.inputs.iter().map(|port| port.name.as_str()).collect()),
        names("outputs", description.outputs.iter().map(|port| port.name.as_str()).collect()),
        names("states", description.states.iter().map(|state| state.name.as_str()).collect()),
        names("settings", description.settings.iter().map(|setting| setting.name.as_str()).collect()),
    ];
    let kib = function.size().div_ceil(1024);
    std::iter::once(format!("{kib} KiB")).chain(parts.into_iter().flatten()).collect::<Vec<_>>().join("; ")
}

/// A build that ended without success; what was wrong stands above.
fn failed(project: &Path, tool: &str) -> Error {
    let shown = project.display().to_string();
    let what = format!("function {shown:?} does not build");
    let why = format!("{tool} says why above");
    Error::new(Exit::Function, what, why, "mend the code and build it again")
}
