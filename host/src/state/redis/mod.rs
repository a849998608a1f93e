//! Stand-in for keyed state in Redis: names of its surface only. Every connection is refused.

use super::{
    Answer, Applied, Apply, CommitId, Error, Meta, Page, Read, Scan, Scope, Stage, StateStore, Take, Token,
    Values,
};

/// How Redis is reached.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    pub urls: Vec<String>,
    pub cluster: Option<bool>,
    pub ca: Option<String>,
    pub prefix: String,
    pub wait_replicas: u32,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { urls: Vec::new(), cluster: None, ca: None, prefix: "invoker".to_owned(), wait_replicas: 0 }
    }
}

/// Keyed state in Redis.
#[derive(Debug)]
pub struct RedisState(());

impl RedisState {
    /// Refuses.
    pub fn connect(_options: RedisOptions) -> Result<Self, Error> {
        let source = "this build has no client of Redis".into();
        Err(Error::Backend { action: "connect to Redis", retryable: false, source })
    }

    fn missing<T>() -> Result<T, Error> {
        Err(Error::Backend { action: "use Redis", retryable: false, source: "no client".into() })
    }
}

impl StateStore for RedisState {
    fn owner(&self, _: &Scope) -> Result<Option<Token>, Error> {
        Self::missing()
    }
    fn take(&self, _: &Scope, _: u64, _: &str, _: Option<Token>) -> Result<Take, Error> {
        Self::missing()
    }
    fn raise(&self, _: &Scope, _: Token, _: u64) -> Result<Answer, Error> {
        Self::missing()
    }
    fn finish(&self, _: &Scope, _: Token, _: Option<CommitId>) -> Result<Option<Option<Applied>>, Error> {
        Self::missing()
    }
    fn stage(&self, _: &[Stage<'_>]) -> Result<Vec<Answer>, Error> {
        Self::missing()
    }
    fn promote(&self, _: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, Error> {
        Self::missing()
    }
    fn check(&self, _: &[(&Scope, Token)]) -> Result<Vec<Answer>, Error> {
        Self::missing()
    }
    fn apply(&self, _: &[Apply<'_>]) -> Result<Vec<Answer>, Error> {
        Self::missing()
    }
    fn release(&self, _: &Scope, _: Token) -> Result<Answer, Error> {
        Self::missing()
    }
    fn read(&self, _: &[Read<'_>]) -> Result<Vec<Values>, Error> {
        Self::missing()
    }
    fn scan(&self, _: Scan<'_>) -> Result<Page, Error> {
        Self::missing()
    }
    fn meta(&self, _: &Scope) -> Result<Option<Meta>, Error> {
        Self::missing()
    }
    fn set_meta(&self, _: &Scope, _: Token, _: &Meta) -> Result<Answer, Error> {
        Self::missing()
    }
    fn scopes(&self) -> Result<Vec<Scope>, Error> {
        Self::missing()
    }
}
