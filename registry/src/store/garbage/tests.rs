use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;
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
async fn a_tag_without_its_manifest_and_a_manifest_without_its_blobs_go() {
    let (store, validator) = (Store::memory(), Validator::new(&crate::Limits::default()).unwrap());
    let config = blob(&store, b"{}").await;
    let (dangling, broken) =
        (push(&store, &validator, &config, 0).await, push(&store, &validator, &config, 1).await);
    let named = push(&store, &validator, &config, 2).await.unwrap();
    let (dangling, broken) = (dangling.unwrap(), broken.unwrap());
    store.remove(&Paths(&name()).manifest(&dangling)).await.unwrap();
    store.delete_tag(&name(), &"t1".parse().unwrap()).await.unwrap();
    assert_eq!(store.collect_garbage(CollectOptions { dry_run: true, ..NOW }).await.unwrap().records, 1);
    store.remove(&Paths(&name()).blob(&config)).await.unwrap();
    assert_eq!(store.collect_garbage(NOW).await.unwrap().records, 2);
    assert_eq!(store.pointed(&name(), &"t0".parse().unwrap()).await.unwrap(), None);
    assert!(!store.has_manifest(&name(), &broken).await.unwrap());
    assert!(store.has_manifest(&name(), &named).await.unwrap());
    assert_eq!(store.collect_garbage(NOW).await.unwrap(), Collected::default());
}

#[tokio::test]
async fn a_broken_record_stops_the_collection_of_its_repository_alone() {
    let store = Store::memory();
    let lost = blob(&store, b"garbage").await;
    for folder in ["_manifests", "_tags/x", "_functions"] {
        let before: Repository = format!("team/0{}", folder.get(1..2).unwrap()).parse().unwrap();
        let path = Path::from(format!("repositories/{before}/{folder}/sha256/{}", lost.hex()));
        let path = if folder.starts_with("_tags") {
            Paths(&before).folder("_tags").join("x").join("0")
        } else {
            path
        };
        store.objects.put(&path, b"broken".to_vec().into()).await.unwrap();
    }
    let found = store.collect_garbage(NOW).await.unwrap();
    assert_eq!((found.skipped, found.blobs), (3, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pushes_beside_collections_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // Not swept: without a grace period that takes files and folders which are being written to.
    let files = LocalFileSystem::new_with_prefix(folder.path()).unwrap();
    let store = Arc::new(Store::over(Arc::new(files)));
    let validator = Validator::new(&crate::Limits::default()).unwrap();
    let (collector, is_done) = (Arc::clone(&store), Arc::new(AtomicBool::new(false)));
    let until = Arc::clone(&is_done);
    let collecting = tokio::spawn(async move {
        while !until.load(Ordering::Relaxed) {
            collector.collect_garbage(NOW).await.unwrap();
        }
    });
    let config = Digest::of(Algorithm::Sha256, b"{}");
    let (mut kept, mut failed) = (0, 0);
    for round in 0..4000 {
        if kept >= 100 && failed >= 5 {
            break;
        }
        blob(&store, b"{}").await;
        match push(&store, &validator, &config, round % 8).await {
            Ok(digest) => {
                kept += 1;
                assert!(store.has_manifest(&name(), &digest).await.unwrap());
                assert_eq!(store.read_small_blob(&name(), &config, 10).await.unwrap(), b"{}");
                // The blob is garbage again, so that pushes meet collections.
                store.delete_manifest(&name(), &digest).await.unwrap();
            }
            Err(StoreError::LinkUnknown { .. }) => failed += 1,
            Err(error) => panic!("{error}"),
        }
    }
    is_done.store(true, Ordering::Relaxed);
    collecting.await.unwrap();
    assert!(kept >= 100 && failed >= 5, "{kept} pushes were kept, {failed} met a collection");
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
