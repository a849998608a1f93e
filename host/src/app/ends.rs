//! How far inputs go beyond what is committed. Owns that a log which is away is not asked again and again: each question
//! takes seconds then, and whoever wants a status waits for all of them.

use std::time::{Duration, Instant};

use crate::log::{Source, TopicPartition};

/// How long a log that did not answer is left alone.
const PAUSE: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5_000 });

/// The ends of inputs, as the log tells them.
pub(super) struct Ends {
    source: Box<dyn Source>,
    /// The log did not answer: not asked until then.
    pause: Option<Instant>,
}

impl Ends {
    pub(super) fn of(source: Box<dyn Source>) -> Self {
        Self { source, pause: None }
    }

    pub(super) fn source(&self) -> &dyn Source {
        self.source.as_ref()
    }

    /// Records of a partition behind this position; `None` = the log does not tell.
    pub(super) fn lag(&mut self, partition: &TopicPartition, committed: u64) -> Option<u64> {
        if self.pause.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        match self.source.bounds(partition) {
            Ok((_, end)) => Some(end.saturating_sub(committed)),
            Err(error) => {
                self.pause = error.is_retryable().then(|| Instant::now() + PAUSE);
                None
            }
        }
    }
}
