//! The `invoker` command: the parts that its verbs are made of.
//!
//! [`dispatch`] carries out a parsed command line. Nothing here prints an error or ends the process: `main` does.

pub mod args;
mod build;
mod completion;
pub mod data;
mod deployments;
mod dlq;
mod doctor;
pub mod environment;
pub mod error;
mod functions;
mod inspect;
mod looking;
mod new;
mod plan;
mod print;
mod reader;
pub mod records;
mod registry;
pub mod run;
mod schema;
mod services;
mod state;
mod tail;
mod test;
mod topics;

use args::{Cli, DlqVerb, Format, RegistryVerb, StateVerb, Verb};
use environment::Environment;
use error::Error;
use invoker_host::control;
use invoker_registry::command;
use print::Printer;
use run::Screen;

/// Carries out a verb.
pub fn dispatch(cli: Cli, environment: &Environment, screen: &Screen) -> Result<(), Error> {
    let format = cli.output_format;
    let mut printer = Printer::stdout(format);
    let out = &mut printer;
    match cli.verb {
        Verb::New(args) => new::new(&args, out)?,
        Verb::Build(args) => build::build(&args, environment, out)?,
        Verb::Test(args) => {
            let outcome = test::test(&args, environment, out);
            return printer.finish().and(outcome);
        }
        Verb::Schema(args) => schema::schema(&args, out)?,
        Verb::Doctor(args) => {
            let outcome = doctor::doctor(&args, environment, out);
            return printer.finish().and(outcome);
        }
        Verb::Completion(args) => completion::completion(&args, out)?,
        Verb::Man(args) => completion::man(&args, out)?,
        Verb::Run(args) => return run::run(&args, format, environment, screen),
        Verb::Host(args) => return host(&args, environment),
        Verb::Inspect(args) => inspect::inspect(&args, environment, out)?,
        verb @ (Verb::Login(_) | Verb::Push(_) | Verb::Pull(_) | Verb::Sign(_) | Verb::Verify(_)) => {
            with_registry(&verb, environment, format, out)?;
        }
        Verb::Registry(verb) => in_registry(verb, environment, out)?,
        Verb::Topics(args) => topics::list(&looking::records(&args.log)?, out)?,
        Verb::Tail(args) => tail::tail(&*looking::records(&args.log)?.log, &args, out)?,
        Verb::State(verb) => {
            let keyed = looking::state(verb.at())?;
            match &verb {
                StateVerb::Get(args) => state::get(&keyed, args, out)?,
                StateVerb::Scan(args) => state::scan(&keyed, args, out)?,
                StateVerb::Export(args) => state::export(&keyed, args, out)?,
            }
        }
        Verb::Dlq(verb) => {
            let args = verb.args();
            let records = looking::records(&args.log)?;
            match &verb {
                DlqVerb::List(_) => dlq::list(&records, args, out)?,
                DlqVerb::Show(_) => dlq::show(&records, args, out)?,
                DlqVerb::Replay(_) => dlq::replay(&records, args, out)?,
            }
        }
    }
    printer.finish()
}

/// Verbs on one function in a registry.
fn with_registry(
    verb: &Verb,
    environment: &Environment,
    format: Format,
    out: &mut Printer,
) -> Result<(), Error> {
    match verb {
        Verb::Login(args) => registry::login(args, environment, out),
        Verb::Push(args) => registry::push(args, environment, format, out),
        Verb::Pull(args) => registry::pull(args, environment, format, out),
        Verb::Sign(args) => registry::sign(args, environment, out),
        Verb::Verify(args) => registry::verify(args, environment, out),
        _ => Ok(()),
    }
}

fn in_registry(verb: RegistryVerb, environment: &Environment, out: &mut Printer) -> Result<(), Error> {
    match verb {
        RegistryVerb::Serve(args) => registry::run(command::Verb::Serve(args)),
        RegistryVerb::Gc(args) => registry::run(command::Verb::Gc(args)),
        RegistryVerb::List(args) => registry::list(&args, environment, out),
        RegistryVerb::Tag(args) => registry::tag(&args, environment, out),
        RegistryVerb::Delete(args) => registry::delete(&args, environment, out),
    }
}

/// Runs a host until a signal ends it.
fn host(args: &args::HostArgs, environment: &Environment) -> Result<(), Error> {
    let stop =
        control::stop_on_signals().map_err(|error| Error::internal("cannot listen to signals", error))?;
    Ok(control::run(args.options(environment.code_cache.clone(), environment.registries.clone()), &stop)?)
}
