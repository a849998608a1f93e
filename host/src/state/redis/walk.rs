//! Everything of an entity, for tools: the keys that hold its values are looked for among all keys, and read some at a
//! time with HSCAN. Nothing here writes, or takes part in the protocol.

use std::ops::ControlFlow;

use super::RedisState;
use super::batch::Batch;
use super::exchange::Call;
use super::names::{self, Holder, Names};
use super::read::{damaged, unreadable};
use super::scan::{chunk, pattern};
use super::values::take_apart;
use crate::state::{Error, Item, Walk};

const ACTION: &str = "walk through state";
/// Keys that one round trip reads from.
const KEYS: usize = 16;
/// Names that one HSCAN looks at.
const LOOKED_AT: usize = 64;

/// Whoever takes what a walk shows.
type Taker<'a> = &'a mut dyn FnMut(&Item<'_>) -> ControlFlow<()>;

/// A key, what it holds, and where to go on in it.
struct Place {
    key: String,
    holder: Holder,
    cursor: String,
}

impl RedisState {
    pub(super) fn walk_all(&self, walk: Walk<'_>, take: Taker<'_>) -> Result<(), Error> {
        let prefix = &self.nodes.options.prefix;
        let of_entity = names::values_pattern(prefix, walk.deployment, walk.entity, walk.partition);
        let mut places: Vec<Place> = Vec::new();
        let mut ended = false;
        self.nodes.each_key(ACTION, &of_entity, |key| {
            let wanted = |holder: &Holder| {
                walk.state.is_none_or(|state| state == holder.state)
                    && holder.key.as_ref().is_none_or(|key| key.starts_with(walk.prefix))
            };
            let holder = names::holder_of(prefix, key).filter(wanted);
            places.extend(holder.map(|holder| Place { key: key.to_owned(), holder, cursor: "0".to_owned() }));
            if places.len() < KEYS {
                return Ok(ControlFlow::Continue(()));
            }
            let step = self.walk_keys(std::mem::take(&mut places), walk.prefix, take)?;
            ended = step.is_break();
            Ok(step)
        })?;
        if !ended {
            self.walk_keys(places, walk.prefix, take).map(drop)?;
        }
        Ok(())
    }

    /// Shows all that these keys hold; where it is more than one answer brings, key after key.
    fn walk_keys(
        &self,
        places: Vec<Place>,
        prefix: &[u8],
        take: Taker<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut first = Batch::default();
        places.iter().for_each(|place| self.push(place, prefix, &mut first));
        let answers = self.nodes.run(Call::read(ACTION), &first)?;
        for (mut place, answer) in places.into_iter().zip(answers) {
            let mut answer = answer;
            loop {
                let Some((next, rows)) = chunk(&answer) else {
                    return Err(unreadable(&place.holder.scope, ACTION, &format!("{answer:?}")));
                };
                for (name, stored) in rows {
                    if show(&place.holder, name, stored, take)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                if next == "0" {
                    break;
                }
                place.cursor = next.to_owned();
                let mut more = Batch::default();
                self.push(&place, prefix, &mut more);
                let Some(found) = self.nodes.run(Call::read(ACTION), &more)?.pop() else { break };
                answer = found;
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn push(&self, place: &Place, prefix: &[u8], batch: &mut Batch) {
        let slot = Names::of(&self.nodes.options.prefix, &place.holder.scope).slot;
        let mut command = redis::cmd("HSCAN");
        command.arg(&place.key).arg(&place.cursor).arg("COUNT").arg(LOOKED_AT);
        // The names in a value state are keys; in a map they are fields, and its key has been looked at.
        if place.holder.key.is_none() && !prefix.is_empty() {
            command.arg("MATCH").arg(pattern(prefix));
        }
        batch.push(slot, &command);
    }
}

fn show(holder: &Holder, name: &[u8], stored: &[u8], take: Taker<'_>) -> Result<ControlFlow<()>, Error> {
    let Holder { scope, state, key } = holder;
    let (expires, value) = take_apart(stored).ok_or_else(|| damaged(scope, state, name))?;
    let (key, field) = key.as_deref().map_or((name, None), |key| (key, Some(name)));
    Ok(take(&Item { partition: scope.partition, state, key, field, value, expires }))
}
