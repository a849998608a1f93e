//! Checks functions when they are pushed, whatever pushed them. Owns when and within which limits; what a function must be
//! is the engine's business.

use std::fmt;
use std::sync::Arc;

use invoker_engine::{Engine, EngineError, EngineOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::digest::Digest;
use crate::manifest::Link;
use crate::name::Repository;
use crate::options::Limits;
use crate::store::{FunctionRecord, Store, StoreError};

/// Components that are compiled at once.
const CHECKS: usize = 2;

/// Why a function is refused. The message has three lines: what, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    #[error("component {digest} cannot be used: {message}")]
    Refused { digest: Digest, message: String },
    #[error(
        "component {digest} has {size} bytes\n\
         at most {limit} are taken: it is compiled in memory when it is pushed\n\
         build it without debug information, or raise the limit of the registry"
    )]
    Large { digest: Digest, size: u64, limit: u64 },
    #[error("validation did not end: {0}")]
    Ended(String),
}

/// Checks functions.
#[derive(Clone)]
pub struct Validator {
    engine: Engine,
    turns: Arc<Semaphore>,
    /// Largest component, bytes.
    limit: u64,
}

impl Validator {
    pub fn new(limits: &Limits) -> Result<Self, EngineError> {
        let options = EngineOptions {
            instances: CHECKS as u32 * 2,
            describe_deadline: limits.describe,
            ..EngineOptions::default()
        };
        let turns = Arc::new(Semaphore::new(CHECKS));
        Ok(Self { engine: Engine::new(options)?, turns, limit: limits.component_bytes })
    }

    /// Checks components, and stores what they declare. One that was checked before is not checked again.
    pub(crate) async fn check(
        &self,
        store: &Store,
        repository: &Repository,
        components: &[Link],
    ) -> Result<(), StoreError> {
        for Link { digest, size } in components {
            if store.function(repository, digest).await?.is_some() {
                continue;
            }
            if *size > self.limit {
                let (digest, size, limit) = (digest.clone(), *size, self.limit);
                return Err(ValidationError::Large { digest, size, limit }.into());
            }
            let turn = Arc::clone(&self.turns).acquire_owned().await;
            let turn = turn.map_err(|error| ValidationError::Ended(error.to_string()))?;
            let bytes = store.read_small_blob(repository, digest, self.limit).await?;
            let engine = self.engine.clone();
            let record = in_turn(turn, move || record(&engine, &bytes))
                .await?
                .map_err(|message| ValidationError::Refused { digest: digest.clone(), message })?;
            store.write_function(repository, digest, &record).await?;
        }
        Ok(())
    }
}

/// Works on a thread that may block. The turn ends with the work, which goes on when nobody waits for it any more.
async fn in_turn<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ValidationError> {
    let working = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    working.await.map_err(|error| ValidationError::Ended(error.to_string()))
}

fn record(engine: &Engine, bytes: &[u8]) -> Result<FunctionRecord, String> {
    let function = engine.load(bytes).map_err(|error| error.to_string())?;
    Ok(FunctionRecord {
        contract_version: function.contract_version().to_owned(),
        description: (**function.description()).clone(),
        imports: function.imports().to_vec(),
        language: function.language().map(str::to_owned),
        sdk: function.sdk().map(str::to_owned),
        size: function.size() as u64,
    })
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validator").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_client_that_hangs_up_keeps_its_turn_till_its_work_ends() {
        let turns = Arc::new(Semaphore::new(1));
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
        assert!(in_turn(turn, move || ended.recv().ok()).now_or_never().is_none());
        assert_eq!(turns.available_permits(), 0);
        drop(end);
        turns.acquire().await.unwrap().forget();
    }
}
