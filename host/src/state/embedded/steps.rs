//! Steps of the delivery protocol, written: each is computed on the scope's record, then goes to the database as one
//! batch, then becomes the scope's present.

use invoker_core::commit::{CommitId, Token};

use super::control::{Control, Step};
use super::{EmbeddedState, Journal, Open, damaged, failed, layout, rows, scopes};
use crate::db::{Batch, Sync, Value};
use crate::state::{Answer, Apply, Error, Scope, Stage};

impl EmbeddedState {
    /// Writes a step and makes it the scope's present.
    pub(super) fn write(
        &self,
        scope: &Scope,
        open: &mut Open,
        control: Control,
        mut batch: Batch,
        relied_on: bool,
    ) -> Result<(), Error> {
        let record = control.encode().map_err(|error| damaged(scope, error.to_string()))?;
        batch.put(&self.control, &layout::control_key(scope), &record);
        let sync = if relied_on && self.journal == Journal::Own { Sync::Now } else { Sync::Later };
        self.db.write(batch, sync).map_err(failed("write state"))?;
        open.control = control;
        Ok(())
    }

    /// Writes what a step promotes and drops, with `added` rows for the newest pending stage.
    pub(super) fn write_step(
        &self,
        scope: &Scope,
        open: &mut Open,
        step: Step,
        added: Option<Vec<u8>>,
        relied_on: bool,
    ) -> Result<(), Error> {
        let Step { control, promoted, dropped } = step;
        let mut batch = Batch::new();
        for &place in &promoted {
            let rows = self.rows(scope, open, place)?;
            rows::promote(&rows, &self.live, &mut batch)
                .ok_or_else(|| damaged(scope, format!("the rows of pending stage {place} cannot be read")))?;
        }
        for &place in promoted.iter().chain(&dropped) {
            batch.remove(&self.pending, &layout::pending_key(control.number, place));
        }
        let added = added.zip(control.pending.last()).map(|(rows, newest)| (newest.place, Value::from(rows)));
        if let Some((place, rows)) = &added {
            batch.put_value(&self.pending, &layout::pending_key(control.number, *place), rows.clone());
        }
        self.write(scope, open, control, batch, relied_on)?;
        promoted.iter().chain(&dropped).for_each(|place| {
            open.rows.remove(place);
        });
        open.rows.extend(added);
        Ok(())
    }

    fn rows(&self, scope: &Scope, open: &Open, place: u64) -> Result<Value, Error> {
        if let Some(rows) = open.rows.get(&place) {
            return Ok(rows.clone());
        }
        let key = layout::pending_key(open.control.number, place);
        let rows = self.pending.get(&key).map_err(failed("read pending changes"))?;
        rows.ok_or_else(|| damaged(scope, format!("the rows of pending stage {place} are missing")))
    }

    pub(super) fn stage_one(&self, stage: &Stage<'_>) -> Result<Answer, Error> {
        let open = self.scopes.get(stage.scope);
        let mut open = scopes::lock(&open);
        match open.control.stage(stage) {
            Err(answer) => Ok(answer),
            Ok(mut step) => {
                let rows = rows::encode(&mut step.control, stage.changes);
                self.write_step(stage.scope, &mut open, step, Some(rows), true)?;
                Ok(Answer::Ok)
            }
        }
    }

    pub(super) fn promote_one(
        &self,
        scope: &Scope,
        token: Token,
        committed: CommitId,
    ) -> Result<Answer, Error> {
        let open = self.scopes.get(scope);
        let mut open = scopes::lock(&open);
        match open.control.promote(token, committed) {
            Err(answer) => Ok(answer),
            Ok(step) => {
                self.write_step(scope, &mut open, step, None, false)?;
                Ok(Answer::Ok)
            }
        }
    }

    pub(super) fn apply_one(&self, apply: &Apply<'_>) -> Result<Answer, Error> {
        let open = self.scopes.get(apply.scope);
        let mut open = scopes::lock(&open);
        match open.control.apply(apply) {
            Err(answer) => Ok(answer),
            Ok(mut control) => {
                let mut batch = Batch::new();
                let rows = rows::encode(&mut control, apply.changes);
                rows::promote(&rows, &self.live, &mut batch)
                    .ok_or_else(|| damaged(apply.scope, "the changes to apply cannot be laid out"))?;
                self.write(apply.scope, &mut open, control, batch, true)?;
                Ok(Answer::Ok)
            }
        }
    }

    /// A step that changes nothing but the scope's record. `None` = refused.
    pub(super) fn update(
        &self,
        scope: &Scope,
        decide: impl FnOnce(&Control) -> Option<Control>,
    ) -> Result<Answer, Error> {
        let open = self.scopes.get(scope);
        let mut open = scopes::lock(&open);
        let Some(control) = decide(&open.control) else { return Ok(Answer::Refused) };
        self.write(scope, &mut open, control, Batch::new(), true)?;
        Ok(Answer::Ok)
    }
}
