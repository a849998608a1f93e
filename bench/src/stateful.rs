//! The stateful count: the write-back cache finds the keys of a batch and their state, the component counts, the cache
//! keeps the changes, and a commit every 64 batches takes them.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;
use invoker_engine::{Engine, Function, Instance, InstanceOptions, NoState};
use invoker_host::db::Database;
use invoker_host::state::cache::{Budget, PartitionCache};
use invoker_host::state::{EmbeddedState, Journal, Scope, StateStore};

use crate::contract::{Batch, DEADLINE, RECORDS, add_rows, count_natively};
use crate::native::Counts;
use crate::report::{Row, interleaved};

/// Batches that are prepared, so that the keys of one call differ from those of the next.
const BATCHES: usize = 256;

pub(crate) fn count(
    plain: &Engine,
    epochs: &Engine,
    guests: &Path,
    rounds: usize,
    keys: usize,
    rows: &mut Vec<Row>,
) -> Result<()> {
    let batches = batches(keys);
    let mut counts = Counts::default();
    let mut contenders: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(count_natively(&batches, &mut counts))];
    for (engine, guest) in [(plain, "raw_count"), (epochs, "raw_count"), (epochs, "raw_count_sdk")] {
        let mut counter = Counter::new(engine, guests, guest)?;
        let batches = &batches;
        let mut at = 0;
        contenders.push(Box::new(move || {
            if let Some(keys) = batches.get(at % BATCHES) {
                counter.run(keys, at as u64);
            }
            at += 1;
        }));
    }
    let times = interleaved(&mut contenders, rounds);
    let goals = (keys <= 1_000).then_some([40.0, 40.0]);
    add_rows(&format!("count of {keys} keys"), &times, goals, rows);
    Ok(())
}

/// Keys of every record of the batches, as text, evenly spread.
fn batches(keys: usize) -> Vec<Column> {
    let mut seed = 11u64;
    let mut key = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        format!("key-{}", (seed >> 33) as usize % keys)
    };
    (0..BATCHES)
        .map(|_| {
            let keys: Vec<_> = (0..RECORDS).map(|_| key()).collect();
            keys.iter().map(|key| Some(key.as_bytes())).collect()
        })
        .collect()
}

/// One partition of the count, as a lane runs it.
struct Counter {
    instance: Instance,
    cache: PartitionCache,
    store: Arc<dyn StateStore>,
    batch: Batch,
    sequence: u64,
}

impl Counter {
    fn new(engine: &Engine, guests: &Path, guest: &str) -> Result<Self> {
        let path = guests.join(format!("{guest}.wasm"));
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let function: Function = engine.load(&bytes)?;
        ensure!(function.description().states.len() == 1, "{guest} has one state");
        let scope = Scope { deployment: "bench".to_owned(), entity: guest.to_owned(), partition: 0 };
        let cache = PartitionCache::new(scope, &function.description().states, Budget::new(256 << 20));
        Ok(Self {
            instance: function.instantiate(&InstanceOptions::default())?,
            cache,
            store: Arc::new(EmbeddedState::open(Database::memory(), Journal::Own)?),
            batch: Batch::with_keys(),
            sequence: 0,
        })
    }

    fn run(&mut self, keys: &Column, now: u64) {
        self.cache.begin(keys, now as i64);
        let loaded = self.cache.load(self.store.as_ref());
        let columns = self.cache.take_columns();
        let batch = self.batch.input();
        let input = invoker_engine::InputBatch {
            keys: &columns.keys,
            key_of: &columns.key_of,
            states: &columns.states,
            ..batch
        };
        let (result, _) = self.instance.process(&input, Box::new(NoState), DEADLINE);
        self.cache.reuse(columns);
        if let Ok(result) = &result {
            self.cache.keep(&result.states);
        }
        if now % 64 == 63 {
            self.sequence += 1;
            let id = CommitId { token: Token { epoch: 1, nonce: 1 }, sequence: self.sequence };
            black_box(self.cache.changes());
            self.cache.committed(id);
            self.cache.unpin(id);
        }
        black_box(loaded.is_ok() && result.is_ok());
    }
}
