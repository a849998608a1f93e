//! `invoker run`: a whole topology in this process.
//!
//! Inputs ([`feed`]) write topics, the host runs the entities, outputs ([`sink`]) read topics. This module starts
//! them, watches until everything is drained or somebody ends the run, and ends them in order.

pub mod display;
mod drain;
pub mod feed;
mod interrupt;
pub mod sink;
pub mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use invoker_host::db::{self, Database};
use invoker_host::{Backends, Host, HostStatus, PartitionState};
use serde_json::json;

pub use display::Screen;

use self::display::Display;
use self::drain::Drain;
use self::feed::{Feed, FeedContext, Input, InputProgress, InputSource, InputState};
use self::interrupt::Interrupt;
use self::sink::{Output, OutputProgress, OutputState, OutputTarget, Sink};
use self::snapshot::Snapshot;
use crate::args::{Durability, Format, RunArgs, TopicPlace};
use crate::data::{Data, log_failed};
use crate::deployments;
use crate::environment::Environment;
use crate::error::{Error, Exit, counted};
use crate::plan::{Loaded, Plan};
use crate::records::{OutputFormat, is_json_lines};

/// How often the run is looked at.
const GLANCE: Duration = Duration::from_millis(5);
/// How long nothing must move before inputs that a stopped partition holds back are given up.
const STUCK: Duration = Duration::from_secs(1);
/// How often the log is asked whether it still takes anything.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How long the host may take to end once everything is asked to.
const STOP_DEADLINE: Duration = Duration::from_secs(10);

/// Runs a topology until it is drained, or ended.
pub fn run(args: &RunArgs, format: Format, environment: &Environment, screen: &Screen) -> Result<(), Error> {
    let started = Instant::now();
    let interrupt = Interrupt::listen()?;
    let loaded = Loaded::read(&args.topology, environment)?;
    let inputs = inputs(args, &loaded)?;
    let outputs = outputs(args, &loaded, &inputs)?;
    let to_stdout = outputs.iter().any(|output| output.target == OutputTarget::Stdout);
    let live = format == Format::Text
        && rustix::termios::isatty(rustix::stdio::stderr())
        && !(to_stdout && rustix::termios::isatty(rustix::stdio::stdout()));
    let display = Display::new(screen.clone(), format, live);
    let mut running = Running::start(args, loaded, inputs, &outputs, interrupt, display, started)?;
    let ending = running.watch();
    running.end(ending)
}

fn inputs(args: &RunArgs, loaded: &Loaded) -> Result<Vec<Input>, Error> {
    let mut inputs: Vec<Input> = Vec::new();
    for TopicPlace { topic, place } in &args.input {
        loaded.check_topic(topic, "--input")?;
        let source = if place == "-" { InputSource::Stdin } else { InputSource::Path(PathBuf::from(place)) };
        if let InputSource::Path(path) = &source {
            path.metadata().map_err(|error| feed::unreadable(path, &error))?;
        }
        let input = Input { topic: topic.clone(), source, format: args.input_records };
        let stdin_twice =
            input.source == InputSource::Stdin && inputs.iter().any(|i| i.source == input.source);
        if stdin_twice || inputs.contains(&input) {
            let why = "its records would be split between them, or come twice";
            let help = "give it once; two entities may read one topic";
            return Err(Error::new(Exit::Usage, format!("input {place:?} is given twice"), why, help));
        }
        inputs.push(input);
    }
    Ok(inputs)
}

fn outputs(args: &RunArgs, loaded: &Loaded, inputs: &[Input]) -> Result<Vec<Output>, Error> {
    let mut outputs: Vec<Output> = Vec::new();
    for TopicPlace { topic, place } in &args.output {
        loaded.check_topic(topic, "--output")?;
        let target =
            if place == "-" { OutputTarget::Stdout } else { OutputTarget::Path(PathBuf::from(place)) };
        let by_name = match &target {
            OutputTarget::Path(path) if is_json_lines(path) => OutputFormat::Json,
            _ => OutputFormat::Value,
        };
        let output = Output { topic: topic.clone(), target, format: args.output_records.unwrap_or(by_name) };
        if let OutputTarget::Path(path) = &output.target {
            let is_file = path.metadata().map_or(true, |metadata| metadata.is_file());
            let twice = is_file && outputs.iter().any(|other| other.target == output.target);
            let same = |input: &Input| match &input.source {
                InputSource::Path(read) => match (read.canonicalize(), path.canonicalize()) {
                    (Ok(read), Ok(path)) => is_file && (read == path || path.parent() == Some(&read)),
                    _ => false,
                },
                InputSource::Stdin => false,
            };
            let why = match (twice, inputs.iter().any(same)) {
                (true, _) => "two outputs would write over each other",
                (_, true) => "it is read as an input, too",
                _ => "",
            };
            if !why.is_empty() {
                let what = format!("cannot write output {place:?}");
                return Err(Error::new(Exit::Usage, what, why, "give another file"));
            }
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// Why the watching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Drained,
    /// Nobody reads standard output any more.
    Closed,
    /// Something cannot go on; waiting would not help.
    Broken,
}

/// Everything that runs.
struct Running {
    host: Host,
    feeds: Vec<Feed>,
    sinks: Vec<Sink>,
    inputs: Vec<Arc<InputProgress>>,
    outputs: Vec<Arc<OutputProgress>>,
    drain: Drain,
    /// What inputs share with this.
    context: FeedContext,
    stuck: Option<Instant>,
    /// When the log was last asked whether it still takes anything.
    probed: Instant,
    /// Why the log takes nothing more.
    log_error: Option<Error>,
    interrupt: Interrupt,
    follow: bool,
    kept: bool,
    display: Display,
    started: Instant,
}

impl Running {
    fn start(
        args: &RunArgs,
        loaded: Loaded,
        inputs: Vec<Input>,
        outputs: &[Output],
        interrupt: Interrupt,
        display: Display,
        started: Instant,
    ) -> Result<Self, Error> {
        let data = match &args.data {
            Some(dir) => Data::open(dir, durability(args.durability))?,
            None => Data::over(Database::memory())?,
        };
        let kept = args.data.is_some();
        let plan = loaded.plan_run(
            &*data.log,
            inputs.iter().map(|input| input.topic.clone()).collect(),
            outputs.iter().map(|output| output.topic.clone()).collect(),
        )?;
        let document = plan.revealed(args.secrets.as_deref())?;
        plan.create_topics(&*data.log)?;
        for (group, topic) in plan.readers() {
            data.expect_reader(&group, topic);
        }
        deployments::save(&data.database, &plan.deployment())?;
        greet(&display, args, &plan, &inputs);
        let deployment = plan.document.deployment.as_str();
        let sinks = outputs.iter().enumerate();
        let sinks: Vec<Sink> = sinks
            .map(|(number, output)| Sink::start(number, output, &data, deployment))
            .collect::<Result<_, _>>()?;
        let backends = Backends { log: Arc::clone(&data.log), state: Arc::clone(&data.state) };
        let host =
            Host::start(document, plan.programs(), backends).map_err(|error| Plan::start_failed(&error))?;
        let context = FeedContext {
            log: Arc::clone(&data.log),
            deployment: deployment.to_owned(),
            keep: kept,
            follow: args.follow,
            consumed: plan
                .readers()
                .map(|(_, topic)| topic)
                .chain(outputs.iter().map(|o| &o.topic))
                .cloned()
                .collect(),
            behind: Arc::default(),
            stop: Arc::default(),
        };
        let feeds = inputs.into_iter().enumerate();
        let feeds: Vec<Feed> = feeds
            .map(|(number, input)| Feed::start(number, input, context.clone()))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            drain: Drain::new(&*data.log, &plan.document)?,
            host,
            inputs: feeds.iter().map(|feed| Arc::clone(&feed.progress)).collect(),
            outputs: sinks.iter().map(|sink| Arc::clone(&sink.progress)).collect(),
            feeds,
            sinks,
            context,
            stuck: None,
            probed: started,
            log_error: None,
            interrupt,
            follow: args.follow,
            kept,
            display,
            started,
        })
    }

    /// Waits until there is nothing left to do, or no use in going on.
    fn watch(&mut self) -> Ending {
        loop {
            if self.interrupt.asked() && !self.context.stop.swap(true, Ordering::Relaxed) {
                let text =
                    "ending: inputs are closed, what was read is finished (Ctrl-C again quits at once)";
                self.display.say("ending", text, json!({}));
            }
            if let Some(ending) = self.broken() {
                self.context.stop.store(true, Ordering::Relaxed);
                return ending;
            }
            let status = self.host.status();
            self.context.behind.store(behind(&status), Ordering::Relaxed);
            if (!self.follow || self.context.stop.load(Ordering::Relaxed)) && self.is_drained(&status) {
                return Ending::Drained;
            }
            let (inputs, outputs) = (&self.inputs, &self.outputs);
            self.display.tick(|| Snapshot::take(inputs, status, outputs), self.started);
            std::thread::sleep(GLANCE);
        }
    }

    /// Inputs at their end, or held back for ever by a partition that stopped, and everything processed that can be.
    fn is_drained(&mut self, status: &HostStatus) -> bool {
        // The status was taken before this look at the inputs: what they wrote in between is behind the committed
        // positions in it, so that it cannot pass for settled. A log that cannot tell its ends is seen by the probe.
        let all_ended = self.feeds.iter().all(Feed::is_finished);
        if all_ended {
            return self.drain.is_settled(status).unwrap_or(false);
        }
        let held_back = |feed: &Feed| feed.is_finished() || feed.progress.state() == InputState::HeldBack;
        let stuck = self.feeds.iter().all(held_back)
            && snapshot::stopped(status).next().is_some()
            && self.context.is_full()
            && self.drain.is_settled(status).unwrap_or(false);
        if !stuck {
            self.stuck = None;
        }
        stuck && self.stuck.get_or_insert_with(Instant::now).elapsed() > STUCK
    }

    fn broken(&mut self) -> Option<Ending> {
        if self.probed.elapsed() > PROBE_INTERVAL {
            self.probed = Instant::now();
            // Entities try again and again on a log that has failed for good; a new producer is told at once.
            if let Err(error) = self.context.log.producer("invoker-run.probe") {
                self.log_error = Some(log_failed("cannot write to the log", &error));
                return Some(Ending::Broken);
            }
        }
        for output in &self.outputs {
            match output.state() {
                OutputState::Closed => return Some(Ending::Closed),
                OutputState::Failed(_) => return Some(Ending::Broken),
                OutputState::Writing | OutputState::Ended => {}
            }
        }
        let failed = self.inputs.iter().filter_map(|input| match input.state() {
            InputState::Failed(error) => Some(error),
            _ => None,
        });
        for error in failed {
            // Records that were taken from a bad file are worth finishing; a log that fails finishes nothing.
            if error.exit != Exit::File {
                return Some(Ending::Broken);
            }
            self.stop_following();
        }
        None
    }

    fn stop_following(&self) {
        if self.follow {
            self.context.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Ends everything in order, and says how it went.
    fn end(mut self, ending: Ending) -> Result<(), Error> {
        self.context.stop.store(true, Ordering::Relaxed);
        self.feeds.into_iter().for_each(Feed::join);
        let unread_inputs = self.inputs.iter().any(|input| input.state() == InputState::CutShort);
        let mut errors: Vec<Error> = self.log_error.into_iter().collect();
        for sink in self.sinks {
            if let OutputState::Failed(error) = sink.finish() {
                errors.push(error);
            }
        }
        errors.extend(self.inputs.iter().filter_map(|input| match input.state() {
            InputState::Failed(error) => Some(error),
            _ => None,
        }));
        let snapshot = Snapshot::take(&self.inputs, self.host.status(), &self.outputs);
        if let Err(error) = self.host.stop(STOP_DEADLINE) {
            errors.push(Error::internal("the host did not end in order", error));
        }
        errors.extend(stopped(&snapshot, self.kept));
        let interrupted = self.interrupt.asked() && !self.follow;
        if ending != Ending::Closed {
            let word = match (ending, interrupted, errors.is_empty()) {
                (Ending::Broken, ..) => "failed",
                (_, true, _) => "interrupted",
                (_, _, true) => "drained",
                (_, _, false) => "ended",
            };
            self.display.finish(&snapshot, self.started.elapsed(), word);
        }
        if interrupted && unread_inputs {
            errors.push(unread(self.kept));
        }
        errors.into_iter().reduce(Error::and).map_or(Ok(()), Err)
    }
}

fn durability(wanted: Durability) -> db::Durability {
    match wanted {
        Durability::Commit => db::Durability::Commit,
        Durability::Process => db::Durability::Process,
    }
}

/// Records between the entities and the ends of their inputs, partitions that do not go on left out.
fn behind(status: &HostStatus) -> u64 {
    let partitions = status.entities.iter().flat_map(|entity| &entity.partitions);
    let going = partitions.filter(|at| !matches!(at.state, PartitionState::Stopped { .. }));
    going.map(|at| at.lag).sum()
}

/// What the user should know before anything happens.
fn greet(display: &Display, args: &RunArgs, plan: &Plan, inputs: &[Input]) {
    let entities: Vec<&str> = plan.document.entities.iter().map(|entity| entity.id.as_str()).collect();
    let place = match &args.data {
        Some(dir) => format!("data in {}", dir.display()),
        None => "data in memory".to_owned(),
    };
    let text = format!("running {}: {}; {place}", plan.document.deployment, entities.join(", "));
    let details = json!({
        "deployment": plan.document.deployment,
        "entities": entities,
        "data": args.data.as_ref().map(|dir| dir.display().to_string()),
    });
    display.say("start", &text, details);
    for text in plan.notes() {
        display.say("note", text, json!({"text": text}));
    }
    let note = |text: &str| display.say("note", text, json!({"text": text}));
    if args.data.is_some() && inputs.iter().any(|input| input.source == InputSource::Stdin) {
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
        "mend the function or the record's source and run again: it goes on in front of that record"
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
