//! What must come of the input, computed here from the input topic alone, and what `kcat` and `redis-cli` find.

use std::collections::BTreeMap;
use std::process::Command;

use crate::host::Host;
use crate::pipeline::{ENTITIES, FIRST, Pipeline, SECOND};
use crate::tail::Tail;

/// A record as `kcat` prints it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Entries per partition, in order.
type Partitions = BTreeMap<u32, Vec<Entry>>;
/// Records of each key, per partition.
type Counts = BTreeMap<u32, BTreeMap<String, u64>>;

/// What must come of an input.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) mid: Partitions,
    pub(crate) out: Partitions,
    counts: Counts,
    /// Offset and record of each that must be a dead letter of the first entity, by partition.
    pub(crate) dead: BTreeMap<u32, Vec<(u64, Entry)>>,
}

/// Values that no record comes of.
const DEAD: [&str; 5] = ["panic", "reject", "spin", "grow", "large"];

impl Truth {
    /// Waits until all input so far is processed, ends the hosts in order, and looks at everything.
    #[track_caller]
    pub(crate) fn settle<'a>(pipeline: &Pipeline, hosts: impl IntoIterator<Item = &'a mut Host>) {
        let truth = Self::of(pipeline);
        truth.wait(pipeline);
        hosts.into_iter().for_each(Host::end);
        truth.check(pipeline);
    }

    pub(crate) fn of(pipeline: &Pipeline) -> Self {
        Self::of_records(read(&pipeline.kafka, &pipeline.topic("in")))
    }

    /// What must come of these records: partition, offset, record.
    pub(crate) fn of_records(records: impl IntoIterator<Item = (u32, u64, Entry)>) -> Self {
        let mut truth = Self::default();
        for (partition, offset, Entry { key, value }) in records {
            if DEAD.iter().any(|word| value.starts_with(word)) {
                truth.dead.entry(partition).or_default().push((offset, Entry { key, value }));
                continue;
            }
            let count = truth.counts.entry(partition).or_default().entry(key.clone()).or_default();
            *count += 1;
            let mid = format!("{count} {value}");
            let out = format!("{count} {mid}");
            truth.mid.entry(partition).or_default().push(Entry { key: key.clone(), value: mid });
            truth.out.entry(partition).or_default().push(Entry { key, value: out });
        }
        truth
    }

    /// Outputs and dead letters that come first are not there any more.
    pub(crate) fn leave_out(&mut self, gone: &Self) {
        for (partition, records) in &mut self.out {
            records.drain(..gone.out.get(partition).map_or(0, Vec::len));
        }
        for (partition, letters) in &mut self.dead {
            letters.drain(..gone.dead.get(partition).map_or(0, Vec::len));
        }
    }

    /// Records of each key of a partition.
    pub(crate) fn counts(&self, partition: u32) -> BTreeMap<String, u64> {
        self.counts.get(&partition).cloned().unwrap_or_default()
    }

    /// Waits until as many records are in `out` as must be; what is too much, a check finds.
    #[track_caller]
    pub(crate) fn wait(&self, pipeline: &Pipeline) {
        Tail::of(pipeline, "out").reaches(total(&self.out));
    }

    /// Everything is as it must be: both topics, both states, the dead letters. The hosts have ended.
    #[track_caller]
    pub(crate) fn check(&self, pipeline: &Pipeline) {
        self.check_outputs(pipeline);
        self.check_state(pipeline);
        let found = dead_letters(pipeline, FIRST);
        assert_eq!(found, self.dead, "the dead letters");
        assert!(dead_letters(pipeline, SECOND).is_empty());
    }

    #[track_caller]
    pub(crate) fn check_outputs(&self, pipeline: &Pipeline) {
        same("mid", &self.mid, &by_partition(&pipeline.kafka, &pipeline.topic("mid")));
        same("out", &self.out, &by_partition(&pipeline.kafka, &pipeline.topic("out")));
    }

    #[track_caller]
    pub(crate) fn check_state(&self, pipeline: &Pipeline) {
        for entity in ENTITIES {
            for partition in pipeline.all() {
                let wanted = self.counts(partition);
                let found = state(pipeline, entity, partition);
                assert_eq!(found, wanted, "the state of {entity}, partition {partition}");
            }
        }
    }
}

#[track_caller]
pub(crate) fn same(topic: &str, wanted: &Partitions, found: &Partitions) {
    for partition in wanted.keys().chain(found.keys()) {
        let of = |all: &Partitions| all.get(partition).cloned().unwrap_or_default();
        let (wanted, found) = (of(wanted), of(found));
        let differs = wanted.iter().zip(&found).position(|(wanted, found)| wanted != found);
        let at = differs.unwrap_or(wanted.len().min(found.len()));
        assert!(
            wanted == found,
            "{topic}, partition {partition}: {} records, {} must be; from {at} on they are {:?}, must be {:?}",
            found.len(),
            wanted.len(),
            found.iter().skip(at).take(5).collect::<Vec<_>>(),
            wanted.iter().skip(at).take(5).collect::<Vec<_>>(),
        );
    }
}

pub(crate) fn total(all: &Partitions) -> usize {
    all.values().map(Vec::len).sum()
}

/// What a topic holds, committed records only, as plain `kcat` reads it: partition, offset, record.
pub(crate) fn read(kafka: &str, topic: &str) -> Vec<(u32, u64, Entry)> {
    kcat(kafka, topic, "%p\\t%o\\t%k\\t%s\\n")
        .lines()
        .map(|line| {
            let [partition, offset, key, value] = fields(line);
            let entry = Entry { key: key.to_owned(), value: value.to_owned() };
            (partition.parse().unwrap(), offset.parse().unwrap(), entry)
        })
        .collect()
}

pub(crate) fn by_partition(kafka: &str, topic: &str) -> Partitions {
    let mut all = Partitions::new();
    for (partition, _, entry) in read(kafka, topic) {
        all.entry(partition).or_default().push(entry);
    }
    all
}

/// The dead letters of an entity by the partition and offset of the record that could not be processed, as their headers say.
pub(crate) fn dead_letters(pipeline: &Pipeline, entity: &str) -> BTreeMap<u32, Vec<(u64, Entry)>> {
    let mut all: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    let topic = pipeline.topic(&format!("{entity}.dead-letter"));
    // A header may have several lines.
    for line in kcat(&pipeline.kafka, &topic, "%h\\t%p\\t%k\\t%s\\x1e").split_terminator('\x1e') {
        let [headers, _, key, value] = fields(line);
        let header = |name: &str| {
            let of =
                |header: &&str| header.starts_with(name) && header.get(name.len()..=name.len()) == Some("=");
            headers.split(',').find(of).map(|header| header.split_at(name.len() + 1).1).unwrap_or_default()
        };
        assert_eq!(header("invoker-entity"), entity, "{headers}");
        let entry = Entry { key: key.to_owned(), value: value.to_owned() };
        let at = (header("invoker-offset").parse().unwrap(), entry);
        all.entry(header("invoker-partition").parse().unwrap()).or_default().push(at);
    }
    all.values_mut().for_each(|letters| letters.sort());
    all
}

fn fields(line: &str) -> [&str; 4] {
    let all: Vec<_> = line.split('\t').collect();
    assert_eq!(all.len(), 4, "{line:?}");
    all.try_into().unwrap()
}

pub(crate) fn kcat(kafka: &str, topic: &str, format: &str) -> String {
    let words = ["-C", "-b", kafka, "-t", topic, "-o", "beginning", "-e", "-q", "-f", format];
    let output = Command::new("kcat").args(words).args(["-X", "isolation.level=read_committed"]).output();
    let output = output.unwrap();
    // Nothing printed is nothing there only where it ended well.
    assert!(output.status.success(), "{}: {output:?}", topic);
    String::from_utf8(output.stdout).unwrap()
}

/// The counts of an entity's keys, as plain `redis-cli` reads them.
pub(crate) fn state(pipeline: &Pipeline, entity: &str, partition: u32) -> BTreeMap<String, u64> {
    let key = format!("{{invoker:1:{}:{entity}:{partition}}}:v:count", pipeline.name);
    let output = Command::new("redis-cli").args(["-u", &pipeline.redis, "hgetall", &key]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let mut all = BTreeMap::new();
    while let (Some(key), Some(count)) = (lines.next(), lines.next()) {
        all.insert(key.to_owned(), count.parse().unwrap());
    }
    all
}
