//! Metrics: what is counted, and who may read it.

use std::time::Duration;

use invoker_proto::registry::v1::GetFunctionRequest;
use invoker_registry::{CollectOptions, Options, Store, Tokens};

use crate::artifact::{noise, sha256};
use crate::client::{client, component, metadata, register};
use crate::registry::Registry;

/// The value of a metric; nothing if it is not there.
fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn text(registry: &Registry) -> String {
    let reply = registry.get("/metrics");
    assert!(reply.header("content-type").starts_with("application/openmetrics-text"));
    String::from_utf8(reply.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_bytes_and_damage_are_counted() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let component = component(1, 100_000);
    register(&mut client, metadata("team/f", "1.0.0"), &component).await.unwrap();
    let absent = GetFunctionRequest { name: "team/f".to_owned(), reference: "2.0.0".to_owned() };
    assert!(client.get_function(absent).await.is_err());
    let blob = noise(50_000);
    let digest = registry.client.push_blob("team/a", &blob);
    registry.get(&format!("/v2/team/a/blobs/{digest}"));
    registry.get(&format!("/v2/team/a/blobs/{}", sha256(b"other")));
    registry.get("/api/functions");
    let found = text(&registry);
    let requests = |route: &str, status: &str| {
        let name = format!("invoker_registry_requests_total{{route=\"{route}\",status=\"{status}\"}}");
        value(&found, &name).unwrap_or_default()
    };
    assert_eq!((requests("RegisterFunction", "Ok"), requests("GetFunction", "NotFound")), (1, 1));
    assert_eq!((requests("blobs", "200"), requests("blobs", "404"), requests("uploads", "201")), (1, 1, 1));
    assert_eq!((requests("api", "200"), requests("metrics", "200")), (1, 0));
    let seconds = "invoker_registry_request_seconds_count{route=\"blobs\"}";
    assert_eq!(value(&found, seconds), Some(2));
    let all = |name: &str| value(&found, &format!("invoker_registry_{name}")).unwrap();
    assert!(all("received_bytes_total") >= (component.len() + blob.len()) as u64, "{found}");
    assert!((50_000..100_000).contains(&all("sent_bytes_total")), "{found}");
    assert_eq!((all("uploads_open"), all("blobs_damaged_total")), (0, 0));
    std::fs::write(registry.blob("team/a", &digest), noise(50_000)).unwrap();
    registry.get(&format!("/v2/team/a/blobs/{digest}"));
    assert_eq!(value(&text(&registry), "invoker_registry_blobs_damaged_total"), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_of_garbage_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::folder(folder.path()).unwrap();
    let registry = Registry::serving(store.clone(), folder.path(), Options::default());
    registry.client.push_blob("team/a", &noise(1000));
    let options = CollectOptions { grace: Duration::ZERO, dry_run: true };
    store.collect_garbage(options).await.unwrap();
    assert_eq!(value(&text(&registry), "invoker_registry_gc_runs_total"), Some(0));
    store.collect_garbage(CollectOptions { dry_run: false, ..options }).await.unwrap();
    let found = text(&registry);
    let counted = ["runs", "blobs", "bytes"]
        .map(|name| value(&found, &format!("invoker_registry_gc_{name}_total")).unwrap());
    assert_eq!(counted, [1, 1, 1000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_need_no_token_unless_they_are_protected() {
    let hash = sha256(b"secret").replace("sha256:", "");
    let file = format!(
        "[[token]]\nname = \"a\"\nsha256 = \"{hash}\"\ngrants = [{{ namespace = \"a\", right = \"pull\" }}]"
    );
    let options = |metrics_need_token| {
        let tokens = Some(Tokens::read(&file).unwrap());
        Options { tokens, metrics_need_token, ..Options::default() }
    };
    assert_eq!(Registry::with(options(false)).get("/metrics").status, 200);
    let registry = Registry::with(options(true));
    assert_eq!(registry.get("/metrics").status, 401);
    let bearer = [("authorization", "Bearer secret")];
    assert_eq!(registry.send("GET", "/metrics", &bearer, b"").status, 200);
}
