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
mod new;
mod plan;
mod print;
mod reader;
pub mod records;
pub mod run;
mod schema;
mod services;
mod state;
mod tail;
mod test;
mod topics;

use std::path::Path;

use args::{Cli, DlqVerb, StateVerb, Verb};
use data::Data;
use environment::Environment;
use error::Error;
use invoker_host::control;
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
        Verb::Topics(args) => topics::list(&*open(&args.data)?.log, out)?,
        Verb::Tail(args) => tail::tail(&*open(&args.data.data)?.log, &args, out)?,
        Verb::State(verb) => {
            let at = match &verb {
                StateVerb::Get(args) => &args.at,
                StateVerb::Scan(args) => &args.at,
            };
            let data = open(&at.data.data)?;
            let known = deployments::load(&data.database)?;
            match &verb {
                StateVerb::Get(args) => state::get(&*data.state, &known, args, out)?,
                StateVerb::Scan(args) => state::scan(&*data.state, &known, args, out)?,
            }
        }
        Verb::Dlq(verb) => {
            let (DlqVerb::List(args) | DlqVerb::Show(args) | DlqVerb::Replay(args)) = &verb;
            let data = open(&args.data.data)?;
            let known = deployments::load(&data.database)?;
            match &verb {
                DlqVerb::List(_) => dlq::list(&*data.log, &known, args, out)?,
                DlqVerb::Show(_) => dlq::show(&*data.log, &known, args, out)?,
                DlqVerb::Replay(_) => dlq::replay(&*data.log, &known, args, out)?,
            }
        }
    }
    printer.finish()
}

/// Runs a host until a signal ends it.
fn host(args: &args::HostArgs, environment: &Environment) -> Result<(), Error> {
    let stop =
        control::stop_on_signals().map_err(|error| Error::internal("cannot listen to signals", error))?;
    Ok(control::run(args.options(environment.code_cache.clone()), &stop)?)
}

fn open(dir: &Path) -> Result<Data, Error> {
    Data::existing(dir)
}
