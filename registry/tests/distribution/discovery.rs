//! Content discovery: tags and repositories by pages, referrers with their filter.

use serde_json::{Value, json};

use crate::artifact::{EMPTY, IMAGE, INDEX, descriptor, image, sha256};
use crate::registry::{Registry, Reply, error};

/// The address of the next page.
fn next(reply: &Reply) -> Option<&str> {
    let link = reply.header("link").strip_prefix('<')?;
    link.strip_suffix(">; rel=\"next\"")
}

/// The names under `field` of all pages.
fn all(registry: &Registry, first: &str, field: &str) -> (usize, Vec<String>) {
    let (mut pages, mut names, mut path) = (0, Vec::new(), Some(first.to_owned()));
    while let Some(found) = path {
        let reply = registry.get(&found);
        assert_eq!(reply.status, 200);
        let page = reply.json()[field].as_array().unwrap().clone();
        names.extend(page.iter().map(|name| name.as_str().unwrap().to_owned()));
        pages += 1;
        path = next(&reply).map(str::to_owned);
    }
    (pages, names)
}

#[test]
fn tags_are_sorted_and_come_by_pages() {
    let registry = Registry::start();
    for tag in ["b", "a", "C", "1.0.0", "_x"] {
        registry.client.push_image("team/a", tag, &[]);
    }
    let path = "/v2/team/a/tags/list";
    let sorted = ["1.0.0", "C", "_x", "a", "b"];
    let list = registry.get(path).json();
    assert_eq!(list, json!({"name": "team/a", "tags": sorted}));
    assert_eq!(all(&registry, &format!("{path}?n=2"), "tags"), (3, sorted.map(str::to_owned).to_vec()));
    assert_eq!(all(&registry, &format!("{path}?n=5"), "tags").0, 1);
    assert_eq!(registry.get(&format!("{path}?last=C")).json()["tags"], json!(["_x", "a", "b"]));
    assert_eq!(registry.get(&format!("{path}?n=1&last=B")).json()["tags"], json!(["C"]));
    let none = registry.get(&format!("{path}?n=0"));
    assert_eq!((none.json()["tags"].clone(), none.header("link")), (json!([]), ""));
    assert_eq!(registry.get(&format!("{path}?n=x")).status, 400);
}

#[test]
fn a_repository_that_nobody_pushed_to_is_unknown() {
    let registry = Registry::start();
    assert_eq!(registry.get("/v2/team/a/tags/list").error(), error(404, "NAME_UNKNOWN"));
    registry.client.push_image("team/a", "only", &[]);
    assert_eq!(registry.send("DELETE", "/v2/team/a/manifests/only", &[], b"").status, 202);
    assert_eq!(registry.get("/v2/team/a/tags/list").json()["tags"], json!([]));
}

#[test]
fn repositories_are_sorted_and_come_by_pages() {
    let registry = Registry::start();
    for name in ["team/b", "team", "a-b", "a/b", "team/a/c"] {
        registry.client.push_image(name, "latest", &[]);
    }
    let sorted = ["a-b", "a/b", "team", "team/a/c", "team/b"].map(str::to_owned).to_vec();
    assert_eq!(all(&registry, "/v2/_catalog", "repositories"), (1, sorted.clone()));
    assert_eq!(all(&registry, "/v2/_catalog?n=2", "repositories"), (3, sorted));
}

fn referrer(subject: &Value, kind: Option<&str>, note: &str) -> Value {
    let mut manifest = image(&[], note);
    manifest["subject"] = subject.clone();
    if let Some(kind) = kind {
        manifest["artifactType"] = json!(kind);
    }
    manifest
}

#[test]
fn referrers_are_listed_with_type_and_annotations_and_filtered() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let subject = image(&[], "subject").to_string();
    let subject = descriptor(IMAGE, subject.as_bytes());
    let digest = subject["digest"].as_str().unwrap();
    let path = format!("/v2/team/a/referrers/{digest}");
    let empty = registry.get(&path);
    assert_eq!((empty.status, empty.json()["manifests"].clone()), (200, json!([])));
    // Before the subject is there.
    let signature = referrer(&subject, Some("a/signature"), "mine");
    let reply = registry.client.push_manifest("team/a", "signature", &signature);
    assert_eq!((reply.status, reply.header("oci-subject")), (201, digest));
    let bare = referrer(&subject, None, "bare");
    registry.client.push_manifest("team/a", &sha256(bare.to_string().as_bytes()), &bare);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": subject});
    let reply = registry.client.push_manifest("team/a", "index", &index);
    assert_eq!(reply.header("oci-subject"), digest);

    let reply = registry.get(&path);
    assert_eq!(reply.header("content-type"), INDEX);
    assert_eq!((reply.json()["schemaVersion"].clone(), reply.header("oci-filters-applied")), (json!(2), ""));
    let found = reply.json()["manifests"].as_array().unwrap().clone();
    assert_eq!(found.len(), 3);
    let by = |manifest: &Value| {
        let digest = sha256(manifest.to_string().as_bytes());
        found.iter().find(|found| found["digest"] == json!(digest)).unwrap().clone()
    };
    let mut expected = descriptor(IMAGE, signature.to_string().as_bytes());
    expected["artifactType"] = json!("a/signature");
    expected["annotations"] = json!({"note": "mine"});
    assert_eq!(by(&signature), expected);
    assert_eq!(by(&bare)["artifactType"], json!(EMPTY));
    assert_eq!(by(&index).get("artifactType"), None);

    let filtered = registry.get(&format!("{path}?artifactType=a%2Fsignature"));
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    assert_eq!(filtered.json()["manifests"], json!([expected]));
    assert_eq!(registry.send("DELETE", "/v2/team/a/manifests/signature", &[], b"").status, 202);
    assert_eq!(registry.get(&path).json()["manifests"].as_array().unwrap().len(), 3);
    let digest = sha256(signature.to_string().as_bytes());
    let path_of = format!("/v2/team/a/manifests/{digest}");
    assert_eq!(registry.send("DELETE", &path_of, &[], b"").status, 202);
    assert_eq!(registry.get(&path).json()["manifests"].as_array().unwrap().len(), 2);
    assert_eq!(registry.get("/v2/team/a/referrers/sha256:x").error(), error(400, "DIGEST_INVALID"));
}

#[test]
fn more_referrers_than_a_manifest_may_hold_come_by_pages() {
    let registry = Registry::start();
    registry.client.push_blob("team/a", b"{}");
    let subject = descriptor(IMAGE, b"subject");
    for at in 0..4 {
        let note = format!("{at}{}", "x".repeat(1 << 20));
        let reply =
            registry.client.push_manifest("team/a", &format!("t{at}"), &referrer(&subject, None, &note));
        assert_eq!(reply.status, 201);
    }
    let mut path = Some(format!("/v2/team/a/referrers/{}", subject["digest"].as_str().unwrap()));
    let (mut pages, mut found) = (0, Vec::new());
    while let Some(address) = path {
        let reply = registry.get(&address);
        assert!(reply.body.len() < 4 << 20);
        found.extend(
            reply.json()["manifests"].as_array().unwrap().iter().map(|one| one["digest"].to_string()),
        );
        pages += 1;
        path = next(&reply).map(str::to_owned);
    }
    found.dedup();
    assert_eq!((pages, found.len()), (2, 4));
}
