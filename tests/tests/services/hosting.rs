//! A running `invoker host`, and the document that it runs.

use std::fs::File;
use std::process::{Child, Command, Stdio};

use invoker_tests::built;

use crate::workplace::{Workplace, wait};

/// A running `invoker host`; ended when it is dropped.
pub(crate) struct Host<'a> {
    place: &'a Workplace,
    process: Child,
}

impl<'a> Host<'a> {
    pub(crate) fn start(place: &'a Workplace) -> Self {
        let log = File::create(place.path("host.log")).unwrap();
        let process =
            place.command(&["host", "--config", "config"]).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        Self { place, process }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("host.log")).unwrap()
    }

    pub(crate) fn says(&mut self, text: &str) {
        wait(text, || {
            let log = self.log();
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() || log.contains(text), "ended without {text:?}:\n{log}");
            log.contains(text)
        });
    }

    /// Ends it by SIGTERM; returns what a shell sees.
    pub(crate) fn end(mut self) -> i32 {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Host<'_> {
    /// That it ends by itself; returns what a shell sees.
    pub(crate) fn ends(mut self) -> i32 {
        wait("the host to end", || self.process.try_wait().unwrap().is_some());
        self.process.wait().unwrap().code().unwrap()
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Kafka at an address, as a document names it.
pub(crate) fn at_kafka(address: &str) -> String {
    format!("{{ bootstrapServers: {address:?} }}")
}

/// Redis at an address, as a document names it.
pub(crate) fn at_redis(url: &str) -> String {
    format!("{{ url: {url:?} }}")
}

/// The word count on Kafka and Redis as a document names them: `{ url: … }`.
pub(crate) fn document(
    place: &Workplace,
    generation: u32,
    kafka: &str,
    redis: &str,
    partitions: &str,
) -> String {
    let guest = |name: &str| built::guest(name).unwrap().display().to_string();
    format!(
        "generation: {generation}\ndeployment: {name}\nhost: h0\nkafka: {kafka}\nredis: {redis}\nentities:\n\
         - id: split\n  function: {split}\n  inputs: [{{ topic: {lines} }}]\n  outputs: [{words}]\n  \
           partitions: {partitions}\n  partitionCount: 3\n  onFailure: skip\n\
         - id: count\n  function: {count}\n  inputs: [{{ topic: {words} }}]\n  outputs: [{counts}]\n  \
           partitions: [0, 1, 2]\n  partitionCount: 3\n  lanes: 2\n  onFailure: skip\n",
        name = place.name,
        split = guest("wordcount_split"),
        count = guest("wordcount_count"),
        lines = place.topic("lines"),
        words = place.topic("words"),
        counts = place.topic("counts"),
    )
}
