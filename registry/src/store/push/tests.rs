use std::sync::Arc;

use futures_util::{StreamExt, stream};
use object_store::ObjectStoreExt;
use serde_json::json;

use super::*;
use crate::manifest::IMAGE;
use crate::store::{Body, Paths};

fn body(bytes: &[u8]) -> Body {
    stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed()
}

fn name(text: &str) -> Repository {
    text.parse().unwrap()
}

struct Place {
    store: Store,
    validator: Validator,
    repository: Repository,
    /// Gone with it.
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        Self {
            store,
            validator: Validator::new(&crate::Limits::default()).unwrap(),
            repository: name("team/a"),
            _folder: folder,
        }
    }

    async fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(Algorithm::Sha256, bytes);
        self.store.write_blob(&self.repository, &digest, body(bytes), 1 << 20).await.unwrap();
        digest
    }

    async fn push(&self, tag: &str, content: &str, overwrite: bool) -> Result<Pushed, StoreError> {
        let push = Push {
            repository: &self.repository,
            reference: &tag.parse().unwrap(),
            tags: &[],
            content_type: None,
            content: Bytes::copy_from_slice(content.as_bytes()),
            overwrite,
            validator: &self.validator,
        };
        self.store.push(&push).await
    }
}

fn image(config: &Digest, size: usize, note: &str) -> String {
    json!({"schemaVersion": 2, "mediaType": IMAGE, "annotations": {"note": note}, "layers": [],
        "config": {"mediaType": "a/b", "digest": config.to_string(), "size": size}})
    .to_string()
}

#[tokio::test]
async fn of_many_pushes_of_one_version_exactly_one_wins() {
    let place = Arc::new(Place::new());
    let config = place.blob(b"{}").await;
    let pushes = (0..16).map(|at| {
        let (place, content) = (Arc::clone(&place), image(&config, 2, &at.to_string()));
        tokio::spawn(async move { place.push("1.0.0", &content, false).await })
    });
    let results = futures_util::future::join_all(pushes.collect::<Vec<_>>()).await;
    let results: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    let won: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(won.len(), 1);
    let lost = results.iter().filter(|result| matches!(result, Err(StoreError::Conflict { .. })));
    assert_eq!(lost.count(), 15);
    let tag = "1.0.0".parse().unwrap();
    let there = place.store.resolve(&place.repository, &tag).await.unwrap();
    assert_eq!(there.as_ref(), Some(&won[0].digest));
}

#[tokio::test]
async fn a_version_can_be_pushed_again_as_it_is_and_changed_only_where_that_is_allowed() {
    let place = Place::new();
    let config = place.blob(b"{}").await;
    let (first, second) = (image(&config, 2, "first"), image(&config, 2, "second"));
    let pushed = place.push("1.0.0", &first, false).await.unwrap();
    assert_eq!(place.push("1.0.0", &first, false).await.unwrap().digest, pushed.digest);
    let refused = place.push("1.0.0", &second, false).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { found, .. } if found == pushed.digest));
    let changed = place.push("1.0.0", &second, true).await.unwrap();
    assert_eq!(
        place.store.resolve(&place.repository, &"1.0.0".parse().unwrap()).await.unwrap(),
        Some(changed.digest)
    );
}

#[tokio::test]
async fn a_tag_moves_and_leaves_one_record() {
    let place = Place::new();
    let config = place.blob(b"{}").await;
    for at in 0..5 {
        place.push("latest", &image(&config, 2, &at.to_string()), false).await.unwrap();
    }
    let tags = Paths(&place.repository).tag(&"latest".parse().unwrap());
    let records: Vec<_> = place.store.objects.list(Some(&tags)).try_collect().await.unwrap();
    assert_eq!(records.len(), 1);
    let last = Digest::of(Algorithm::Sha256, image(&config, 2, "4").as_bytes());
    let there = place.store.resolve(&place.repository, &"latest".parse().unwrap()).await.unwrap();
    assert_eq!(there, Some(last));
}

#[tokio::test]
async fn a_manifest_without_its_blobs_leaves_nothing() {
    let place = Place::new();
    let config = Digest::of(Algorithm::Sha256, b"{}");
    let refused = place.push("1.0.0", &image(&config, 2, ""), false).await.unwrap_err();
    assert!(matches!(refused, StoreError::LinkUnknown { field: "blob", .. }));
    place.blob(b"{}").await;
    let refused = place.push("1.0.0", &image(&config, 3, ""), false).await.unwrap_err();
    assert!(matches!(refused, StoreError::LinkSize { found: 2, declared: 3, .. }));
    assert_eq!(place.store.tags(&place.repository).await.unwrap(), []);
    assert_eq!(place.store.repositories().await.unwrap(), []);
}

#[tokio::test]
async fn a_condemned_blob_is_taken_back_by_the_push_that_needs_it() {
    let place = Place::new();
    let config = place.blob(b"{}").await;
    let paths = Paths(&place.repository);
    let condemned = paths.folder("_condemned").join("0-run").join("sha256").join(config.hex());
    place.store.objects.rename(&paths.blob(&config), &condemned).await.unwrap();
    place.push("1.0.0", &image(&config, 2, ""), false).await.unwrap();
    assert_eq!(place.store.blob_size(&place.repository, &config).await.unwrap(), 2);
}

#[tokio::test]
async fn a_delete_that_was_killed_before_the_tags_is_gone_on_with() {
    let place = Place::new();
    let config = place.blob(b"{}").await;
    let digest = place.push("1.0.0", &image(&config, 2, ""), false).await.unwrap().digest;
    place.store.remove(&Paths(&place.repository).manifest(&digest)).await.unwrap();
    assert_eq!(place.store.tags(&place.repository).await.unwrap(), []);
    place.store.delete_manifest(&place.repository, &digest).await.unwrap();
    let again = place.store.delete_manifest(&place.repository, &digest).await.unwrap_err();
    assert!(matches!(again, StoreError::ManifestUnknown(_)));
    place.push("1.0.0", &image(&config, 2, "other"), false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_beside_deletes_of_the_same_manifest_leave_no_tag_without_it() {
    let place = Arc::new(Place::new());
    let config = place.blob(b"{}").await;
    let content = image(&config, 2, "");
    let digest = Digest::of(Algorithm::Sha256, content.as_bytes());
    for _ in 0..50 {
        let beside = (Arc::clone(&place), digest.clone());
        let deleting = tokio::spawn(async move {
            let (place, digest) = beside;
            match place.store.delete_manifest(&place.repository, &digest).await {
                Err(StoreError::ManifestUnknown(_)) => {}
                done => done.unwrap(),
            }
        });
        place.push("latest", &content, false).await.unwrap();
        deleting.await.unwrap();
        let pointed = place.store.pointed(&place.repository, &"latest".parse().unwrap()).await.unwrap();
        let is_there = place.store.has_manifest(&place.repository, &digest).await.unwrap();
        assert!(pointed.is_none() || is_there);
    }
}

#[tokio::test]
async fn the_media_type_of_what_is_there_stays() {
    let place = Place::new();
    let config = place.blob(b"{}").await;
    let content = image(&config, 2, "").replace(&format!("\"mediaType\":\"{IMAGE}\","), "");
    let push = async |kind| {
        let push = Push {
            repository: &place.repository,
            reference: &"1.0.0".parse().unwrap(),
            tags: &[],
            content_type: Some(kind),
            content: Bytes::copy_from_slice(content.as_bytes()),
            overwrite: false,
            validator: &place.validator,
        };
        place.store.push(&push).await.unwrap()
    };
    push("a/first").await;
    push("a/second").await;
    let stored = place.store.manifest(&place.repository, &"1.0.0".parse().unwrap()).await.unwrap();
    assert_eq!(stored.media_type, "a/first");
}
