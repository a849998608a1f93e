//! Keyed state in Redis or Valkey, single or Cluster.
//!
//! Owns: the [`StateStore`] over Redis, from the delivery protocol's steps (Lua, in `scripts/`) to the names of keys
//! (`keys.rs`). Knows nothing of the log.
//!
//! * **Atomic, in order**: all keys of a scope lie in one slot, and each step is one script.
//! * **One round trip** for all scopes of a call; in a Cluster one per node, sent before any answer is awaited.
//! * **Durability** is that of the server: `docs/delivery.md` says which settings lose what. `wait_replicas` makes a
//!   stage or an apply wait for replicas too.
//! * **From the primary only**: what a replica shows may be old.
//!
//! | key, behind `{<prefix>:1:<deployment>:<entity>:<partition>}:` | holds |
//! | --- | --- |
//! | `control` | hash: `owner`, `cand`, `tids`, `old`, `lastseq`, `applied`, `next`, `pending` (ids and positions) |
//! | `pending` | hash: id of a stage → its changes |
//! | `meta` | what is kept about the scope, JSON |
//! | `v:<state>` | hash: key → value |
//! | `m:<state>:<key>` | hash: field → value; for a sorted map `s:<state>:<key>` is a sorted set of its fields |
//! | `expires` | sorted set: where values with an expiry lie, by that expiry, for `sweep` |
//!
//! Name parts are percent-encoded, record keys and fields are as they are. A value is stored as it is, unless it has an
//! expiry or begins with a zero byte: see `values.rs`.

mod changes;
mod client;
mod errors;
mod keys;
mod scan;
mod scripts;
mod server;
mod values;

use std::time::Duration;

use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;
use redis::{Cmd, Value};

use super::{
    Answer, Applied, Apply, Error, Meta, Page, Read, Scan, Scope, Stage, StateKind, StateStore, Swept, Take,
    Values,
};
use client::Client;
use errors::unexpected;
use keys::Keys;
use scripts::{Reply, Script, bytes, text};

/// How Redis is reached.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://` or `rediss://` addresses, user and password inside. Several are nodes of one Cluster.
    pub urls: Vec<String>,
    /// Whether it is a Cluster; `None` = the server says.
    pub cluster: Option<bool>,
    /// Certificate of the authority, PEM; `None` = the system's authorities.
    pub ca: Option<String>,
    /// First part of every key.
    pub prefix: String,
    /// Replicas that must have a stage or an apply before it counts.
    pub wait_replicas: u32,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long an answer may take, and the replicas with it.
    pub response_timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            cluster: None,
            ca: None,
            prefix: "invoker".to_owned(),
            wait_replicas: 0,
            connect_timeout: Duration::from_secs(3),
            response_timeout: Duration::from_secs(5),
        }
    }
}

impl std::fmt::Debug for RedisOptions {
    /// Without addresses: they may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// See the module's words.
#[derive(Debug)]
pub struct RedisState {
    client: Client,
    keys: Keys,
    wait_replicas: u32,
}

impl RedisState {
    /// Connects, and makes sure that the server is one that state can be trusted to.
    pub fn connect(options: RedisOptions) -> Result<Self, Error> {
        let keys = Keys::new(&options.prefix);
        let wait_replicas = options.wait_replicas;
        let client = Client::connect(options)?;
        Ok(Self { client, keys, wait_replicas })
    }

    /// Runs one script on one scope.
    fn step(
        &self,
        script: &Script,
        scope: &Scope,
        args: &[&[u8]],
        action: &'static str,
    ) -> Result<Value, Error> {
        let command = script.on(&self.keys, scope, args);
        let mut answers = self.client.send(vec![command], action)?;
        answers.pop().ok_or_else(|| unexpected(action, "no answer"))
    }

    /// Runs a script on each of several scopes.
    fn steps(&self, commands: Vec<Cmd>, action: &'static str) -> Result<Vec<Answer>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.client.send(commands, action)?;
        answers.into_iter().map(|answer| Reply::of(answer, action)?.answer()).collect()
    }

    /// As `steps`, for what must not be lost with the primary.
    fn durable_steps(&self, commands: Vec<Cmd>, action: &'static str) -> Result<Vec<Answer>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.client.send_durable(commands, self.wait_replicas, action)?;
        answers.into_iter().map(|answer| Reply::of(answer, action)?.answer()).collect()
    }
}

impl StateStore for RedisState {
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, Error> {
        let action = "read the owner";
        let mut command = redis::cmd("HGET");
        command.arg(self.keys.control(scope)).arg("owner");
        match self.client.send(vec![command], action)?.pop() {
            Some(Value::BulkString(token)) => Ok(Some(scripts::token(&token, action)?)),
            _ => Ok(None),
        }
    }

    fn take(
        &self,
        scope: &Scope,
        nonce: u64,
        transactional_id: &str,
        seen: Option<Token>,
    ) -> Result<Take, Error> {
        let action = "take a scope";
        let epoch = seen.map_or(0, |owner| owner.epoch) + 1;
        let (new, seen) = (text(Token { epoch, nonce }), seen.map(text).unwrap_or_default());
        let args = [new.as_bytes(), &scripts::nonce(nonce), seen.as_bytes(), transactional_id.as_bytes()];
        Reply::of(self.step(&scripts::TAKE, scope, &args, action)?, action)?.take()
    }

    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, Error> {
        let (token, raised) = (text(token), text(Token { epoch, ..token }));
        let args = [token.as_bytes(), raised.as_bytes()];
        let action = "raise an epoch";
        Reply::of(self.step(&scripts::RAISE, scope, &args, action)?, action)?.answer()
    }

    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, Error> {
        let action = "finish a take";
        let committed = scripts::id(committed);
        let args = [text(token).into_bytes(), scripts::nonce(token.nonce).to_vec(), committed.into_bytes()];
        let args = args.each_ref().map(Vec::as_slice);
        let reply = Reply::of(self.step(&scripts::FINISH, scope, &args, action)?, action)?;
        match reply.word() {
            b"REFUSED" => Ok(None),
            _ => reply.applied(1).map(Some),
        }
    }

    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, Error> {
        let commands = stages.iter().map(|stage| scripts::stage(&self.keys, stage)).collect();
        self.durable_steps(commands, "stage state")
    }

    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, Error> {
        let command = |(scope, token, id): &(&Scope, Token, CommitId)| {
            scripts::PROMOTE.on(&self.keys, scope, &[text(*token).as_bytes(), id.to_string().as_bytes()])
        };
        self.steps(promotes.iter().map(command).collect(), "promote state")
    }

    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, Error> {
        let command = |(scope, token): &(&Scope, Token)| {
            scripts::CHECK.on(&self.keys, scope, &[text(*token).as_bytes()])
        };
        self.steps(checks.iter().map(command).collect(), "check the owner")
    }

    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, Error> {
        let commands = applies.iter().map(|apply| scripts::apply(&self.keys, apply)).collect();
        self.durable_steps(commands, "write state")
    }

    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, Error> {
        let action = "release a scope";
        Reply::of(self.step(&scripts::RELEASE, scope, &[text(token).as_bytes()], action)?, action)?.answer()
    }

    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, Error> {
        let action = "read state";
        let plans: Vec<_> = reads.iter().map(|read| ReadPlan::of(&self.keys, read)).collect();
        let commands: Vec<_> = plans.iter().flat_map(|plan| plan.commands.iter().cloned()).collect();
        let mut answers =
            if commands.is_empty() { Vec::new() } else { self.client.send(commands, action)? }.into_iter();
        plans.iter().map(|plan| plan.values(answers.by_ref().take(plan.commands.len()), action)).collect()
    }

    fn scan(&self, scan: Scan<'_>) -> Result<Page, Error> {
        scan::page(&self.client, &self.keys, scan)
    }

    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, Error> {
        let action = "read what is kept about a scope";
        let mut command = redis::cmd("GET");
        command.arg(self.keys.meta(scope));
        let Some(Value::BulkString(json)) = self.client.send(vec![command], action)?.pop() else {
            return Ok(None);
        };
        let meta: Meta = serde_json::from_slice(&json)
            .map_err(|error| Error::Damaged { scope: scope.to_string(), what: error.to_string() })?;
        match meta.format {
            keys::FORMAT => Ok(Some(meta)),
            found => Err(Error::NewerFormat { scope: scope.to_string(), found, known: keys::FORMAT }),
        }
    }

    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, Error> {
        let action = "keep something about a scope";
        let json = serde_json::to_vec(meta).map_err(|error| unexpected(action, error))?;
        let args = [text(token).into_bytes(), json];
        let args = args.each_ref().map(Vec::as_slice);
        Reply::of(self.step(&scripts::META, scope, &args, action)?, action)?.answer()
    }

    fn scopes(&self) -> Result<Vec<Scope>, Error> {
        scan::scopes(&self.client, &self.keys)
    }

    fn sweep(&self, scope: &Scope, token: Token, before: i64, rows: usize) -> Result<Swept, Error> {
        let action = "remove expired state";
        let args = [text(token), before.to_string(), rows.to_string()];
        let args = args.each_ref().map(|arg| arg.as_bytes());
        match self.step(&scripts::SWEEP, scope, &args, action)? {
            Value::Array(parts) => match parts.as_slice() {
                [Value::BulkString(removed), Value::Int(at_end)] => {
                    Ok(Swept { removed: scripts::number(removed, action)? as usize, at_end: *at_end == 1 })
                }
                _ => Err(unexpected(action, "an answer of another shape")),
            },
            _ => Err(unexpected(action, "an answer of another shape")),
        }
    }
}

/// The commands of one read, and which rows each of them answers.
struct ReadPlan {
    commands: Vec<Cmd>,
    /// Per command, one past its last row.
    ends: Vec<usize>,
}

/// Most fields that one command asks for, so that no single one keeps the server busy for long.
const MOST_FIELDS: usize = 2048;

impl ReadPlan {
    fn of(keys: &Keys, read: &Read<'_>) -> Self {
        let (mut plan, rows) = (Self { commands: Vec::new(), ends: Vec::new() }, read.keys.len());
        let mut from = 0;
        while from < rows {
            let key = read.keys.get(from).unwrap_or_default();
            let (name, end) = match read.kind {
                StateKind::Value => (keys.values(read.scope, read.state), rows),
                StateKind::Map | StateKind::SortedMap => {
                    let same = |&at: &usize| read.keys.get(at) == Some(key);
                    let count = (from..rows).take_while(same).count().max(1);
                    (keys.map(read.scope, read.state, key), from + count)
                }
            };
            let end = end.min(from + MOST_FIELDS);
            let mut command = redis::cmd("HMGET");
            command.arg(name);
            let column: &Column = if read.kind == StateKind::Value { read.keys } else { read.fields };
            for row in from..end {
                command.arg(column.get(row).unwrap_or_default());
            }
            plan.commands.push(command);
            plan.ends.push(end);
            from = end;
        }
        plan
    }

    fn values(&self, answers: impl Iterator<Item = Value>, action: &'static str) -> Result<Values, Error> {
        let mut values = Values::default();
        for (answer, &end) in answers.zip(&self.ends) {
            let Value::Array(items) = answer else {
                return Err(unexpected(action, "an answer of another shape"));
            };
            for item in &items {
                let (value, expires) = values::decode(bytes(item));
                values.values.push(value);
                values.expires.push(expires);
            }
            if values.expires.len() != end {
                return Err(unexpected(action, "another number of values than was asked for"));
            }
        }
        Ok(values)
    }
}
