//! Watches a run until it is drained, or until there is no use in going on.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use invoker_host::HostStatus;
use serde_json::json;

use super::feed::{Feed, InputState};
use super::running::{Running, STOP_DEADLINE};
use super::sink::OutputState;
use super::snapshot::{self, Snapshot};
use crate::data::log_failed;
use crate::deployments;
use crate::error::Exit;

/// How often the run is looked at; less often where a look asks a service.
const GLANCE: Duration = Duration::from_millis(5);
const SERVICE_GLANCE: Duration = Duration::from_millis(100);
/// How long nothing must move before inputs that a stopped partition holds back are given up.
const STUCK: Duration = Duration::from_secs(1);
/// How often the log is asked whether it still takes anything.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// How often the host looks after its lanes.
const TEND_INTERVAL: Duration = Duration::from_secs(1);

/// Why the watching ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Drained,
    /// Nobody reads standard output any more.
    Closed,
    /// Something cannot go on; waiting would not help.
    Broken,
}

impl Running<'_> {
    /// Waits until there is nothing left to do, or no use in going on.
    pub(super) fn watch(&mut self) -> Ending {
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
            self.tend();
            let status = self.host.status();
            if let Some(behind) = behind(&status) {
                self.context.behind.store(behind, Ordering::Relaxed);
            }
            if !self.context.stop.load(Ordering::Relaxed) {
                self.reload(&status);
            }
            if (!self.stays || self.context.stop.load(Ordering::Relaxed)) && self.is_drained(&status) {
                return Ending::Drained;
            }
            let (inputs, outputs) = (&self.inputs, &self.outputs);
            self.display.tick(|| Snapshot::take(inputs, status, outputs), self.started);
            std::thread::sleep(if self.is_service { SERVICE_GLANCE } else { GLANCE });
        }
    }

    /// Says what the host has to do beside its lanes.
    fn tend(&mut self) {
        if self.tended.elapsed() < TEND_INTERVAL {
            return;
        }
        self.tended = Instant::now();
        let tended = self.host.tend();
        let grown = self.host.take_up_growth(STOP_DEADLINE);
        if grown.as_ref().is_ok_and(|grown| !grown.is_empty())
            && let Err(error) = deployments::note_partitions(&self.database, self.host.document())
        {
            tracing::warn!(%error, "note the partitions of the deployment");
        }
        for done in [tended, grown] {
            match done {
                Ok(told) => {
                    told.iter().for_each(|text| self.display.say("host", text, json!({"text": text})))
                }
                Err(error) => tracing::warn!(%error, "look after the lanes"),
            }
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
        // A service that is away comes back; an embedded log that has failed does not.
        if !self.is_service && self.probed.elapsed() > PROBE_INTERVAL {
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
        for error in self.inputs.iter().filter_map(|input| input.failure()) {
            // Records that were taken from a bad file are worth finishing; a log that fails finishes nothing.
            if error.exit != Exit::File {
                return Some(Ending::Broken);
            }
            self.stop_following();
        }
        None
    }

    fn stop_following(&self) {
        if self.stays {
            self.context.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// Records between the entities and the ends of their inputs, partitions that do not go on left out; `None` while the log
/// does not tell.
fn behind(status: &HostStatus) -> Option<u64> {
    let partitions = status.entities.iter().flat_map(|entity| &entity.partitions);
    let going = partitions.filter(|at| at.state.ended().is_none());
    going.map(|at| at.lag).sum()
}
