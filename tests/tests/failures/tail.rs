//! How much of a topic is committed, while it grows.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::pipeline::Pipeline;
use crate::wait::wait;

/// A `kcat` that follows a topic, committed records only; ended when it is dropped.
pub(crate) struct Tail {
    kcat: Child,
    count: Arc<AtomicUsize>,
}

impl Tail {
    pub(crate) fn of(pipeline: &Pipeline, topic: &str) -> Self {
        let topic = pipeline.topic(topic);
        let words = ["-C", "-u", "-b", &pipeline.kafka, "-t", &topic, "-o", "beginning", "-q", "-f", ".\\n"];
        let mut kcat = Command::new("kcat")
            .args(words)
            .args(["-X", "isolation.level=read_committed"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(kcat.stdout.take().unwrap()).lines();
        let count = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&count);
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|_| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
        });
        Self { kcat, count }
    }

    /// Records so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until this many more have come.
    #[track_caller]
    pub(crate) fn grows_by(&self, more: usize) {
        self.reaches(self.count() + more);
    }

    #[track_caller]
    pub(crate) fn reaches(&self, wanted: usize) {
        wait("more records", || {
            let found = self.count();
            (found < wanted).then(|| format!("{found} of {wanted} are there"))
        });
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        drop(self.kcat.kill());
        drop(self.kcat.wait());
    }
}
