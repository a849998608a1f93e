//! `invoker push`: builds where that is needed, checks, uploads, and says how the function is named from now on.

use std::path::{Path, PathBuf};

use invoker_core::function_name::{FunctionName, Pick};
use invoker_oci::Artifact;
use serde_json::json;

use super::bar::Bar;
use super::manifest::Project;
use super::{Declared, named, registries};
use crate::args::{Format, PushArgs};
use crate::build;
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::functions;
use crate::inspect::lines;
use crate::print::Printer;

/// Pushes a function.
pub(crate) fn push(
    args: &PushArgs,
    environment: &Environment,
    format: Format,
    printer: &mut Printer,
) -> Result<(), Error> {
    let name = name(args)?;
    let registries = registries(&args.of, environment)?;
    let component = component(&args.from, environment)?;
    let bytes = functions::read(&component)?;
    let shown = component.display().to_string();
    let function = functions::engine(environment)?.load(&bytes);
    let function = function.map_err(|error| functions::refused(&shown, &error))?;
    let declared = Declared::of(&function);
    let artifact = Artifact::new(bytes, &declared.imports, declared.annotation().into_iter().collect());
    let bar = Bar::new("pushing", format);
    let pushed = registries.push(&name, &artifact, Some(&|done, all| bar.show(done, all)))?;
    drop(bar);
    let resumed = match pushed.resumed_at {
        Some(at) => format!(", resumed at {at} of {} bytes", function.size()),
        None => String::new(),
    };
    let line = topology_line(&name, &pushed.digest);
    printer.item(
        || {
            let head = format!("pushed {name}{resumed}\n  {:<10} {}", "manifest", pushed.digest);
            let lines = lines(function.digest(), &declared, "  ").join("\n");
            format!("{head}\n{lines}\nin a topology:\n  function: {line}")
        },
        || {
            json!({"name": name.to_string(), "manifest": pushed.digest, "digest": function.digest(),
                "size": function.size(), "resumedAt": pushed.resumed_at, "wasThere": pushed.was_there,
                "function": line, "description": declared.description})
        },
    )
}

/// A version stays what it is; another tag moves, and what it points to now is named by its digest.
fn topology_line(name: &FunctionName, digest: &str) -> String {
    match &name.pick {
        Some(Pick::Tag(tag)) if semver::Version::parse(tag).is_ok() => name.to_string(),
        _ => name.with(Pick::Digest(digest.to_owned())).to_string(),
    }
}

/// What is pushed under: what was typed, the rest from the manifest of the project.
fn name(args: &PushArgs) -> Result<FunctionName, Error> {
    let typed = args.name.as_deref().map(named).transpose()?;
    let project = match &typed {
        Some(typed) if typed.pick.is_some() => Project::default(),
        _ if args.from.is_dir() => Project::of(&args.from)?,
        _ => Project::default(),
    };
    let typed = match (typed, project.name) {
        (Some(typed), _) => typed,
        (None, Some(name)) => named(&name)?,
        (None, None) => return Err(lacks("name", "team/split:1.0.0")),
    };
    match (&typed.pick, project.version) {
        (Some(Pick::Tag(_)), _) => Ok(typed),
        (None, Some(version)) => named(&format!("{typed}:{version}")),
        (None, None) => Err(lacks("version", &format!("{typed}:1.0.0"))),
        (Some(_), _) => {
            let help = format!("write {}:1.0.0", typed.repository);
            let why = "what is pushed gets a tag; ranges and digests are for those who pull";
            Err(Error::new(Exit::Usage, format!("cannot push to \"{typed}\""), why, help))
        }
    }
}

fn lacks(what: &str, example: &str) -> Error {
    let why = format!("neither the command line nor a manifest gives a {what}");
    Error::new(Exit::Usage, format!("the function has no {what}"), why, format!("`invoker push {example}`"))
}

/// The component of a file or project; a project is built first where its sources are newer.
fn component(from: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    if !from.is_dir() {
        return Ok(from.to_owned());
    }
    let built = functions::last_build(from, environment.cargo_target.as_deref());
    match built {
        Ok(component) if functions::stale(from, &component).is_none() => Ok(component),
        _ => build::component(from, environment),
    }
}
