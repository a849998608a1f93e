//! Which repositories there are.

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use super::paths::{CATALOG, REPOSITORIES};
use super::{Paths, Store, StoreError};
use crate::name::Repository;

impl Store {
    /// All repositories, sorted by name.
    pub async fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        let found: Vec<ObjectMeta> = self.objects.list(Some(&Path::from(CATALOG))).try_collect().await?;
        let name = |object: &ObjectMeta| object.location.filename()?.replace('+', "/").parse().ok();
        let mut names: Vec<Repository> = found.iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The repositories beside this one: `team/b` for `team/a`.
    pub(crate) async fn siblings(&self, repository: &Repository) -> Result<Vec<Repository>, StoreError> {
        let parent = repository.as_str().rsplit_once('/').map(|(parent, _)| parent);
        let folder = Path::from(format!("{REPOSITORIES}/{}", parent.unwrap_or_default()));
        let listed = self.objects.list_with_delimiter(Some(&folder)).await?;
        let name = |path: &Path| path.as_ref().strip_prefix(REPOSITORIES)?.strip_prefix('/')?.parse().ok();
        Ok(listed.common_prefixes.iter().filter_map(name).filter(|found| found != repository).collect())
    }

    /// Whether something was pushed to a repository.
    pub async fn has_repository(&self, repository: &Repository) -> Result<bool, StoreError> {
        match self.objects.head(&Paths(repository).catalog()).await {
            Err(error) if StoreError::is_missing(&error) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }

    pub(crate) async fn add_repository(&self, repository: &Repository) -> Result<(), StoreError> {
        if !self.has_repository(repository).await? {
            self.objects.put(&Paths(repository).catalog(), Vec::new().into()).await?;
        }
        Ok(())
    }
}
