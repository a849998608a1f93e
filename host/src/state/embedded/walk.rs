//! Everything of an entity, for tools: the rows of its scopes as they lie, state by state and key by key.

use std::ops::ControlFlow;

use super::layout::{self, Number, Shape};
use super::{EmbeddedState, damaged, failed, scopes};
use crate::state::{Error, Item, Scope, Walk};

/// Where one state of a scope lies.
struct Place<'a> {
    scope: &'a Scope,
    number: Number,
    state: u16,
    name: &'a str,
    shape: Shape,
}

impl EmbeddedState {
    pub(super) fn walk_all(
        &self,
        walk: Walk<'_>,
        take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let wanted = |scope: &&Scope| {
            scope.deployment == walk.deployment
                && scope.entity == walk.entity
                && walk.partition.is_none_or(|partition| partition == scope.partition)
        };
        for scope in self.scopes.taken().iter().filter(wanted) {
            let (number, states) = {
                let open = self.scopes.get(scope);
                let open = scopes::lock(&open);
                (open.control.number, open.control.states().to_vec())
            };
            for (state, (name, shape)) in (0..).zip(&states) {
                if walk.state.is_some_and(|wanted| wanted != name) {
                    continue;
                }
                let place = Place { scope, number, state, name, shape: *shape };
                if self.walk_state(&place, walk.prefix, take)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn walk_state(
        &self,
        place: &Place<'_>,
        prefix: &[u8],
        take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut from = Vec::new();
        layout::state_prefix(place.number, place.state, &mut from);
        let root = from.len();
        match place.shape {
            Shape::Value => from.extend_from_slice(prefix),
            Shape::Fields => layout::escape_open(prefix, &mut from),
        }
        for row in self.live.range(&from, layout::prefix_end(&from).as_deref()) {
            let (row, value) = row.map_err(failed("walk through state"))?;
            let mut rest = row.get(root..).unwrap_or_default();
            let key = match place.shape {
                Shape::Value => None,
                Shape::Fields => Some(layout::unescape(&mut rest).ok_or_else(|| broken(place, &row))?),
            };
            let (expires, value) = layout::stored(&value).ok_or_else(|| broken(place, &row))?;
            let (key, field) = key.as_deref().map_or((rest, None), |key| (key, Some(rest)));
            let partition = place.scope.partition;
            if take(&Item { partition, state: place.name, key, field, value, expires }).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn broken(place: &Place<'_>, row: &[u8]) -> Error {
    let what = format!("a row of state {:?} cannot be read: {}", place.name, row.escape_ascii());
    damaged(place.scope, what)
}
