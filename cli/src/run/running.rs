//! Everything that runs: started in one order, ended in the other.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use invoker_host::db::{self, Database};
use invoker_host::{Backends, Host};
use serde_json::json;

use super::display::Display;
use super::drain::Drain;
use super::feed::{Feed, FeedContext, Input, InputProgress, InputSource, InputState};
use super::interrupt::Interrupt;
use super::reload::{Reload, Reloader};
use super::sink::{Output, OutputProgress, OutputState, Sink};
use super::snapshot::{self, Snapshot};
use super::watch::Ending;
use crate::args::{Durability, RunArgs, TopicPlace};
use crate::data::{self, Data};
use crate::deployments;
use crate::error::{Error, Exit, counted};
use crate::plan::{Loaded, Plan};
use crate::services::Chosen;

/// How long the host may take to end once everything is asked to.
pub(super) const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// What a run is started with.
pub(super) struct Start<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) loaded: Loaded,
    pub(super) reloader: Option<Reloader>,
    pub(super) inputs: Vec<Input>,
    pub(super) outputs: Vec<Output>,
    pub(super) interrupt: Interrupt,
    pub(super) display: Display,
    pub(super) started: Instant,
}

/// Everything that runs.
pub(super) struct Running<'a> {
    pub(super) host: Host,
    pub(super) feeds: Vec<Feed>,
    sinks: Vec<Sink>,
    pub(super) inputs: Vec<Arc<InputProgress>>,
    pub(super) outputs: Vec<Arc<OutputProgress>>,
    pub(super) drain: Drain,
    /// What inputs share with this.
    pub(super) context: FeedContext,
    /// Where the deployment is noted.
    pub(super) database: Database,
    /// What is saved while this runs.
    pub(super) reload: Option<Reload<'a>>,
    /// Since when inputs that a stopped partition holds back have not moved.
    pub(super) stuck: Option<Instant>,
    /// When the log was last asked whether it still takes anything.
    pub(super) probed: Instant,
    /// When the host last looked after its lanes.
    pub(super) tended: Instant,
    /// Why the log takes nothing more.
    pub(super) log_error: Option<Error>,
    pub(super) interrupt: Interrupt,
    /// The run goes on when everything is processed.
    pub(super) stays: bool,
    kept: bool,
    /// The log is one that may be away for a while.
    pub(super) is_service: bool,
    pub(super) display: Display,
    pub(super) started: Instant,
}

impl<'a> Running<'a> {
    /// Outputs first, so that no record passes them; inputs last, so that all is ready for them.
    pub(super) fn start(start: Start<'a>) -> Result<Self, Error> {
        let Start { args, loaded, reloader, inputs, outputs, interrupt, display, started } = start;
        let on = Chosen::new(&args.services, loaded.resource(), args.secrets.as_deref())?;
        on.check_data(args.data.as_deref())?;
        let data = open(args, &on)?;
        let plan = plan(args, loaded, &data, &on)?;
        let document = plan.revealed(&on.services.secrets)?;
        prepare(&data, &plan)?;
        greet(&display, args, &on, &plan, &inputs);
        let sinks = start_sinks(&outputs, &data, &plan)?;
        let drain = Drain::new(&*data.log, &plan.document)?;
        let backends = Backends { log: Arc::clone(&data.log), state: Arc::clone(&data.state) };
        let host =
            Host::start(document, plan.programs(), backends).map_err(|error| Plan::start_failed(&error))?;
        let (kept, is_service, database) = (data.keeps, data.is_service, data.database.clone());
        let context = context(args, &data, &plan);
        if let Some(reloader) = &reloader {
            let watched = reloader.watches();
            display.say("watch", &format!("watching {}", watched.join(", ")), json!({"watched": watched}));
        }
        let reload = reloader.map(|reloader| reloader.start(args, data)).transpose()?;
        let feeds = start_feeds(inputs, &context)?;
        Ok(Self {
            host,
            inputs: feeds.iter().map(|feed| Arc::clone(&feed.progress)).collect(),
            outputs: sinks.iter().map(|sink| Arc::clone(&sink.progress)).collect(),
            feeds,
            sinks,
            drain,
            context,
            database,
            reload,
            stuck: None,
            probed: started,
            tended: started,
            log_error: None,
            interrupt,
            stays: args.follow || args.watch,
            kept,
            is_service,
            display,
            started,
        })
    }

    /// Ends everything in order, and says how it went.
    pub(super) fn end(mut self, ending: Ending) -> Result<(), Error> {
        self.context.stop.store(true, Ordering::Relaxed);
        drop(self.reload);
        self.feeds.into_iter().for_each(Feed::join);
        let mut errors: Vec<Error> = self.log_error.into_iter().collect();
        let status = self.host.status();
        // Its last commits are outputs too.
        if let Err(error) = self.host.stop(STOP_DEADLINE) {
            errors.push(Error::internal("the host did not end in order", error));
        }
        for sink in self.sinks {
            if let OutputState::Failed(error) = sink.finish() {
                errors.push(error);
            }
        }
        errors.extend(self.inputs.iter().filter_map(|input| input.failure()));
        let snapshot = Snapshot::take(&self.inputs, status, &self.outputs);
        errors.extend(stopped(&snapshot, self.kept));
        let interrupted = self.interrupt.asked() && !self.stays;
        if interrupted && self.inputs.iter().any(|input| input.state() == InputState::CutShort) {
            errors.push(unread(self.kept));
        }
        // Who closed the pipe wants to hear nothing more.
        if ending != Ending::Closed {
            let word = match (ending, interrupted, errors.is_empty()) {
                (Ending::Broken, ..) => "failed",
                (_, true, _) => "interrupted",
                (_, _, true) => "drained",
                (_, _, false) => "ended",
            };
            self.display.finish(&snapshot, self.started.elapsed(), word);
        }
        errors.into_iter().reduce(Error::and).map_or(Ok(()), Err)
    }
}

fn open(args: &RunArgs, on: &Chosen) -> Result<Data, Error> {
    let durability = match args.durability {
        Durability::Commit => db::Durability::Commit,
        Durability::Process => db::Durability::Process,
    };
    let database = match &args.data {
        Some(dir) => data::open(dir, durability)?,
        None => Database::memory(),
    };
    Data::on(&on.services, database)
}

/// Plans a topology onto what this run reads and writes.
pub(super) fn plan(args: &RunArgs, loaded: Loaded, data: &Data, on: &Chosen) -> Result<Plan, Error> {
    let topics = |places: &[TopicPlace]| places.iter().map(|place| place.topic.clone()).collect();
    loaded.plan_run(&*data.log, on, topics(&args.input), topics(&args.output))
}

/// What must be there before anything reads or writes.
pub(super) fn prepare(data: &Data, plan: &Plan) -> Result<(), Error> {
    plan.create_topics(&*data.log)?;
    for (group, topic) in plan.readers() {
        data.expect_reader(&group, topic);
    }
    deployments::save(&data.database, &plan.deployment())
}

fn start_sinks(outputs: &[Output], data: &Data, plan: &Plan) -> Result<Vec<Sink>, Error> {
    let names = plan.names();
    let start = |(number, output)| Sink::start(number, output, data, &names);
    outputs.iter().enumerate().map(start).collect()
}

fn start_feeds(inputs: Vec<Input>, context: &FeedContext) -> Result<Vec<Feed>, Error> {
    let start = |(number, input)| Feed::start(number, input, context.clone());
    inputs.into_iter().enumerate().map(start).collect()
}

/// Topics that are read, by entities or outputs.
pub(super) fn consumed(args: &RunArgs, plan: &Plan) -> Vec<String> {
    let read = plan.readers().map(|(_, topic)| topic).chain(args.output.iter().map(|output| &output.topic));
    let consumed: BTreeSet<&String> = read.collect();
    consumed.into_iter().cloned().collect()
}

fn context(args: &RunArgs, data: &Data, plan: &Plan) -> FeedContext {
    FeedContext {
        log: Arc::clone(&data.log),
        names: plan.names(),
        keep: data.keeps,
        follow: args.follow,
        consumed: Arc::new(Mutex::new(consumed(args, plan))),
        behind: Arc::default(),
        stop: Arc::default(),
    }
}

/// What the user should know before anything happens.
fn greet(display: &Display, args: &RunArgs, on: &Chosen, plan: &Plan, inputs: &[Input]) {
    let entities: Vec<&str> = plan.document.entities.iter().map(|entity| entity.id.as_str()).collect();
    let place = on.places(args.data.as_deref());
    let text = format!("running {}: {}; {place}", plan.document.deployment, entities.join(", "));
    let details = json!({
        "deployment": plan.document.deployment,
        "entities": entities,
        "data": args.data.as_ref().map(|dir| dir.display().to_string()),
        "kafka": on.services.kafka.as_ref().map(|kafka| &kafka.bootstrap_servers),
        "redis": on.services.redis.is_some(),
    });
    display.say("start", &text, details);
    for text in plan.notes() {
        display.say("note", text, json!({"text": text}));
    }
    let note = |text: &str| display.say("note", text, json!({"text": text}));
    if (args.data.is_some() || on.services.kafka.is_some())
        && inputs.iter().any(|input| input.source == InputSource::Stdin)
    {
        note(
            "input - has no position to go on from: what is piped in again after a kill comes twice (at least once)",
        );
    }
    if args.durability == Durability::Process {
        note("--durability process: commits survive the end of this process, not that of the machine");
    }
}

/// Partitions that did not go on to their end.
fn stopped(snapshot: &Snapshot, kept: bool) -> Option<Error> {
    let stopped: Vec<_> = snapshot::stopped(&snapshot.status).collect();
    let (entity, partition, error) = stopped.first()?;
    let what = match stopped.len() {
        1 => format!("partition {partition} of entity {entity:?} stopped"),
        n => format!("{} stopped, partition {partition} of entity {entity:?} first", counted(n, "partition")),
    };
    let help = if kept {
        "mend the cause and run again: it goes on where it stopped"
    } else {
        "mend the function, or choose onFailure: dead-letter or skip; with --data a run can go on where it stopped"
    };
    Some(Error::new(Exit::Stopped, what, error, help))
}

fn unread(kept: bool) -> Error {
    let help = if kept {
        "run it again: it goes on where it ended"
    } else {
        "with --data a run can go on where it ended"
    };
    Error::new(Exit::Interrupted, "interrupted", "inputs were not read to their end", help)
}
