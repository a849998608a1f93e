//! What the write-back cache costs per record: counts of 8 bytes per key, batches of 1024 records.
//!
//! `cargo bench -p invoker-host --bench cache`. Keys are picked at random out of 1 k and 100 k; a commit (without a log
//! and a store behind it) every 64 batches. Prints the best of several rounds in nanoseconds per record.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "this is a bench")]

use std::time::{Duration, Instant};

use invoker_core::commit::{CommitId, Token};
use invoker_core::function::{StateKind, StateSpec};
use invoker_core::records::Column;
use invoker_engine::StateUpdate;
use invoker_host::db::Database;
use invoker_host::state::cache::{Budget, PartitionCache};
use invoker_host::state::{EmbeddedState, Journal, Scope, StateStore};

const BATCH: usize = 1024;
const BATCHES: usize = 64;
const ROUNDS: usize = 30;

#[derive(Clone, Copy, Default)]
struct Spent {
    begin: Duration,
    columns: Duration,
    keep: Duration,
    commit: Duration,
}

impl Spent {
    fn total(self) -> Duration {
        self.begin + self.columns + self.keep + self.commit
    }
}

fn main() {
    for keys in [1_000u64, 100_000] {
        let batches = batches(keys);
        let mut cache = cache();
        let store = EmbeddedState::open(Database::memory(), Journal::Shared).unwrap();
        let mut sequence = 0;
        let mut round = || {
            sequence += 1;
            run(&mut cache, &store, &batches, sequence)
        };
        round();
        let best = (0..ROUNDS).map(|_| round()).min_by_key(|spent| spent.total()).unwrap_or_default();
        let per_record = |spent: Duration| spent.as_nanos() as f64 / (BATCH * BATCHES) as f64;
        println!(
            "{keys:>7} keys: {:5.1} ns per record (begin {:.1}, columns {:.1}, keep {:.1}, commit {:.1})",
            per_record(best.total()),
            per_record(best.begin),
            per_record(best.columns),
            per_record(best.keep),
            per_record(best.commit),
        );
    }
}

fn cache() -> PartitionCache {
    let scope = Scope { deployment: "bench".into(), entity: "count".into(), partition: 0 };
    let spec = StateSpec {
        name: "count".into(),
        kind: StateKind::Value,
        prefetch: true,
        ttl: None,
        version: 1,
        reads: vec![],
        doc: String::new(),
    };
    PartitionCache::new(scope, &[spec], Budget::new(256 << 20))
}

/// Keys like those of a word count: short text, at random.
fn batches(keys: u64) -> Vec<Column> {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        format!("word-{}", random % keys)
    };
    let batch = |_| (0..BATCH).map(|_| next()).collect::<Vec<_>>();
    let texts: Vec<_> = (0..BATCHES).map(batch).collect();
    texts.iter().map(|texts| texts.iter().map(|text| Some(text.as_bytes())).collect()).collect()
}

fn run(cache: &mut PartitionCache, store: &dyn StateStore, batches: &[Column], sequence: u64) -> Spent {
    let mut spent = Spent::default();
    let mut updates = [StateUpdate { state: 0, keys: Vec::new(), values: Column::default() }];
    for batch in batches {
        let start = Instant::now();
        cache.begin(batch, 0);
        cache.load(store).unwrap();
        spent.begin += start.elapsed();
        let start = Instant::now();
        let columns = cache.take_columns();
        spent.columns += start.elapsed();
        let [update] = &mut updates;
        count(&columns.key_of, &columns.states, update);
        let start = Instant::now();
        cache.reuse(columns);
        cache.keep(&updates);
        spent.keep += start.elapsed();
    }
    let start = Instant::now();
    std::hint::black_box(cache.changes());
    let id = CommitId { token: Token { epoch: 1, nonce: 1 }, sequence };
    cache.committed(id);
    cache.unpin(id);
    spent.commit += start.elapsed();
    spent
}

/// What the function does, not part of the figures.
fn count(key_of: &[i32], states: &[Column], update: &mut StateUpdate) {
    let number = |value: Option<&[u8]>| value.and_then(|v| v.try_into().ok()).map_or(0, u64::from_le_bytes);
    let mut counts: Vec<u64> = states.iter().flat_map(Column::iter).map(number).collect();
    for &key in key_of {
        if let Some(count) = counts.get_mut(key as usize) {
            *count += 1;
        }
    }
    update.keys.clear();
    update.keys.extend(0..counts.len() as u32);
    update.values.clear();
    counts.iter().for_each(|count| update.values.push(Some(&count.to_le_bytes())));
}
