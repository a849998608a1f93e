//! The engine: wasmtime's settings, the linker, the code cache and the thread that ticks deadlines.

use std::fmt;
use std::sync::Arc;

use invoker_core::function::Description;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig, Store, WasmBacktraceDetails};

use crate::cache::CodeCache;
use crate::deadline::{Clock, Ticker};
use crate::error::EngineError;
use crate::function::Function;
use crate::guest::{Guest, MemoryLimit, Phase};
use crate::lines::Lines;
use crate::load::{self, LoadError};
use crate::log::LogLine;
use crate::options::EngineOptions;
use crate::{host, profile, wasi};

/// Most things that a function can wait for at once.
const POLLABLES: usize = 1024;

/// Loads functions. A cheap handle; clones share one engine.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    options: EngineOptions,
    wasmtime: wasmtime::Engine,
    linker: Linker<Guest>,
    cache: Option<CodeCache>,
    ticker: Option<Ticker>,
}

impl Engine {
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        let start = |error: wasmtime::Error| EngineError::Start(format!("{error:#}"));
        let wasmtime = wasmtime::Engine::new(&config(&options)).map_err(start)?;
        let linker = linker(&wasmtime).map_err(start)?;
        let cache = match &options.cache_dir {
            Some(dir) => Some(CodeCache::open(dir, &wasmtime)?),
            None => None,
        };
        let ticker = match options.epochs {
            true => {
                let epochs = if options.profiler.is_some() { profile::EPOCHS } else { 1 };
                Some(Ticker::start(&wasmtime, epochs).map_err(EngineError::Ticker)?)
            }
            false => None,
        };
        Ok(Self { inner: Arc::new(Inner { options, wasmtime, linker, cache, ticker }) })
    }

    /// Checks a component, compiles it or takes it from the code cache, and asks it in a sandbox to describe itself.
    ///
    /// The digest of the component keys the cache, so a component that was loaded before is neither compiled nor
    /// described again.
    pub fn load(&self, bytes: &[u8]) -> Result<Function, LoadError> {
        load::load(self, bytes)
    }

    pub(crate) fn options(&self) -> &EngineOptions {
        &self.inner.options
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner.wasmtime
    }

    pub(crate) fn linker(&self) -> &Linker<Guest> {
        &self.inner.linker
    }

    pub(crate) fn cache(&self) -> Option<&CodeCache> {
        self.inner.cache.as_ref()
    }

    /// A store for one instance, with its limits set.
    pub(crate) fn store(
        &self,
        memory_bytes: usize,
        log: Arc<dyn Fn(LogLine) + Send + Sync>,
        description: Arc<Description>,
    ) -> Store<Guest> {
        let mut pollables = ResourceTable::new();
        pollables.set_max_capacity(POLLABLES);
        let clock = self.inner.ticker.as_ref().map_or_else(Clock::default, |ticker| ticker.clock().clone());
        let guest = Guest {
            memory: MemoryLimit::new(memory_bytes),
            phase: Phase::Init,
            records: 0,
            keys: 0,
            state: None,
            writable: 0,
            description,
            panicked: None,
            lines: Lines::new(log),
            pollables,
            clock,
            until: u64::MAX,
            profiled: false,
        };
        let mut store = Store::new(&self.inner.wasmtime, guest);
        store.limiter(|guest| &mut guest.memory);
        if let Some(profiler) = &self.inner.options.profiler {
            profiler.watch(&mut store);
        }
        store
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

fn config(options: &EngineOptions) -> Config {
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(options.instances)))
        .epoch_interruption(options.epochs)
        .concurrency_support(false)
        .memory_init_cow(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// A pool for `instances` components. Memories are reserved as address space only, so that every limit fits in one
/// pool; what an instance may really use is the limiter's business.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component is several core instances (the program, shims of its imports; Python: one per library) with a few
    // tables, but has one memory as a rule.
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(32))
        .total_tables(instances.saturating_mul(4))
        .total_memories(instances)
        .max_core_instances_per_component(64)
        .max_memories_per_component(4)
        .max_tables_per_component(32)
        .max_tables_per_module(8)
        .max_component_instance_size(8 << 20)
        .max_core_instance_size(8 << 20)
        .table_elements(crate::guest::TABLE_ELEMENTS);
    pool
}

fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    host::link(&mut linker)?;
    wasi::link(&mut linker)?;
    Ok(linker)
}
