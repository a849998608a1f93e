//! The command line: verbs, options and their help. Parsed once; what a verb does stands in its own module.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use invoker_core::topology::{addresses, is_kafka_address, is_redis_address};
use invoker_oci::Address;

use crate::build::BuildArgs;
use crate::completion::{CompletionArgs, ManArgs};
use crate::doctor::DoctorArgs;
use crate::new::NewArgs;
use crate::records::{InputFormat, OutputFormat};
use crate::schema::SchemaArgs;
use crate::test::TestArgs;

mod look;
mod share;

pub use invoker_host::command::HostArgs;
pub use look::*;
pub use share::*;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    internal error
  2    command line not understood
  3    topology or host document not valid
  4    function refused
  5    input or output file
  6    data directory
  7    a partition stopped
  8    a case came out otherwise
  9    a tool is missing
  10   Kafka, Redis or a registry
  130  interrupted before the end";

/// Functions on streams: WebAssembly components between topics, with state, exactly once
#[derive(Debug, Parser)]
#[command(name = "invoker", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
    /// How results and errors are printed
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub output_format: Format,
    /// Print what happens inside, and where an internal error comes from
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For scripts: one JSON object per line
    Json,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a function project
    New(NewArgs),
    /// Make the component of a function project
    Build(BuildArgs),
    /// Run the cases of a function in the real engine
    Test(TestArgs),
    /// Run a topology in this process, with nothing to install
    Run(RunArgs),
    /// Run what a host document says, as a pod does
    Host(HostArgs),
    /// Show what a component declares, or how a topology fits together
    Inspect(InspectArgs),
    /// Log in to a registry
    Login(LoginArgs),
    /// Push a function to a registry
    Push(PushArgs),
    /// Pull a function from a registry
    Pull(PullArgs),
    /// Sign a function in a registry
    Sign(SignArgs),
    /// Say who signed a function in a registry
    Verify(VerifyArgs),
    /// Run a registry, or look into one
    #[command(subcommand)]
    Registry(RegistryVerb),
    /// List topics
    Topics(TopicsArgs),
    /// Show the records of a topic
    Tail(TailArgs),
    /// Look into keyed state
    #[command(subcommand)]
    State(StateVerb),
    /// Records that could not be processed
    #[command(subcommand)]
    Dlq(DlqVerb),
    /// Print the JSON Schema of topology.yaml
    Schema(SchemaArgs),
    /// Look whether this machine has what building needs
    Doctor(DoctorArgs),
    /// Print the completions of a shell
    Completion(CompletionArgs),
    /// Write the manual pages
    Man(ManArgs),
}

const RUN_HELP: &str = "\
Examples:
  invoker run topology.yaml --input lines=book.txt --output counts=-
  cat log | invoker run topology.yaml --input lines=- --output counts=counts.jsonl
  invoker run topology.yaml --input lines=inbox/ --data state/ --follow

Inputs: every line is a record without key, an empty line too. A line ends with a newline, which may have
a carriage return in front; neither belongs to the record. All other bytes pass as they are. Files ending
in .jsonl or .ndjson hold JSON lines: {\"key\": \"k\", \"value\": \"v\", \"timestamp\": 0, \"headers\": [{\"name\":
\"n\", \"value\": \"v\"}]}; keyBase64 and valueBase64 carry bytes that are not UTF-8. A folder is read in the
order of its file names, hidden files and folders in it left out.

With --data a run goes on where the one before ended: files from the byte after the last record, outputs
from where they were written to. What `-` reads has no position: if a run is killed, what is piped in again
comes twice. What `-` writes cannot be taken back: its tail may come again.

With --kafka or --redis, or --services for those of the topology, records and state are there and outlive the run:
the next one goes on where it ended, and so does a host of the same deployment. Positions of files and outputs are
kept in Kafka with the records, for as long as it keeps those of groups (offsets.retention.minutes, 7 days by
default, after the last run). Where one of the two is embedded, --data keeps it.

With --watch, saving a source, a component or the topology is enough: what changed is built as by `invoker build` and
takes the place of what ran, which commits before; no record is lost or comes twice. What does not build, or is not
valid, is told, and what ran before runs on. Inputs are read as without it.

Without --follow and --watch the run ends when every input is at its end and everything is processed. Ctrl-C finishes what was
read and ends; a second one quits at once. Messages go to standard error, records to standard output.";

#[derive(Debug, Args)]
#[command(after_help = RUN_HELP)]
pub struct RunArgs {
    /// The topology, or the folder of a topology.yaml
    pub topology: PathBuf,
    /// Records for a topic: a file, a folder, or - for standard input. May be repeated
    #[arg(long, short, value_name = "TOPIC=FILE|DIR|-", value_parser = topic_and_place)]
    pub input: Vec<TopicPlace>,
    /// A file for the records of a topic, or - for standard output. May be repeated
    #[arg(long, short, value_name = "TOPIC=FILE|-", value_parser = topic_and_place)]
    pub output: Vec<TopicPlace>,
    /// Keep topics, positions and state in this directory. Without it they are in memory
    #[arg(long, short, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[command(flatten)]
    pub services: ServiceArgs,
    /// What is sure to be kept: every commit, or every commit unless the machine itself fails
    #[arg(long, value_enum, default_value_t = Durability::Commit, requires = "data")]
    pub durability: Durability,
    /// Registry of functions whose names have no host, in place of the topology's [default: the topology's, else
    /// INVOKER_REGISTRY]
    #[arg(long, value_name = "URL")]
    pub registry: Option<Address>,
    /// Go on when the inputs are at their end, and read what is added to them
    #[arg(long, short)]
    pub follow: bool,
    /// Build functions anew when their sources are saved, and swap them into the run; take up changes of the topology.
    /// Goes on until Ctrl-C
    #[arg(long)]
    pub watch: bool,
    /// Secrets that settings and services refer to: a folder with a file NAME/KEY for each
    #[arg(long, value_name = "FOLDER")]
    pub secrets: Option<PathBuf>,
    /// What a line of every input is; by default the name of the file says it
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub input_records: Option<InputFormat>,
    /// What a record of every output looks like; by default json for .jsonl and .ndjson files, else value
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub output_records: Option<OutputFormat>,
}

/// Which services to use instead of what is embedded.
#[derive(Clone, Debug, Default, Args)]
pub struct ServiceArgs {
    /// Kafka, for the records: its address, in place of the topology's
    #[arg(long, value_name = "HOST:PORT", value_parser = kafka_address)]
    pub kafka: Option<String>,
    /// Redis, for the state: its address, in place of the topology's
    #[arg(long, value_name = "URL", value_parser = redis_address)]
    pub redis: Option<String>,
    /// Use the Kafka and Redis that the topology names, with their logins and properties
    #[arg(long)]
    pub services: bool,
}

fn kafka_address(text: &str) -> Result<String, String> {
    let all = addresses(text).all(is_kafka_address);
    all.then(|| text.to_owned()).ok_or_else(|| "it is host:port, several with commas between".to_owned())
}

fn redis_address(text: &str) -> Result<String, String> {
    let all = addresses(text).all(is_redis_address);
    all.then(|| text.to_owned()).ok_or_else(|| "it begins with redis://, rediss:// or unix://".to_owned())
}

/// What survives what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Durability {
    /// Synced to disk with every commit
    Commit,
    /// Given to the operating system with every commit
    Process,
}

/// A topic, and where its records come from or go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPlace {
    pub topic: String,
    pub place: String,
}

fn topic_and_place(text: &str) -> Result<TopicPlace, String> {
    match text.split_once('=') {
        Some((topic, place)) if !topic.is_empty() && !place.is_empty() => {
            Ok(TopicPlace { topic: topic.to_owned(), place: place.to_owned() })
        }
        _ => Err("a topic, an equals sign and a file are needed, such as lines=book.txt".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  invoker inspect target/wasm32-wasip2/release/split.wasm\n  invoker inspect topology.yaml\n  invoker inspect team/split:1.0.0"
)]
pub struct InspectArgs {
    /// A .wasm file, a function project, a topology, or the name of a function in a registry
    pub what: PathBuf,
    #[command(flatten)]
    pub of: RegistryArgs,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_place_may_hold_an_equals_sign() {
        let place = topic_and_place("lines=a=b.txt").unwrap();
        assert_eq!((place.topic.as_str(), place.place.as_str()), ("lines", "a=b.txt"));
        assert!(topic_and_place("lines").is_err() && topic_and_place("=x").is_err());
    }
}
