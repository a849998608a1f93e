use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::ObjectStoreExt;
use serde_json::json;

use super::*;
use crate::store::{Paths, Push};
use crate::{Algorithm, Digest, Validator};

const NOW: CollectOptions = CollectOptions { grace: Duration::ZERO, dry_run: false };

fn name() -> Repository {
    "team/a".parse().unwrap()
}

async fn blob(store: &Store, bytes: &[u8]) -> Digest {
    let digest = Digest::of(Algorithm::Sha256, bytes);
    let body = stream::iter([Ok(Bytes::copy_from_slice(bytes))]).boxed();
    store.write_blob(&name(), &digest, body, 1 << 20).await.unwrap();
    digest
}

async fn push(
    store: &Store,
    validator: &Validator,
    config: &Digest,
    note: u32,
) -> Result<Digest, StoreError> {
    let content = json!({"annotations": {"note": note.to_string()}, "layers": [],
        "config": {"mediaType": "a/b", "digest": config.to_string(), "size": 2}});
    let push = Push {
        repository: &name(),
        reference: &format!("t{note}").parse().unwrap(),
        tags: &[],
        content_type: None,
        content: content.to_string().into_bytes().into(),
        overwrite: false,
        validator,
    };
    Ok(store.push(&push).await?.digest)
}

#[tokio::test]
async fn what_nothing_refers_to_goes_and_the_rest_stays() {
    let (store, validator) = (Store::memory(), Validator::new(&crate::Limits::default()).unwrap());
    let (kept, lost) = (blob(&store, b"{}").await, blob(&store, b"garbage").await);
    push(&store, &validator, &kept, 0).await.unwrap();
    let upload = store.start_upload(&name()).await.unwrap();
    let dry = store.collect_garbage(CollectOptions { dry_run: true, ..NOW }).await.unwrap();
    assert_eq!((dry.blobs, dry.blob_bytes, dry.uploads), (1, 7, 1));
    assert!(store.blob_size(&name(), &lost).await.is_ok());
    assert_eq!(store.collect_garbage(NOW).await.unwrap(), dry);
    assert!(matches!(store.blob_size(&name(), &lost).await, Err(StoreError::BlobUnknown(_))));
    assert!(matches!(store.upload_offset(&name(), upload).await, Err(StoreError::UploadUnknown(_))));
    assert_eq!(store.blob_size(&name(), &kept).await.unwrap(), 2);
    assert_eq!(store.collect_garbage(NOW).await.unwrap(), Collected::default());
}

#[tokio::test]
async fn nothing_within_the_grace_period_is_touched() {
    let store = Store::memory();
    blob(&store, b"garbage").await;
    store.start_upload(&name()).await.unwrap();
    let grace = Duration::from_secs(3600);
    let found = store.collect_garbage(CollectOptions { grace, dry_run: false }).await.unwrap();
    assert_eq!(found, Collected::default());
}

#[tokio::test]
async fn pushes_beside_collections_lose_nothing_that_was_acknowledged() {
    let (store, validator) =
        (Arc::new(Store::memory()), Arc::new(Validator::new(&crate::Limits::default()).unwrap()));
    let collector = Arc::clone(&store);
    let collecting = tokio::spawn(async move {
        for _ in 0..200 {
            collector.collect_garbage(NOW).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut acknowledged = Vec::new();
    for note in 0..200 {
        let config = blob(&store, b"{}").await;
        match push(&store, &validator, &config, note).await {
            Ok(digest) => acknowledged.push(digest),
            Err(StoreError::LinkUnknown { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        // The blob is garbage again, so that every push meets a collection.
        if let Some(digest) = acknowledged.last().filter(|_| note % 2 == 0) {
            store.delete_manifest(&name(), digest).await.unwrap();
            acknowledged.pop();
        }
    }
    collecting.await.unwrap();
    assert!(!acknowledged.is_empty());
    let config = Digest::of(Algorithm::Sha256, b"{}");
    for digest in acknowledged {
        assert!(store.manifest_by_digest(&name(), &digest).await.unwrap().is_some());
    }
    assert_eq!(store.read_small_blob(&name(), &config, 10).await.unwrap(), b"{}");
}

#[tokio::test]
async fn a_run_that_was_killed_is_made_good_by_the_next() {
    let (store, validator) = (Store::memory(), Validator::new(&crate::Limits::default()).unwrap());
    let (kept, lost) = (blob(&store, b"{}").await, blob(&store, b"garbage").await);
    push(&store, &validator, &kept, 0).await.unwrap();
    // As a run leaves it that moved blobs and was killed: one of them is referred to.
    let condemned = Paths(&name()).folder("_condemned").join("1000-00000000-0000-4000-8000-000000000000");
    for digest in [&kept, &lost] {
        let to = condemned.clone().join("sha256").join(digest.hex());
        store.objects.rename(&Paths(&name()).blob(digest), &to).await.unwrap();
    }
    store.collect_garbage(NOW).await.unwrap();
    assert!(store.objects.head(&Paths(&name()).blob(&kept)).await.is_ok());
    assert!(matches!(store.blob_size(&name(), &lost).await, Err(StoreError::BlobUnknown(_))));
    let left: Vec<_> =
        store.objects.list(Some(&Paths(&name()).folder("_condemned"))).try_collect().await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn files_of_killed_writes_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    blob(&store, b"{}").await;
    let blobs = folder.path().join("repositories/team/a/_blobs/sha256");
    std::fs::write(blobs.join("abc#1"), "half").unwrap();
    let found = store.collect_garbage(NOW).await.unwrap();
    assert_eq!((found.files, found.blobs), (1, 1));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
