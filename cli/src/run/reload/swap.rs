//! Takes up what was saved into a run that goes on: the host ends and starts what changed, at a commit; nothing else is
//! touched. Owns what is told about it.

use std::time::{Duration, Instant};

use invoker_host::{Change, HostStatus, PartitionState};
use serde_json::{Value, json};

use super::super::drain::Drain;
use super::super::running::{self, Running, STOP_DEADLINE};
use super::{Fresh, News, Reload};
use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::services::Chosen;

/// How long it is waited for partitions to run before it is told that they do not yet.
const PATIENCE: Duration = Duration::from_secs(5);

/// A change that was taken up, and is told as soon as everything it started runs.
pub(super) struct Swapping {
    change: Change,
    built: Vec<(String, Duration)>,
    load: Duration,
    since: Instant,
}

impl Running<'_> {
    /// Takes up what was saved since the last time.
    pub(in crate::run) fn reload(&mut self, status: &HostStatus) {
        let Some(mut reload) = self.reload.take() else { return };
        if let Some(swapping) = reload.swapping.take_if(|swapping| swapping.is_over(status)) {
            let (text, details) = swapping.told();
            self.display.say("swap", &text, details);
        }
        if reload.swapping.is_none()
            && let Ok(news) = reload.news.try_recv()
        {
            let taken = match news {
                News::Changed(fresh) => self.take_up(&reload, *fresh).map(Some),
                News::Refused(error) => Err(error),
            };
            reload.swapping = taken.unwrap_or_else(|error| {
                let text = format!("{error}\nnote: what ran before runs on");
                self.display.say("refused", &text, error.to_json());
                None
            });
        }
        self.reload = Some(reload);
    }

    fn take_up(&mut self, reload: &Reload<'_>, fresh: Fresh) -> Result<Swapping, Error> {
        let Fresh { loaded, built, load } = fresh;
        let (args, data) = (reload.args, &reload.data);
        for (option, places) in [("--input", &args.input), ("--output", &args.output)] {
            places.iter().try_for_each(|place| loaded.check_topic(&place.topic, option))?;
        }
        let on = Chosen::new(&args.services, loaded.resource(), args.secrets.as_deref())?;
        let plan = running::plan(args, loaded, data, &on)?;
        let mut document = plan.revealed(&on.services.secrets)?;
        document.generation = self.host.document().generation + 1;
        if !document.stands_on_the_same(self.host.document()) {
            let what = "the topology cannot be taken up while it runs";
            let why = "its name, its namespace, its prefix or its services are others now";
            return Err(Error::new(Exit::Topology, what, why, "end this run and start it again"));
        }
        running::prepare(data, &plan)?;
        let drain = Drain::new(&*data.log, &document)?;
        let since = Instant::now();
        let change = self.host.apply(document, plan.programs(), STOP_DEADLINE);
        let change = change.map_err(|error| Plan::start_failed(&error))?;
        self.drain = drain;
        self.context.read(running::consumed(args, &plan));
        Ok(Swapping { change, built, load, since })
    }
}

impl Swapping {
    fn is_over(&self, status: &HostStatus) -> bool {
        let new = |id: &String| self.change.restarted.contains(id) || self.change.started.contains(id);
        let mut entities = status.entities.iter().filter(|entity| new(&entity.id));
        let waits = entities.any(|entity| {
            entity.partitions.iter().any(|partition| partition.state == PartitionState::Starting)
        });
        !waits || self.since.elapsed() > PATIENCE
    }

    /// For people, and for scripts.
    fn told(&self) -> (String, Value) {
        let Change { started, reassigned, restarted, ended, kept: _, late } = &self.change;
        let parts = [
            ("swapped", restarted),
            ("started", started),
            ("ended", ended),
            ("moved partitions of", reassigned),
        ];
        let parts = parts.iter().filter(|(_, ids)| !ids.is_empty());
        let done: Vec<_> = parts.map(|(verb, ids)| format!("{verb} {}", ids.join(", "))).collect();
        let built = self.built.iter().map(|(project, time)| format!("built {project} in {}", took(*time)));
        let mut times: Vec<_> = built.collect();
        times.push(format!("loaded in {}", took(self.load)));
        let swap = self.since.elapsed();
        if done.is_empty() {
            times.push("what runs is the same as before".to_owned());
        } else {
            times.push(format!("{} in {}", done.join(", "), took(swap)));
        }
        if *late > 0 {
            times.push(format!("{late} lanes did not end in time; what they had not committed runs again"));
        }
        let builds: Vec<_> = self
            .built
            .iter()
            .map(|(project, time)| json!({"project": project, "ms": millis(*time)}))
            .collect();
        let details = json!({
            "restarted": restarted, "started": started, "ended": ended, "reassigned": reassigned, "late": late,
            "built": builds, "loadMs": millis(self.load), "swapMs": millis(swap),
        });
        (times.join("; "), details)
    }
}

fn millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn took(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.2} s", time.as_secs_f64())
    }
}
