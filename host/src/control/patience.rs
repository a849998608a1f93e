//! What a host waits for, told at once and then at growing intervals: a service that is away for an hour makes a dozen
//! lines, not thousands.

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

#[cfg(test)]
mod tests {
    use super::*;

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
