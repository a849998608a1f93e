//! Commands that look into real services: what they show, and that looking changes nothing.

mod letters;
mod logins;
mod records;
mod state;

use crate::workplace::{Ended, Workplace};

impl Workplace {
    /// A command that prints objects.
    pub(crate) fn look(&self, words: &[&str]) -> Ended {
        self.invoker(&[&["--output-format", "json"], words].concat())
    }

    /// Runs its topology to the end with these records of one topic.
    fn run(&self, kafka: &str, redis: &str, topic: &str, lines: &str, file: &str) {
        self.write(file, lines);
        let input = format!("{topic}={file}");
        let words = ["run", "topology.yaml", "--kafka", kafka, "--redis", redis, "--input", &input];
        self.invoker(&words).succeeded();
    }
}

/// The texts under a name of each object.
fn texts<'a>(objects: &'a [serde_json::Value], name: &str) -> Vec<&'a str> {
    objects.iter().map(|object| object[name].as_str().unwrap()).collect()
}
