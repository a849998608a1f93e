//! Keyed state in Redis or Valkey, single or a cluster.
//!
//! Owns: the [`StateStore`] over connections of its own: names of keys, stored forms, the protocol's scripts, routing,
//! and what is demanded of a server. Knows nothing of the log, and caches nothing.
//!
//! * **Order and atomicity**: a step is one script on the keys of one scope, which lie in one slot.
//! * **Idempotence** is in the scripts, by nonce and id; so a step whose answer was lost is sent again here, for as long
//!   as one answer may take. `raise` alone is not, and its lost answer is an error.
//! * **Durability** is that of the server (`appendonly`, `appendfsync`) and of as many replicas as
//!   [`RedisOptions::wait_replicas`] says; see `docs/state-in-redis.md`. A server that went back to an older state shows
//!   it by its `applied`.
//! * **Reads** go to primaries. A connection belongs to one caller at a time; callers do not wait for each other.
//! * **A call blocks** its thread for about twice [`RedisOptions::response_timeout`] at the longest.

mod answers;
mod batch;
mod changes;
mod error;
mod exchange;
mod link;
mod names;
mod nodes;
mod read;
mod scan;
mod scripts;
mod sweep;
mod values;
mod walk;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use ::redis::{Cmd, Value};
use invoker_core::commit::{CommitId, Token};

use super::{
    Answer, Applied, Apply, Error, Item, Meta, Page, Read, Scan, Scope, Stage, StateStore, Swept, Take,
    Values, Walk,
};
use batch::Batch;
use exchange::Call;
use names::{FORMAT, Names};
use nodes::Nodes;
use scripts::Source;

/// How to reach Redis, and what is asked of it.
#[derive(Clone)]
pub struct RedisOptions {
    /// `redis://[user:password@]host[:port]`, or `rediss://` for TLS. Of a cluster, any of its nodes; of a single Redis,
    /// those that may be the primary.
    pub urls: Vec<String>,
    /// Whether it is a cluster; `None` = as the server says.
    pub cluster: Option<bool>,
    /// Certificate authorities for TLS in PEM; `None` = those of the system.
    pub ca: Option<String>,
    /// What all keys begin with, behind a brace. Default `invoker`.
    pub prefix: String,
    /// Replicas that must have a step before it counts as done; fewer is an error that may pass. Default 0.
    pub wait_replicas: u32,
    /// Longest wait for a connection. Default 2 s.
    pub connect_timeout: Duration,
    /// Longest wait for an answer; also how long a step is tried again while Redis is away. Default 5 s.
    pub response_timeout: Duration,
    /// For a tool that only reads: nothing is tried out on the server, which may evict, be full, or let its user do
    /// no more than read. Default `false`.
    pub looks: bool,
}

impl RedisOptions {
    pub fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            cluster: None,
            ca: None,
            prefix: "invoker".to_owned(),
            wait_replicas: 0,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(5),
            looks: false,
        }
    }
}

/// Without the addresses, which may hold passwords.
impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("cluster", &self.cluster)
            .field("prefix", &self.prefix)
            .field("wait_replicas", &self.wait_replicas)
            .finish_non_exhaustive()
    }
}

/// See the module's words.
#[derive(Debug)]
pub struct RedisState {
    nodes: Nodes,
    swept: sweep::Places,
}

impl RedisState {
    /// Connects once. A server that cannot keep state (too old, evicting, a replica, without the rights) is refused;
    /// one that does not answer is an error that may pass.
    pub fn connect(options: RedisOptions) -> Result<Self, Error> {
        const ACTION: &str = "connect to redis";
        if !names::is_prefix(&options.prefix) {
            return Err(error::Problem::Prefix(options.prefix).into_error(ACTION));
        }
        let nodes = Nodes::connect(options).map_err(|problem| problem.into_error(ACTION))?;
        let state = Self { nodes, swept: sweep::Places::default() };
        if state.nodes.options.looks {
            return Ok(state);
        }
        let nobody = Scope { deployment: "probe".into(), entity: String::new(), partition: 0 };
        state.script(Call::write(ACTION), &scripts::PROBE, &nobody, &[], |_| Some(()))?;
        Ok(state)
    }

    fn names(&self, scope: &Scope) -> Names {
        Names::of(&self.nodes.options.prefix, scope)
    }

    /// Runs a script on one scope.
    fn script<T>(
        &self,
        call: Call,
        source: &Source,
        scope: &Scope,
        arguments: &[&str],
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<T, Error> {
        let names = self.names(scope);
        let mut command = source.call(&[&names.control(), &names.pending(), &names.key("meta")]);
        command.arg(arguments);
        let answer = self.one(call, &names, &command)?;
        read(&answer).ok_or_else(|| read::unreadable(scope, call.action, &format!("{answer:?}")))
    }

    fn one(&self, call: Call, names: &Names, command: &Cmd) -> Result<Value, Error> {
        let mut batch = Batch::default();
        batch.push(names.slot, command);
        Ok(self.nodes.run(call, &batch)?.pop().unwrap_or(Value::Nil))
    }

    /// Runs scripts on many scopes in one round trip, each with an [`Answer`].
    fn answers<'a, T: 'a>(
        &self,
        call: Call,
        items: &'a [T],
        scope: impl Fn(&'a T) -> &'a Scope,
        command: impl Fn(&'a T, &Names) -> Cmd,
    ) -> Result<Vec<Answer>, Error> {
        let mut batch = Batch::default();
        for item in items {
            let names = self.names(scope(item));
            batch.push(names.slot, &command(item, &names));
        }
        let answers = self.nodes.run(call, &batch)?;
        let read = |(item, answer): (&'a T, &Value)| {
            answers::answer(answer)
                .ok_or_else(|| read::unreadable(scope(item), call.action, &format!("{answer:?}")))
        };
        items.iter().zip(&answers).map(read).collect()
    }

    fn stage_command(stage: &Stage<'_>, names: &Names) -> Cmd {
        let mut command = scripts::STAGE.call(&[&names.control(), &names.pending()]);
        command
            .arg(answers::token_text(stage.token))
            .arg(stage.id.to_string())
            .arg(answers::sequence_text(stage.id.sequence))
            .arg(answers::positions_text(stage.next))
            .arg(answers::id_text(stage.committed))
            .arg(answers::id_text(stage.previous))
            .arg(u8::from(stage.promoted))
            .arg(changes::pack(stage.changes));
        command
    }

    fn apply_command(apply: &Apply<'_>, names: &Names) -> Cmd {
        let mut command = scripts::APPLY.call(&[&names.control(), &names.pending()]);
        command
            .arg(answers::token_text(apply.token))
            .arg(answers::id_text(apply.base))
            .arg(apply.id.to_string())
            .arg(answers::positions_text(apply.next))
            .arg(changes::pack(apply.changes));
        command
    }

    fn owner_text(&self, value: &Value, scope: &Scope) -> Result<Option<Token>, Error> {
        match value {
            Value::Nil => Ok(None),
            value => answers::text(value)
                .and_then(answers::token)
                .map(Some)
                .ok_or_else(|| read::unreadable(scope, "read the owner", &format!("{value:?}"))),
        }
    }
}

fn owner_command(names: &Names) -> Cmd {
    let mut command = ::redis::cmd("HGET");
    command.arg(names.control()).arg("owner");
    command
}

impl StateStore for RedisState {
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, Error> {
        let names = self.names(scope);
        let answer = self.one(Call::read("read the owner"), &names, &owner_command(&names))?;
        self.owner_text(&answer, scope)
    }

    fn take(
        &self,
        scope: &Scope,
        nonce: u64,
        transactional_id: &str,
        seen: Option<Token>,
    ) -> Result<Take, Error> {
        let next = Token { epoch: seen.map_or(0, |owner| owner.epoch) + 1, nonce };
        let arguments = [
            &format!("{nonce:016x}"),
            transactional_id,
            &seen.map(answers::token_text).unwrap_or_default(),
            &answers::token_text(next),
            &answers::sequence_text(0),
        ];
        self.script(Call::write("take a scope"), &scripts::TAKE, scope, &arguments, answers::take)
    }

    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, Error> {
        let arguments = [answers::token_text(token), answers::token_text(Token { epoch, ..token })];
        let [old, new] = arguments.each_ref().map(String::as_str);
        // Sent again after it was done, it would be refused.
        let call = Call { repeats: false, ..Call::write("raise an epoch") };
        self.script(call, &scripts::RAISE, scope, &[old, new], answers::answer)
    }

    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, Error> {
        let arguments = [&*answers::token_text(token), &answers::id_text(committed)];
        self.script(Call::write("finish a take"), &scripts::FINISH, scope, &arguments, answers::finish)
    }

    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, Error> {
        self.answers(Call::write("stage state"), stages, |stage| stage.scope, Self::stage_command)
    }

    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, Error> {
        let command = |(_, token, committed): &(&Scope, Token, CommitId), names: &Names| {
            let mut command = scripts::PROMOTE.call(&[&names.control(), &names.pending()]);
            command.arg(answers::token_text(*token)).arg(committed.to_string());
            command
        };
        self.answers(Call::write("promote state"), promotes, |promote| promote.0, command)
    }

    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, Error> {
        let mut batch = Batch::default();
        for (scope, _) in checks {
            let names = self.names(scope);
            batch.push(names.slot, &owner_command(&names));
        }
        let answers = self.nodes.run(Call::read("check the owner"), &batch)?;
        let check = |((scope, token), answer): (&(&Scope, Token), &Value)| {
            let owner = self.owner_text(answer, scope)?;
            Ok(if owner == Some(*token) { Answer::Ok } else { Answer::Refused })
        };
        checks.iter().zip(&answers).map(check).collect()
    }

    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, Error> {
        self.answers(Call::write("write state"), applies, |apply| apply.scope, Self::apply_command)
    }

    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, Error> {
        let token = answers::token_text(token);
        self.script(Call::write("release a scope"), &scripts::RELEASE, scope, &[&token], answers::answer)
    }

    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, Error> {
        self.read_all(reads)
    }

    fn scan(&self, scan: Scan<'_>) -> Result<Page, Error> {
        self.scan_page(scan)
    }

    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, Error> {
        let names = self.names(scope);
        let mut command = ::redis::cmd("GET");
        command.arg(names.key("meta"));
        let answer = self.one(Call::read("read what is kept of a scope"), &names, &command)?;
        let Some(text) = answers::text(&answer) else { return Ok(None) };
        let meta: Meta = serde_json::from_str(text).map_err(|error| Error::Damaged {
            scope: scope.to_string(),
            what: format!("its meta: {error}"),
        })?;
        if meta.format > FORMAT {
            return Err(Error::NewerFormat { scope: scope.to_string(), found: meta.format, known: FORMAT });
        }
        Ok(Some(meta))
    }

    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, Error> {
        let text = serde_json::to_string(meta).map_err(|error| Error::Damaged {
            scope: scope.to_string(),
            what: format!("its meta: {error}"),
        })?;
        let arguments = [&*answers::token_text(token), &text];
        let call = Call::write("write what is kept of a scope");
        self.script(call, &scripts::SET_META, scope, &arguments, answers::answer)
    }

    fn scopes(&self) -> Result<Vec<Scope>, Error> {
        let mut scopes = BTreeSet::new();
        let prefix = &self.nodes.options.prefix;
        self.nodes.each_key("list scopes", &names::control_pattern(prefix), |key| {
            scopes.extend(names::scope_of(prefix, key));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(scopes.into_iter().collect())
    }

    fn walk(&self, walk: Walk<'_>, take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>) -> Result<(), Error> {
        self.walk_all(walk, take)
    }

    fn sweep(&self, scope: &Scope, token: Token, before: i64, rows: usize) -> Result<Swept, Error> {
        self.sweep_rows(scope, token, before, rows)
    }
}
