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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use invoker_core::records::RecordBatch;

    use super::*;
    use crate::log::{Committed, Error, PollLimit, Slot};

    /// A log that is away for as many questions, and then ends at 10.
    struct Away {
        left: Arc<AtomicU64>,
    }

    fn away<T>() -> Result<T, Error> {
        Err(Error::TimedOut { what: "an answer".to_owned() })
    }

    impl Source for Away {
        fn assign(&mut self, _: &TopicPartition, _: u64) -> Result<Slot, Error> {
            away()
        }

        fn unassign(&mut self, _: Slot) {}

        fn seek(&mut self, _: Slot, _: u64) -> Result<(), Error> {
            away()
        }

        fn pause(&mut self, _: Slot) {}

        fn resume(&mut self, _: Slot) {}

        fn poll(&mut self, _: PollLimit, _: Duration, _: &mut RecordBatch) -> Result<Option<Slot>, Error> {
            away()
        }

        fn position(&self, _: Slot) -> u64 {
            0
        }

        fn bounds(&self, _: &TopicPartition) -> Result<(u64, u64), Error> {
            let less = |left: u64| left.checked_sub(1);
            match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
                Ok(_) => away(),
                Err(_) => Ok((0, 10)),
            }
        }

        fn offset_for_time(&self, _: &TopicPartition, _: i64) -> Result<u64, Error> {
            away()
        }

        fn committed(&self, _: &str, _: &TopicPartition) -> Result<Option<Committed>, Error> {
            away()
        }
    }

    #[test]
    fn a_log_that_is_away_is_asked_once_and_lag_is_unknown_until_it_is_back() {
        let left = Arc::new(AtomicU64::new(2));
        let mut ends = Ends::of(Box::new(Away { left: left.clone() }));
        let at = TopicPartition { topic: "t".to_owned(), partition: 0 };
        assert_eq!((ends.lag(&at, 3), ends.lag(&at, 3), left.load(Ordering::SeqCst)), (None, None, 1));
        let began = Instant::now();
        while ends.lag(&at, 3).is_none() {
            assert!(began.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!((ends.lag(&at, 3), ends.lag(&at, 12)), (Some(7), Some(0)));
    }
}
