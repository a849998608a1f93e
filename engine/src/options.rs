//! How an engine and its instances are set up.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use invoker_core::function::SettingValue;

use crate::log::LogLine;
use crate::profile::Profiler;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Where compiled code is kept. It must belong to this user alone: what lies there is executed. `None` = nowhere.
    pub cache_dir: Option<PathBuf>,
    /// Whether code can be interrupted. Without it no deadline holds; for measurements only.
    pub epochs: bool,
    /// Takes samples of what functions do; needs `epochs`. `None` = nobody looks.
    pub profiler: Option<Profiler>,
    /// Most instances alive at once.
    pub instances: u32,
    /// Time that `describe` may take.
    pub describe_deadline: Duration,
    /// Linear memory that `describe` may use, bytes.
    pub describe_memory_bytes: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            epochs: true,
            profiler: None,
            instances: 2048,
            describe_deadline: Duration::from_secs(5),
            describe_memory_bytes: 256 << 20,
        }
    }
}

/// How one instance is set up.
#[derive(Clone)]
pub struct InstanceOptions {
    pub deployment: String,
    pub entity: String,
    /// As the function declares them, defaults filled in.
    pub settings: Vec<(String, SettingValue)>,
    /// Linear memory of this instance, bytes.
    pub memory_bytes: usize,
    /// What one call may hand to the host, bytes.
    pub output_bytes: usize,
    pub init_deadline: Duration,
    /// Called on the calling thread for each line that the function writes.
    pub log: Arc<dyn Fn(LogLine) + Send + Sync>,
}

impl Default for InstanceOptions {
    fn default() -> Self {
        Self {
            deployment: String::new(),
            entity: String::new(),
            settings: Vec::new(),
            memory_bytes: 64 << 20,
            output_bytes: 32 << 20,
            init_deadline: Duration::from_secs(10),
            log: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for InstanceOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Settings may be secret.
        f.debug_struct("InstanceOptions")
            .field("deployment", &self.deployment)
            .field("entity", &self.entity)
            .field("memory_bytes", &self.memory_bytes)
            .field("output_bytes", &self.output_bytes)
            .finish_non_exhaustive()
    }
}
