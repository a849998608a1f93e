//! Verbs that look into records and state, and where they look.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{kafka_address, redis_address};

/// A topology, for a command that looks in.
#[derive(Clone, Debug, Default, Args)]
pub struct TopologyArgs {
    /// Look at what belongs to this topology, in the services that it names with their logins and properties
    #[arg(long, value_name = "FILE")]
    pub topology: Option<PathBuf>,
    /// Secrets that the services refer to: a folder with a file NAME/KEY for each
    #[arg(long, value_name = "FOLDER", requires = "topology")]
    pub secrets: Option<PathBuf>,
}

/// Where records are.
#[derive(Clone, Debug, Default, Args)]
pub struct LogArgs {
    /// Look into the data directory of a run
    #[arg(long, short, value_name = "DIR", conflicts_with = "kafka")]
    pub data: Option<PathBuf>,
    /// Look into Kafka at this address, which takes the place of the topology's
    #[arg(long, value_name = "HOST:PORT", value_parser = kafka_address)]
    pub kafka: Option<String>,
    #[command(flatten)]
    pub of: TopologyArgs,
}

/// Where state is.
#[derive(Clone, Debug, Default, Args)]
pub struct StateAt {
    /// Look into the data directory of a run
    #[arg(long, short, value_name = "DIR", conflicts_with = "redis")]
    pub data: Option<PathBuf>,
    /// Look into Redis at this address, which takes the place of the topology's
    #[arg(long, value_name = "URL", value_parser = redis_address)]
    pub redis: Option<String>,
    #[command(flatten)]
    pub of: TopologyArgs,
    /// What all names in Redis begin with [default: `prefix` of the topology, else invoker]
    #[arg(long, value_name = "PREFIX", conflicts_with = "data")]
    pub service_prefix: Option<String>,
    /// Needed where several deployments have an entity of this name
    #[arg(long, value_name = "ID")]
    pub deployment: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  invoker topics --data state/\n  invoker topics --kafka localhost:9092\n  invoker topics --topology topology.yaml --secrets secrets/"
)]
pub struct TopicsArgs {
    #[command(flatten)]
    pub log: LogArgs,
}

const TAIL_HELP: &str = "\
Committed records only. Reading changes nothing: no group is joined, and no position is kept.

Examples:
  invoker tail counts --data state/ --limit 10
  invoker tail counts --kafka localhost:9092 --from end --follow
  invoker tail lines --topology topology.yaml --from 17 --partition 2 --output-format json";

#[derive(Debug, Args)]
#[command(after_help = TAIL_HELP)]
pub struct TailArgs {
    pub topic: String,
    #[command(flatten)]
    pub log: LogArgs,
    /// Where to start in each partition: start, end, an offset, @MILLISECONDS since 1970, or -N for the last N records
    #[arg(long, default_value = "start", allow_hyphen_values = true)]
    pub from: String,
    /// This partition only
    #[arg(long, short)]
    pub partition: Option<u32>,
    /// At most this many records
    #[arg(long, short = 'n')]
    pub limit: Option<u64>,
    /// Go on at the end, with what is added to the topic, until Ctrl-C
    #[arg(long, short, conflicts_with = "data")]
    pub follow: bool,
}

#[derive(Debug, Subcommand)]
pub enum StateVerb {
    /// The value of one key, or the fields of a map
    #[command(
        after_help = "Examples:\n  invoker state get count total the --data state/\n  invoker state get count total the --redis redis://localhost:6379"
    )]
    Get(StateGetArgs),
    /// Keys and values of a state
    #[command(
        after_help = "Examples:\n  invoker state scan count total --data state/ --prefix th --limit 20\n  invoker state scan sessions open --redis redis://localhost:6379 --keys"
    )]
    Scan(StateScanArgs),
    /// All state of an entity as JSON lines
    #[command(after_help = EXPORT_HELP)]
    Export(StateExportArgs),
}

const EXPORT_HELP: &str = "\
One line per value: {\"partition\": 0, \"state\": \"total\", \"key\": \"the\", \"value\": \"2\"}; also \"field\" in maps, and
\"expires\" in milliseconds since 1970 where a value does. keyBase64, fieldBase64 and valueBase64 carry bytes that are
not UTF-8. In no order, but the fields of a key one after another.

It is what the last promoted commit of each partition left. While a host runs, lines are of different moments, and one may
come twice; pause the deployment first where that matters.

Examples:
  invoker state export count --data state/ --file count.jsonl
  invoker state export count --topology topology.yaml --secrets secrets/ > count.jsonl";

#[derive(Debug, Args)]
pub struct StateGetArgs {
    pub entity: String,
    /// Name of the state, as the function declares it
    pub state: String,
    pub key: String,
    /// One field of a map; without it the whole map
    #[arg(long)]
    pub field: Option<String>,
    #[command(flatten)]
    pub at: StateAt,
}

#[derive(Debug, Args)]
pub struct StateScanArgs {
    pub entity: String,
    /// Name of the state, as the function declares it
    pub state: String,
    /// Keys that start with this
    #[arg(long, default_value = "")]
    pub prefix: String,
    /// Keys alone, each once
    #[arg(long)]
    pub keys: bool,
    /// This partition only
    #[arg(long, short)]
    pub partition: Option<u32>,
    /// At most this many
    #[arg(long, short = 'n')]
    pub limit: Option<u64>,
    #[command(flatten)]
    pub at: StateAt,
}

#[derive(Debug, Args)]
pub struct StateExportArgs {
    pub entity: String,
    /// Write to this file instead of standard output; it is there when everything is in it
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// This partition only
    #[arg(long, short)]
    pub partition: Option<u32>,
    #[command(flatten)]
    pub at: StateAt,
}

impl StateVerb {
    pub(crate) fn at(&self) -> &StateAt {
        match self {
            Self::Get(args) => &args.at,
            Self::Scan(args) => &args.at,
            Self::Export(args) => &args.at,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum DlqVerb {
    /// One line per dead letter
    #[command(
        after_help = "Examples:\n  invoker dlq list --data state/ --code bad-json\n  invoker dlq list --kafka localhost:9092"
    )]
    List(DlqArgs),
    /// Everything about dead letters: error, place, key, value, headers
    #[command(after_help = "Example:\n  invoker dlq show --data state/ --at 2/17")]
    Show(DlqArgs),
    /// Send dead letters back to the topics they came from
    #[command(after_help = REPLAY_HELP)]
    Replay(DlqArgs),
}

const REPLAY_HELP: &str = "\
Each is sent once, however often this is run: that it was sent commits in one transaction with the record. In Kafka this is
kept as the position of a group, for as long as Kafka keeps those (offsets.retention.minutes, 7 days by default, after
the last replay); of letters that outlive it, what was sent back before is sent again.

Examples:
  invoker dlq replay --data state/ --entity parse --code bad-json
  invoker dlq replay --topology topology.yaml --secrets secrets/";

#[derive(Clone, Debug, Default, Args)]
pub struct DlqArgs {
    #[command(flatten)]
    pub log: LogArgs,
    /// Of this dead-letter topic only
    #[arg(long)]
    pub topic: Option<String>,
    /// Of this entity only
    #[arg(long)]
    pub entity: Option<String>,
    /// With this error code only
    #[arg(long)]
    pub code: Option<String>,
    /// This partition and offset of the dead-letter topic only, as `list` shows it. May be repeated
    #[arg(long, value_name = "PARTITION/OFFSET", value_parser = place)]
    pub at: Vec<(u32, u64)>,
    /// Those that were sent back already, too
    #[arg(long)]
    pub all: bool,
}

impl DlqVerb {
    pub(crate) fn args(&self) -> &DlqArgs {
        let (Self::List(args) | Self::Show(args) | Self::Replay(args)) = self;
        args
    }
}

fn place(text: &str) -> Result<(u32, u64), String> {
    let parsed = text.split_once('/').and_then(|(p, o)| Some((p.parse().ok()?, o.parse().ok()?)));
    parsed.ok_or_else(|| "a partition, a slash and an offset are needed, such as 2/17".to_owned())
}
