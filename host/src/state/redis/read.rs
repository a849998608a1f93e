//! Reads of many values: one HMGET per state, or per run of rows of the same map key.

use redis::{Cmd, Value};

use super::RedisState;
use super::batch::Batch;
use super::exchange::Call;
use super::names::{self, Names};
use super::values::take_apart;
use crate::state::{Error, Read, Scope, StateKind, Values};

/// Most fields of one command, so that others get their turn in between.
const FIELDS: usize = 4096;

impl RedisState {
    pub(super) fn read_all(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, Error> {
        let mut batch = Batch::default();
        for read in reads {
            let names = self.names(read.scope);
            match read.kind {
                StateKind::Value => read_values(read, &names, &mut batch),
                StateKind::Map | StateKind::SortedMap => read_fields(read, &names, &mut batch),
            }
        }
        let answers = self.nodes.run(Call::read("read state"), &batch)?;
        let mut found = answers.iter().flat_map(|answer| match answer {
            Value::Array(values) => values.as_slice(),
            other => std::slice::from_ref(other),
        });
        reads.iter().map(|read| collect(read, &mut found)).collect()
    }
}

fn read_values(read: &Read<'_>, names: &Names, batch: &mut Batch) {
    let hash = names.key(&names::value_state(read.state));
    let keys: Vec<_> = read.keys.iter().map(Option::unwrap_or_default).collect();
    keys.chunks(FIELDS).for_each(|keys| batch.push(names.slot, &fields_of(&hash, keys)));
}

fn read_fields(read: &Read<'_>, names: &Names, batch: &mut Batch) {
    let rows = read.keys.iter().zip(read.fields.iter());
    let rows: Vec<_> =
        rows.map(|(key, field)| (key.unwrap_or_default(), field.unwrap_or_default())).collect();
    for run in rows.chunk_by(|a, b| a.0 == b.0) {
        let Some((key, _)) = run.first() else { continue };
        let hash = names.key(&names::map_key(read.state, key, false));
        let fields: Vec<_> = run.iter().map(|(_, field)| *field).collect();
        fields.chunks(FIELDS).for_each(|fields| batch.push(names.slot, &fields_of(&hash, fields)));
    }
}

fn fields_of(hash: &str, fields: &[&[u8]]) -> Cmd {
    let bytes = fields.iter().map(|field| field.len()).sum::<usize>() + hash.len();
    let mut command = Cmd::with_capacity(fields.len() + 2, bytes + 8);
    command.arg("HMGET").arg(hash);
    fields.iter().for_each(|field| {
        command.arg(*field);
    });
    command
}

fn collect<'a>(read: &Read<'_>, found: &mut impl Iterator<Item = &'a Value>) -> Result<Values, Error> {
    let mut values = Values::default();
    for key in read.keys.iter() {
        let (expires, value) = match found.next() {
            Some(Value::BulkString(stored)) => {
                let (expires, value) = take_apart(stored)
                    .ok_or_else(|| damaged(read.scope, read.state, key.unwrap_or_default()))?;
                (expires, Some(value))
            }
            Some(Value::Nil) => (-1, None),
            other => return Err(unreadable(read.scope, "read state", &format!("{other:?}"))),
        };
        values.values.push(value);
        values.expires.push(expires);
    }
    Ok(values)
}

pub(super) fn damaged(scope: &Scope, state: &str, key: &[u8]) -> Error {
    let what =
        format!("the expiry of {:?} in state {state:?} cannot be read", key.escape_ascii().to_string());
    Error::Damaged { scope: scope.to_string(), what }
}

/// An answer that no script and no command of ours gives.
pub(super) fn unreadable(scope: &Scope, action: &'static str, answer: &str) -> Error {
    Error::Damaged {
        scope: scope.to_string(),
        what: format!("the answer to {action:?} cannot be read: {answer}"),
    }
}
