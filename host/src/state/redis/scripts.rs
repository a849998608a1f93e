//! The scripts, what they are sent, and what they answer.

use std::sync::LazyLock;

use invoker_core::commit::{CommitId, Token};
use redis::{Cmd, Value};

use super::super::{Answer, Applied, Apply, Error, Scope, Stage, Take};
use super::changes;
use super::errors::unexpected;
use super::keys::Keys;

/// A script, known to the server by its hash once it was loaded.
pub(super) struct Script {
    code: &'static str,
    hash: LazyLock<String>,
}

macro_rules! scripts {
    ($($name:ident = $file:literal;)*) => {
        $(pub(super) static $name: Script = Script {
            code: concat!(include_str!("scripts/common.lua"), include_str!($file)),
            hash: LazyLock::new(|| redis::Script::new($name.code).get_hash().to_owned()),
        };)*

        /// Loads every script.
        pub(super) fn load_all() -> Vec<Cmd> {
            vec![$($name.load()),*]
        }
    };
}

scripts! {
    TAKE = "scripts/take.lua";
    RAISE = "scripts/raise.lua";
    FINISH = "scripts/finish.lua";
    STAGE = "scripts/stage.lua";
    PROMOTE = "scripts/promote.lua";
    CHECK = "scripts/check.lua";
    APPLY = "scripts/apply.lua";
    RELEASE = "scripts/release.lua";
    META = "scripts/meta.lua";
    SWEEP = "scripts/sweep.lua";
    SCAN = "scripts/scan.lua";
}

impl Script {
    /// The script on a scope's control and pending keys.
    pub(super) fn on(&self, keys: &Keys, scope: &Scope, args: &[&[u8]]) -> Cmd {
        self.with(&[&keys.control(scope), &keys.pending(scope)], args)
    }

    pub(super) fn with(&self, keys: &[&[u8]], args: &[&[u8]]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.hash.as_str()).arg(keys.len());
        keys.iter().chain(args).for_each(|arg| {
            command.arg(*arg);
        });
        command
    }

    fn load(&self) -> Cmd {
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(self.code);
        command
    }
}

pub(super) fn stage(keys: &Keys, stage: &Stage<'_>) -> Cmd {
    let changes = changes::pack(stage.changes);
    let (token, own) = (text(stage.token), stage.id.to_string());
    let (sequence, next) = (stage.id.sequence.to_string(), next_text(stage.next));
    let (committed, previous) = (id(stage.committed), id(stage.previous));
    let args: [&[u8]; 8] = [
        token.as_bytes(),
        own.as_bytes(),
        sequence.as_bytes(),
        next.as_bytes(),
        committed.as_bytes(),
        previous.as_bytes(),
        if stage.promoted { b"1" } else { b"0" },
        &changes,
    ];
    STAGE.on(keys, stage.scope, &args)
}

pub(super) fn apply(keys: &Keys, apply: &Apply<'_>) -> Cmd {
    let changes = changes::pack(apply.changes);
    let (token, base, own, next) =
        (text(apply.token), id(apply.base), apply.id.to_string(), next_text(apply.next));
    let args: [&[u8]; 5] = [token.as_bytes(), base.as_bytes(), own.as_bytes(), next.as_bytes(), &changes];
    APPLY.on(keys, apply.scope, &args)
}

/// A token as it is stored: `epoch.nonce`, as in commit ids.
pub(super) fn text(token: Token) -> String {
    format!("{}.{:016x}", token.epoch, token.nonce)
}

pub(super) fn nonce(nonce: u64) -> [u8; 16] {
    let mut text = [b'0'; 16];
    format!("{nonce:016x}").bytes().zip(&mut text).for_each(|(digit, place)| *place = digit);
    text
}

/// An id as it is stored, empty where there is none.
pub(super) fn id(id: Option<CommitId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

fn next_text(next: &[u64]) -> String {
    next.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

pub(super) fn token(stored: &[u8], action: &'static str) -> Result<Token, Error> {
    let parsed = std::str::from_utf8(stored).ok().and_then(|text| {
        let (epoch, nonce) = text.split_once('.')?;
        Some(Token { epoch: epoch.parse().ok()?, nonce: u64::from_str_radix(nonce, 16).ok()? })
    });
    parsed.ok_or_else(|| unexpected(action, "an owner that is none of ours"))
}

pub(super) fn number(stored: &[u8], action: &'static str) -> Result<u64, Error> {
    let parsed = std::str::from_utf8(stored).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| unexpected(action, "text where a number was expected"))
}

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

/// What a script answered: a word, and what belongs to it.
pub(super) struct Reply {
    parts: Vec<Value>,
    action: &'static str,
}

impl Reply {
    pub(super) fn of(value: Value, action: &'static str) -> Result<Self, Error> {
        match value {
            Value::Array(parts) if !parts.is_empty() => Ok(Self { parts, action }),
            word @ (Value::BulkString(_) | Value::SimpleString(_) | Value::Okay) => {
                Ok(Self { parts: vec![word], action })
            }
            other => Err(unexpected(action, format!("an answer of another shape: {other:?}"))),
        }
    }

    pub(super) fn word(&self) -> &[u8] {
        self.part(0)
    }

    fn part(&self, at: usize) -> &[u8] {
        self.parts.get(at).and_then(bytes).unwrap_or_default()
    }

    fn text(&self, at: usize) -> Result<&str, Error> {
        std::str::from_utf8(self.part(at)).map_err(|error| unexpected(self.action, error))
    }

    pub(super) fn answer(&self) -> Result<Answer, Error> {
        match self.word() {
            b"OK" => Ok(Answer::Ok),
            b"REFUSED" => Ok(Answer::Refused),
            b"OLD" => Ok(Answer::RefusedOld),
            b"LOST" => Ok(Answer::StateLost { applied: self.applied(1)? }),
            other => Err(unexpected(self.action, String::from_utf8_lossy(other))),
        }
    }

    /// An id and positions at `at` and behind it.
    pub(super) fn applied(&self, at: usize) -> Result<Option<Applied>, Error> {
        let id = self.text(at)?;
        if id.is_empty() {
            return Ok(None);
        }
        let id = id.parse().map_err(|error| unexpected(self.action, error))?;
        let next = self.text(at + 1)?.split(',').filter(|part| !part.is_empty());
        let next: Result<_, _> = next.map(str::parse).collect();
        Ok(Some(Applied { id, next: next.map_err(|error| unexpected(self.action, error))? }))
    }

    pub(super) fn take(&self) -> Result<Take, Error> {
        if self.word() == b"MOVED" {
            return Ok(Take::Moved);
        }
        let pending = self.text(3)?.lines().filter_map(|line| line.split(' ').next());
        let pending: Result<_, _> = pending.map(str::parse).collect();
        Ok(Take::Taken {
            token: token(self.part(1), self.action)?,
            old_ids: self.text(2)?.lines().map(str::to_owned).collect(),
            pending: pending.map_err(|error| unexpected(self.action, error))?,
            applied: self.applied(4)?,
        })
    }
}
