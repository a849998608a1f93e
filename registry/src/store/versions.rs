//! Versions in their order, and the function behind a manifest.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore};

use super::paths::number_of;
use super::{FunctionRecord, Paths, Store, StoreError};
use crate::digest::Digest;
use crate::manifest::{Link, Manifest};
use crate::name::{Reference, Repository, Tag};

/// Orders tags as lists show them: full versions first, the highest one first; then other tags by name.
pub(crate) fn shown_order(one: &Tag, other: &Tag) -> Ordering {
    let key = |tag: &Tag| (tag.version().is_none(), Reverse(tag.version()));
    key(one).cmp(&key(other)).then_with(|| one.cmp(other))
}

impl Store {
    /// All names that are or were tags, as lists show them.
    pub(crate) async fn ordered_tags(&self, repository: &Repository) -> Result<Vec<Tag>, StoreError> {
        let mut tags = self.tag_folders(repository).await?;
        tags.sort_by(shown_order);
        Ok(tags)
    }

    /// The highest version that is wanted, and what it points to.
    pub(crate) async fn highest(
        &self,
        repository: &Repository,
        is_wanted: impl Fn(&semver::Version) -> bool,
    ) -> Result<Option<(Tag, Digest)>, StoreError> {
        for tag in self.ordered_tags(repository).await? {
            if !tag.version().is_some_and(|version| is_wanted(&version)) {
                continue;
            }
            if let Some(digest) = self.resolve(repository, &tag).await? {
                return Ok(Some((tag, digest)));
            }
        }
        Ok(None)
    }

    /// The first component of a manifest and what it declares; `None` if it is not a function.
    pub(crate) async fn function_of(
        &self,
        repository: &Repository,
        manifest: &Digest,
    ) -> Result<Option<(Function, FunctionRecord)>, StoreError> {
        let stored = self.manifest(repository, &Reference::Digest(manifest.clone())).await?;
        let manifest = Manifest::read(Some(&stored.media_type), &stored.content)?;
        let Some(component) = manifest.components.into_iter().next() else { return Ok(None) };
        let Some(record) = self.function(repository, &component.digest).await? else { return Ok(None) };
        Ok(Some((Function { component, annotations: manifest.annotations }, record)))
    }

    /// The number of the record that counts of each name that is or was a tag. Reads no record.
    pub(crate) async fn tag_numbers(
        &self,
        repository: &Repository,
    ) -> Result<BTreeMap<Tag, u64>, StoreError> {
        let folder = Paths(repository).folder("_tags");
        let found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        let mut numbers = BTreeMap::new();
        for object in found {
            let tag = object.location.as_ref().rsplit('/').nth(1).and_then(|tag| tag.parse::<Tag>().ok());
            let (Some(tag), Some(number)) = (tag, number_of(&object.location)) else { continue };
            let highest = numbers.entry(tag).or_insert(number);
            *highest = number.max(*highest);
        }
        Ok(numbers)
    }

    /// Whether a repository holds functions, or held some until lately.
    pub(crate) async fn has_functions(&self, repository: &Repository) -> Result<bool, StoreError> {
        let folder = Paths(repository).folder("_functions");
        let first = self.objects.list(Some(&folder)).next().await;
        Ok(first.transpose()?.is_some())
    }
}

/// What a manifest of a function says.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) component: Link,
    pub(crate) annotations: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_first_and_the_highest_one_first() {
        let mut tags: Vec<Tag> = ["latest", "1.9.0", "1.10.0", "dev", "1.10.0-rc.1", "2.0"]
            .iter()
            .map(|tag| tag.parse().unwrap())
            .collect();
        tags.sort_by(shown_order);
        let names: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        assert_eq!(names, ["1.10.0", "1.10.0-rc.1", "1.9.0", "2.0", "dev", "latest"]);
    }
}
