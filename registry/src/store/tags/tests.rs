use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::*;
use crate::store::StoredManifest;

struct Place {
    store: Store,
    repository: Repository,
    tag: Tag,
    /// Gone with it.
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let (repository, tag) = ("team/a".parse().unwrap(), "latest".parse().unwrap());
        Self { store, repository, tag, _folder: folder }
    }

    async fn manifest(&self, text: &'static str) -> Digest {
        let digest = Digest::of(crate::Algorithm::Sha256, text.as_bytes());
        let content = Bytes::from_static(text.as_bytes());
        let stored = StoredManifest { digest: digest.clone(), media_type: "a/b".to_owned(), content };
        self.store.write_manifest(&self.repository, &stored).await.unwrap();
        digest
    }

    async fn set(&self, digest: &Digest, moving: Move) -> Result<(), StoreError> {
        self.store.set_tag(&self.repository, &self.tag, digest, moving).await
    }

    async fn resolved(&self) -> Option<Digest> {
        self.store.resolve(&self.repository, &self.tag).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_tag_that_moves_is_there_all_the_time() {
    let place = Arc::new(Place::new());
    let (one, two) = (place.manifest("1").await, place.manifest("2").await);
    place.set(&one, Move::Allowed).await.unwrap();
    let is_done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (place, is_done) = (Arc::clone(&place), Arc::clone(&is_done));
            tokio::spawn(async move {
                while !is_done.load(Ordering::Relaxed) {
                    assert!(place.resolved().await.is_some());
                }
            })
        })
        .collect();
    for at in 0..600_u64 {
        place.set(if at % 2 == 0 { &two } else { &one }, Move::Allowed).await.unwrap();
        let current = place.store.current(&place.repository, &place.tag).await.unwrap();
        assert_eq!(current.unwrap().number, at + 1);
    }
    is_done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn numbers_go_on_after_a_tag_was_deleted() {
    let place = Place::new();
    let digest = place.manifest("1").await;
    place.set(&digest, Move::Refused).await.unwrap();
    assert!(place.store.delete_tag(&place.repository, &place.tag).await.unwrap());
    assert!(!place.store.delete_tag(&place.repository, &place.tag).await.unwrap());
    assert_eq!(place.resolved().await, None);
    assert_eq!(place.store.tags(&place.repository).await.unwrap(), []);
    place.set(&digest, Move::Refused).await.unwrap();
    let current = place.store.current(&place.repository, &place.tag).await.unwrap().unwrap();
    assert_eq!((current.number, current.digest), (2, Some(digest)));
}

#[tokio::test]
async fn a_tag_without_its_manifest_is_as_if_it_were_not() {
    let place = Place::new();
    let (one, two) = (place.manifest("1").await, place.manifest("2").await);
    place.set(&one, Move::Refused).await.unwrap();
    assert!(matches!(place.set(&two, Move::Refused).await, Err(StoreError::Conflict { .. })));
    place.store.remove(&Paths(&place.repository).manifest(&one)).await.unwrap();
    assert_eq!(place.resolved().await, None);
    assert_eq!(place.store.tags(&place.repository).await.unwrap(), []);
    place.set(&two, Move::Refused).await.unwrap();
    assert_eq!(place.resolved().await, Some(two));
}
