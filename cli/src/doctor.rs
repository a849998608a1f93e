//! `invoker doctor`: what this machine has of the tools that functions are built with, and the line that installs what
//! it has not. Changes nothing.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::build::tools::{self, Rust, TARGET, version};
use crate::environment::Environment;
use crate::error::{Error, Exit, Problem};
use crate::functions;
use crate::print::Printer;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  invoker doctor\n  invoker doctor --lang ts")]
pub struct DoctorArgs {
    /// What must be there: the end is a failure only if something for this is missing
    #[arg(long, value_enum)]
    pub lang: Option<Need>,
}

/// What one may want to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Need {
    Rust,
    #[value(alias = "ts", alias = "javascript", alias = "typescript")]
    Js,
}

/// One thing that was looked for.
struct Finding {
    name: &'static str,
    /// What needs it; `None` = everything.
    need: Option<Need>,
    /// Nice to have.
    optional: bool,
    found: Result<String, Problem>,
}

/// Prints what is there and what is not.
pub(crate) fn doctor(
    args: &DoctorArgs,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<(), Error> {
    let findings = findings(environment);
    for finding in &findings {
        printer.item(|| text(finding), || object(finding))?;
    }
    let wanted = |finding: &&Finding| match args.lang {
        Some(lang) => finding.need.is_none_or(|need| need == lang),
        None => finding.need.is_none(),
    };
    let missing = findings.iter().filter(wanted).filter(|finding| !finding.optional);
    let problems: Vec<Problem> = missing.filter_map(|finding| finding.found.clone().err()).collect();
    if problems.is_empty() { Ok(()) } else { Err(Error { exit: Exit::Tool, problems }) }
}

fn findings(environment: &Environment) -> Vec<Finding> {
    let here = Path::new(".");
    let first = |error: Error| {
        let nothing = Problem { what: String::new(), why: String::new(), help: String::new() };
        error.problems.into_iter().next().unwrap_or(nothing)
    };
    let rust = Rust::find(here, environment.cache.as_deref()).map(|rust| match rust {
        Rust::Active => version("rustc", here).unwrap_or_default(),
        Rust::Local(folder) => format!("a toolchain of our own in {}", folder.display()),
    });
    let component = version("cargo-component", here).ok_or_else(|| Problem {
        what: "cargo-component is missing".to_owned(),
        why: "`cargo component build` needs it; `invoker build` does not".to_owned(),
        help: "install it: cargo install cargo-component".to_owned(),
    });
    let cache = functions::engine(environment).map(|_| match &environment.code_cache {
        Some(folder) => folder.display().to_string(),
        None => "none: functions are compiled anew each time".to_owned(),
    });
    let need = |need, optional, name, found| Finding { name, need, optional, found };
    vec![
        need(None, false, "code cache", cache.map_err(first)),
        need(Some(Need::Rust), false, TARGET, rust.map_err(first)),
        need(Some(Need::Rust), true, "cargo-component", component),
        need(Some(Need::Js), false, "node", tools::node().map_err(first)),
    ]
}

fn text(finding: &Finding) -> String {
    let name = finding.name;
    match &finding.found {
        Ok(found) => format!("ok       {name:<16} {found}"),
        Err(problem) => {
            let state = if finding.optional { "optional" } else { "MISSING " };
            format!("{state} {name:<16} {}: {}\n{:<25} {}", problem.what, problem.why, "", problem.help)
        }
    }
}

fn object(finding: &Finding) -> serde_json::Value {
    let (found, problem) = match &finding.found {
        Ok(found) => (Some(found), None),
        Err(problem) => (None, Some(problem)),
    };
    json!({
        "name": finding.name,
        "optional": finding.optional,
        "found": found,
        "what": problem.map(|problem| &problem.what),
        "why": problem.map(|problem| &problem.why),
        "help": problem.map(|problem| &problem.help),
    })
}
