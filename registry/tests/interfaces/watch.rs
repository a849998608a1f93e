//! Watch: who is told of what, through one process and through others.

use std::time::Duration;

use invoker_proto::registry::v1::watch_response::Kind;
use invoker_proto::registry::v1::{WatchRequest, WatchResponse};
use invoker_registry::{Limits, Options};
use tonic::{Code, Streaming};

use crate::client::{Client, PATIENCE, client, component, metadata, register};
use crate::registry::Registry;

async fn watch(client: &mut Client, namespace: &str, include_existing: bool) -> Streaming<WatchResponse> {
    let request = WatchRequest { namespace: namespace.to_owned(), include_existing };
    client.watch(request).await.unwrap().into_inner()
}

async fn next(answers: &mut Streaming<WatchResponse>) -> WatchResponse {
    tokio::time::timeout(PATIENCE, answers.message()).await.unwrap().unwrap().unwrap()
}

fn told(answer: &WatchResponse) -> (Kind, &str, &str) {
    (answer.kind(), &answer.name, &answer.tag)
}

fn looking_every(watch: Duration) -> Options {
    Options { limits: Limits { watch, ..Limits::default() }, ..Options::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_through_the_same_process_are_told_at_once() {
    // So seldom that nothing comes by looking.
    let registry = Registry::with(looking_every(Duration::from_secs(86_400)));
    let mut client = client(&registry);
    let old = register(&mut client, metadata("team/f", "dev"), &component(1, 0)).await.unwrap();
    let mut answers = watch(&mut client, "team", true).await;
    let existing = next(&mut answers).await;
    assert_eq!(told(&existing), (Kind::Existing, "team/f", "dev"));
    assert_eq!(existing.digest, old.digest);
    assert_eq!(told(&next(&mut answers).await), (Kind::Ready, "", ""));
    register(&mut client, metadata("other/f", "1.0.0"), &component(1, 0)).await.unwrap();
    let new = register(&mut client, metadata("team/f", "dev"), &component(2, 0)).await.unwrap();
    let moved = next(&mut answers).await;
    assert_eq!(told(&moved), (Kind::Moved, "team/f", "dev"));
    assert_eq!((moved.digest, moved.previous_digest), (new.digest.clone(), old.digest));
    // Through the OCI interface as well.
    let image = registry.client.push_image("team/image", "1.0.0", &[]);
    let pushed = next(&mut answers).await;
    assert_eq!(told(&pushed), (Kind::New, "team/image", "1.0.0"));
    assert_eq!(pushed.digest, image);
    let path = format!("/v2/team/f/manifests/{}", new.digest);
    assert_eq!(registry.send("DELETE", &path, &[], b"").status, 202);
    let deleted = next(&mut answers).await;
    assert_eq!(told(&deleted), (Kind::Deleted, "team/f", "dev"));
    assert_eq!((deleted.digest.as_str(), deleted.previous_digest), ("", new.digest));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_through_another_replica_are_seen_in_the_store() {
    let registry = Registry::with(looking_every(Duration::from_millis(20)));
    let replica = Registry::over(&registry.folder, Options::default());
    let mut here = client(&registry);
    let mut there = client(&replica);
    let mut answers = watch(&mut here, "", false).await;
    assert_eq!(told(&next(&mut answers).await), (Kind::Ready, "", ""));
    register(&mut there, metadata("team/f", "1.0.0"), &component(1, 0)).await.unwrap();
    assert_eq!(told(&next(&mut answers).await), (Kind::New, "team/f", "1.0.0"));
    assert_eq!(replica.send("DELETE", "/v2/team/f/manifests/1.0.0", &[], b"").status, 202);
    assert_eq!(told(&next(&mut answers).await), (Kind::Deleted, "team/f", "1.0.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_watch_as_there_are_places_and_those_end_with_the_registry() {
    let limits = Limits { watches: 1, ..Limits::default() };
    let registry = Registry::with(Options { limits, ..Options::default() });
    let mut client = client(&registry);
    let mut answers = watch(&mut client, "", false).await;
    let refused = client.watch(WatchRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    next(&mut answers).await;
    drop(registry);
    assert_eq!(answers.message().await.unwrap_err().code(), Code::Unavailable);
}
