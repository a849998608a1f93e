//! Push of manifests: what is taken, what is refused, and what the answer says.

use serde_json::json;

use crate::artifact::{EMPTY, IMAGE, INDEX, descriptor, image, noise, sha256, sha512};
use crate::registry::{Registry, error};

#[test]
fn a_manifest_is_pushed_by_digest_with_many_tags() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let manifest = image(&[], "").to_string();
    for digest in [sha256(manifest.as_bytes()), sha512(manifest.as_bytes())] {
        let tags: Vec<_> = (0..12).map(|at| format!("t{at}-{}", &digest[..6])).collect();
        let query = tags.iter().map(|tag| format!("tag={tag}")).collect::<Vec<_>>().join("&");
        let path = format!("/v2/team/a/manifests/{digest}?{query}");
        let reply = registry.send("PUT", &path, &[("content-type", IMAGE)], manifest.as_bytes());
        assert_eq!((reply.status, reply.header("docker-content-digest")), (201, digest.as_str()));
        assert_eq!(reply.headers.get_all("oci-tag").iter().count(), 12);
        assert_eq!(registry.get(reply.header("location")).body, manifest.as_bytes());
        let tagged = registry.get(&format!("/v2/team/a/manifests/{}", tags[11]));
        assert_eq!(tagged.header("docker-content-digest"), digest);
    }
}

#[test]
fn another_digest_than_that_of_the_bytes_is_refused() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let digest = sha256(b"another");
    let reply = registry.client.push_manifest("team/a", &digest, &image(&[], ""));
    assert_eq!(reply.error(), error(400, "DIGEST_INVALID"));
    let reply = registry.client.push_manifest("team/a", "sha256:short", &image(&[], ""));
    assert_eq!(reply.error(), error(400, "DIGEST_INVALID"));
}

#[test]
fn what_is_referred_to_must_be_there() {
    let registry = Registry::start();
    let reply = registry.client.push_manifest("team/a", "latest", &image(&[], ""));
    assert_eq!(reply.error(), error(404, "MANIFEST_BLOB_UNKNOWN"));
    assert!(reply.message().contains(&sha256(b"{}")));
    let child = descriptor(IMAGE, b"missing");
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    let reply = registry.client.push_manifest("team/a", "latest", &index);
    assert_eq!(reply.error(), error(404, "MANIFEST_BLOB_UNKNOWN"));
    assert_eq!(registry.get("/v2/team/a/tags/list").status, 404);
}

#[test]
fn an_index_of_what_is_there_is_taken() {
    let registry = Registry::start();
    let digest = registry.client.push_image("team/a", "one", &[]);
    let size = registry.get(&format!("/v2/team/a/manifests/{digest}")).body.len();
    let child = json!({"mediaType": IMAGE, "digest": digest, "size": size});
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    assert_eq!(registry.client.push_manifest("team/a", "all", &index).status, 201);
    assert_eq!(registry.get("/v2/team/a/manifests/all").header("content-type"), INDEX);
}

#[test]
fn what_is_no_manifest_is_refused() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let put = |kind: &str, body: &[u8]| {
        registry.send("PUT", "/v2/team/a/manifests/latest", &[("content-type", kind)], body).error()
    };
    let invalid = error(400, "MANIFEST_INVALID");
    assert_eq!(put(IMAGE, b"{"), invalid);
    assert_eq!(put(IMAGE, b"[]"), invalid);
    assert_eq!(put(IMAGE, br#"{"layers": 1}"#), invalid);
    assert_eq!(put(INDEX, image(&[], "").to_string().as_bytes()), invalid);
    let lies =
        json!({"mediaType": IMAGE, "config": {"mediaType": EMPTY, "digest": sha256(b"{}"), "size": 3}});
    assert_eq!(put(IMAGE, lies.to_string().as_bytes()), invalid);
    let nested = "[".repeat(100_000);
    assert_eq!(put(IMAGE, nested.as_bytes()), invalid);
}

#[test]
fn four_million_bytes_are_taken_and_more_than_the_limit_is_413() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let of = |length: usize| image(&[], &"x".repeat(length));
    assert_eq!(registry.client.push_manifest("team/a", "large", &of(4_000_000)).status, 201);
    let reply = registry.client.push_manifest("team/a", "larger", &of(4 << 20));
    assert_eq!(reply.error(), error(413, "SIZE_INVALID"));
}

#[test]
fn a_kind_that_nobody_knows_comes_back_as_it_was_pushed() {
    let registry = Registry::start();
    let kind = "application/vnd.example.thing.v1+json";
    // With a field that has another meaning elsewhere.
    let body = br#"{ "anything": [1, 2], "layers": 3 }"#;
    let header = format!("{kind}; charset=utf-8");
    let reply = registry.send("PUT", "/v2/team/a/manifests/x", &[("content-type", &header)], body);
    assert_eq!(reply.status, 201);
    let reply = registry.get("/v2/team/a/manifests/x");
    assert_eq!((reply.header("content-type"), reply.body.as_slice()), (kind, body.as_slice()));
}

#[test]
fn a_version_stays_what_it_is_and_other_tags_move() {
    let registry = Registry::start();
    let first = registry.client.push_image("team/a", "1.0.0", &[b"first"]);
    assert_eq!(registry.client.push_image("team/a", "1.0.0", &[b"first"]), first);
    registry.client.push_blob("team/a", b"second");
    let reply = registry.client.push_manifest("team/a", "1.0.0", &image(&[b"second"], ""));
    assert_eq!(reply.error(), error(409, "DENIED"));
    assert_eq!(reply.message().lines().count(), 3);
    assert_eq!(registry.get("/v2/team/a/manifests/1.0.0").header("docker-content-digest"), first);
    registry.client.push_image("team/a", "latest", &[b"first"]);
    let second = registry.client.push_image("team/a", "latest", &[b"second"]);
    assert_eq!(registry.get("/v2/team/a/manifests/latest").header("docker-content-digest"), second);
}

#[test]
fn a_namespace_may_allow_versions_to_change() {
    let overwrite = vec!["dev".parse().unwrap()];
    let registry = Registry::with(invoker_registry::Options { overwrite, ..Default::default() });
    for content in [noise(10), noise(10)] {
        let digest = registry.client.push_image("dev/a", "1.0.0", &[&content]);
        assert_eq!(registry.get("/v2/dev/a/manifests/1.0.0").header("docker-content-digest"), digest);
    }
    registry.client.push_image("team/a", "1.0.0", &[]);
    let reply = registry.client.push_manifest("team/a", "1.0.0", &image(&[], "changed"));
    assert_eq!(reply.error(), error(409, "DENIED"));
}
