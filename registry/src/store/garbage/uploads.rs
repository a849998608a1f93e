//! Uploads that were begun and neither finished nor given up.

use std::collections::HashMap;

use uuid::Uuid;

use super::super::{Paths, StoreError};
use super::Run;
use crate::name::Repository;

impl Run<'_> {
    pub(super) async fn uploads(&mut self, repository: &Repository) -> Result<(), StoreError> {
        // Whether all that belongs to an upload is old.
        let mut uploads: HashMap<Uuid, bool> = HashMap::new();
        for object in self.list(&Paths(repository).folder("_uploads")).await? {
            let id = object.location.as_ref().rsplit('/').nth(1).and_then(|id| id.parse().ok());
            let Some(id) = id else { continue };
            let is_old = self.is_old(&object);
            uploads.entry(id).and_modify(|all| *all &= is_old).or_insert(is_old);
        }
        for (id, _) in uploads.into_iter().filter(|(_, is_old)| *is_old) {
            self.found.uploads += 1;
            if !self.options.dry_run {
                self.store.drop_upload(repository, id).await?;
            }
        }
        Ok(())
    }
}
