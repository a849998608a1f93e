//! Content management: deletes of tags, manifests and blobs.

use serde_json::json;

use crate::artifact::sha256;
use crate::registry::{Registry, error};

#[test]
fn a_tag_is_deleted_and_its_manifest_stays() {
    let registry = Registry::start();
    let digest = registry.client.push_image("team/a", "one", &[]);
    registry.client.push_image("team/a", "two", &[]);
    assert_eq!(registry.send("DELETE", "/v2/team/a/manifests/one", &[], b"").status, 202);
    assert_eq!(registry.get("/v2/team/a/manifests/one").error(), error(404, "MANIFEST_UNKNOWN"));
    let again = registry.send("DELETE", "/v2/team/a/manifests/one", &[], b"");
    assert_eq!(again.error(), error(404, "MANIFEST_UNKNOWN"));
    assert_eq!(registry.get(&format!("/v2/team/a/manifests/{digest}")).status, 200);
    assert_eq!(registry.get("/v2/team/a/tags/list").json()["tags"], json!(["two"]));
}

#[test]
fn a_manifest_is_deleted_with_all_tags_that_point_to_it() {
    let registry = Registry::start();
    let digest = registry.client.push_image("team/a", "1.0.0", &[]);
    registry.client.push_image("team/a", "latest", &[]);
    registry.client.push_image("team/a", "other", &[b"other"]);
    let path = format!("/v2/team/a/manifests/{digest}");
    assert_eq!(registry.send("DELETE", &path, &[], b"").status, 202);
    for reference in [digest.as_str(), "1.0.0", "latest"] {
        let reply = registry.get(&format!("/v2/team/a/manifests/{reference}"));
        assert_eq!(reply.error(), error(404, "MANIFEST_UNKNOWN"));
    }
    assert_eq!(registry.get("/v2/team/a/tags/list").json()["tags"], json!(["other"]));
    assert_eq!(registry.send("DELETE", &path, &[], b"").error(), error(404, "MANIFEST_UNKNOWN"));
    assert_eq!(registry.send("DELETE", "/v2/no/such/manifests/x", &[], b"").status, 404);
}

#[test]
fn a_blob_is_deleted_from_its_repository_alone() {
    let registry = Registry::start();
    let digest = registry.client.push_blob("team/a", b"content");
    registry.client.push_blob("team/b", b"content");
    let path = format!("/v2/team/a/blobs/{digest}");
    assert_eq!(registry.send("DELETE", &path, &[], b"").status, 202);
    assert_eq!(registry.get(&path).error(), error(404, "BLOB_UNKNOWN"));
    assert_eq!(registry.send("DELETE", &path, &[], b"").error(), error(404, "BLOB_UNKNOWN"));
    assert_eq!(registry.get(&format!("/v2/team/b/blobs/{digest}")).body, b"content");
}

#[test]
fn methods_that_an_end_point_lacks_are_405() {
    let registry = Registry::start();
    for (method, path) in [
        ("POST", "/v2/team/a/tags/list".to_owned()),
        ("PUT", format!("/v2/team/a/blobs/{}", sha256(b""))),
        ("DELETE", "/v2/_catalog".to_owned()),
        ("GET", "/v2/team/a/blobs/uploads/".to_owned()),
    ] {
        assert_eq!(registry.send(method, &path, &[], b"").error(), error(405, "UNSUPPORTED"), "{path}");
    }
}
