//! What a host waits for, told at once and then at growing intervals: a service that is away for an hour makes a dozen
//! lines, not thousands.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Error;

const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

/// When something was told, and what.
#[derive(Debug, Default)]
pub(super) struct Patience {
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    text: String,
    since: Instant,
    next: Instant,
    gap: Duration,
}

impl Patience {
    /// Tells what is waited for, where it is time to.
    pub(super) fn tell(&mut self, error: &Error) {
        let text = error.messages().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let now = Instant::now();
        if let Some(waited) = self.due(&text, now) {
            for message in error.messages() {
                let (why, help) = (message.why, message.help);
                tracing::warn!(?waited, why, help, "waiting: {}", message.what);
            }
        }
    }

    /// How long this has been waited for, where it is time to tell.
    fn due(&mut self, text: &str, now: Instant) -> Option<Duration> {
        match &mut self.told {
            Some(told) if told.text == text => {
                if now < told.next {
                    return None;
                }
                told.gap = (told.gap * 2).min(LONGEST);
                told.next = now + told.gap;
                Some(now - told.since)
            }
            told => {
                *told = Some(Told { text: text.to_owned(), since: now, next: now + FIRST, gap: FIRST });
                Some(Duration::ZERO)
            }
        }
    }

    /// The waiting is over.
    pub(super) fn reset(&mut self) {
        if let Some(told) = self.told.take() {
            tracing::info!(waited = ?told.since.elapsed(), "the wait is over");
        }
    }
}

/// When what has stopped is started again: soon at first, then ever less often.
#[derive(Debug)]
struct Retry {
    /// When it was started last, or seen to have stopped.
    last: Option<Instant>,
    gap: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { last: None, gap: FIRST }
    }
}

impl Retry {
    /// Whether it is time to.
    fn is_due(&mut self, stopped: bool, now: Instant) -> bool {
        if !stopped {
            // What runs may only not have met its trouble yet.
            if self.last.is_some_and(|last| now - last > 2 * LONGEST) {
                *self = Self::default();
            }
            return false;
        }
        if now - *self.last.get_or_insert(now) < self.gap {
            return false;
        }
        self.last = Some(now);
        self.gap = (self.gap * 2).min(LONGEST);
        true
    }
}

/// Those of all entities, so that none waits longer because another stops again and again.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<String, Retry>);

impl Retries {
    /// Which of the entities that have stopped are to be started now.
    pub(super) fn due(&mut self, stopped: &[String], now: Instant) -> Vec<String> {
        for entity in stopped {
            self.0.entry(entity.clone()).or_default();
        }
        let due = |(entity, retry): (&String, &mut Retry)| {
            retry.is_due(stopped.contains(entity), now).then(|| entity.clone())
        };
        self.0.iter_mut().filter_map(due).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_again_is_started_ever_less_often() {
        let (mut retry, start) = (Retry::default(), Instant::now());
        let mut due = |from: u64, to: u64, stopped: &dyn Fn(u64) -> bool| {
            let at = |second| start + Duration::from_secs(second);
            (from..to).filter(|&s| retry.is_due(stopped(s), at(s))).collect::<Vec<u64>>()
        };
        assert_eq!(due(0, 80, &|second| second % 2 == 0), [6, 16, 36, 76], "though it ran in between");
        assert_eq!(due(80, 700, &|_| false), [0; 0]);
        assert_eq!(due(700, 706, &|_| true), [705], "after a long time it is another trouble");
    }

    #[test]
    fn an_entity_that_stops_again_and_again_does_not_delay_another() {
        let (mut retries, start) = (Retries::default(), Instant::now());
        let mut due = |second: u64, stopped: &[&str]| {
            let stopped: Vec<String> = stopped.iter().map(|id| (*id).to_owned()).collect();
            retries.due(&stopped, start + Duration::from_secs(second))
        };
        let mut started = Vec::new();
        for second in 0..100 {
            let stopped = if second < 90 { &["broken"][..] } else { &["broken", "other"] };
            started.extend(due(second, stopped).into_iter().map(|id| (second, id)));
        }
        let broken = [5, 15, 35, 75].map(|second| (second, "broken".to_owned()));
        assert_eq!(started[..4], broken);
        assert_eq!(started[4..], [(95, "other".to_owned())]);
    }

    #[test]
    fn the_same_trouble_is_told_ever_less_often() {
        let (mut patience, start) = (Patience::default(), Instant::now());
        let told: Vec<u64> = (0..3600)
            .filter(|&second| patience.due("away", start + Duration::from_secs(second)).is_some())
            .collect();
        assert_eq!(told[..4], [0, 5, 15, 35]);
        assert!(told.len() < 20, "{told:?}");
    }

    #[test]
    fn other_trouble_is_told_at_once() {
        let (mut patience, now) = (Patience::default(), Instant::now());
        assert!(patience.due("away", now).is_some());
        assert!(patience.due("away", now).is_none());
        assert!(patience.due("refused", now).is_some());
    }
}
