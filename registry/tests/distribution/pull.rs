//! Pull: manifests and blobs, whole, in part, and whether they are there.

use crate::artifact::{IMAGE, noise, sha256, sha512};
use crate::registry::{Registry, error};

#[test]
fn the_base_says_that_this_is_a_registry() {
    let registry = Registry::start();
    let reply = registry.get("/v2/");
    assert_eq!((reply.status, reply.header("docker-distribution-api-version")), (200, "registry/2.0"));
    assert_eq!(registry.get("/v2").status, 200);
}

#[test]
fn a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest() {
    let registry = Registry::start();
    let digest = registry.client.push_image("team/a", "1.0.0", &[b"layer"]);
    for reference in ["1.0.0", &digest] {
        let path = format!("/v2/team/a/manifests/{reference}");
        let reply = registry.get(&path);
        assert_eq!(reply.status, 200);
        assert_eq!(sha256(&reply.body), digest);
        assert_eq!(reply.header("docker-content-digest"), digest);
        assert_eq!(reply.header("content-type"), IMAGE);
        let head = registry.send("HEAD", &path, &[], b"");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("docker-content-digest"), digest);
        assert_eq!(head.header("content-length"), reply.body.len().to_string());
    }
}

#[test]
fn what_is_not_there_is_404_with_the_code_of_its_kind() {
    let registry = Registry::start();
    let digest = sha256(b"nothing");
    let get = |path: &str| registry.get(path).error();
    assert_eq!(get("/v2/team/a/manifests/latest"), error(404, "MANIFEST_UNKNOWN"));
    assert_eq!(get(&format!("/v2/team/a/manifests/{digest}")), error(404, "MANIFEST_UNKNOWN"));
    assert_eq!(get(&format!("/v2/team/a/blobs/{digest}")), error(404, "BLOB_UNKNOWN"));
    for path in [format!("/v2/team/a/blobs/{digest}"), "/v2/team/a/manifests/latest".to_owned()] {
        assert_eq!(registry.send("HEAD", &path, &[], b"").status, 404);
    }
    registry.client.push_image("team/b", "latest", &[]);
    assert_eq!(get(&format!("/v2/team/a/blobs/{}", sha256(b"{}"))), error(404, "BLOB_UNKNOWN"));
}

#[test]
fn blobs_of_any_size_come_back_whole() {
    let registry = Registry::start();
    for size in [0, 1, 1 << 20, (1 << 20) + 1, (11 << 20) + 7] {
        let bytes = noise(size);
        let digest = registry.client.push_blob("team/a", &bytes);
        let reply = registry.get(&format!("/v2/team/a/blobs/{digest}"));
        assert_eq!(reply.status, 200);
        assert!(reply.body == bytes, "{size} bytes");
        assert_eq!(reply.header("docker-content-digest"), digest);
        let head = registry.send("HEAD", &format!("/v2/team/a/blobs/{digest}"), &[], b"");
        assert_eq!((head.status, head.header("content-length")), (200, size.to_string().as_str()));
        assert_eq!(head.header("docker-content-digest"), digest);
    }
}

#[test]
fn a_blob_by_sha512_is_as_good() {
    let registry = Registry::start();
    let digest = sha512(b"content");
    let path = "/v2/team/a/blobs/uploads/?digest-algorithm=sha512";
    let location = registry.send("POST", path, &[], b"").header("location").to_owned();
    assert_eq!(registry.client.chunk(&location, 0, b"con").status, 202);
    let reply = registry.send("PUT", &format!("{location}?digest={digest}"), &[], b"tent");
    assert_eq!((reply.status, reply.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(registry.get(reply.header("location")).body, b"content");
}

#[test]
fn parts_of_a_blob_are_served() {
    let registry = Registry::start();
    let bytes = noise(3 << 20);
    let digest = registry.client.push_blob("team/a", &bytes);
    let path = format!("/v2/team/a/blobs/{digest}");
    let part = |range: &str| registry.send("GET", &path, &[("range", range)], b"");
    let size = bytes.len();
    for (range, first, last) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=500-1499".to_owned(), 500, 1499),
        (format!("bytes={}-", size - 9), size - 9, size - 1),
        ("bytes=-500".to_owned(), size - 500, size - 1),
        ("bytes=1000000-99999999".to_owned(), 1_000_000, size - 1),
    ] {
        let reply = part(&range);
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes {first}-{last}/{size}"));
        assert!(reply.body == bytes[first..=last], "{range}");
    }
    let past = part("bytes=9999999-");
    assert_eq!(past.error(), error(416, "SIZE_INVALID"));
    assert_eq!(past.header("content-range"), format!("bytes */{size}"));
    assert_eq!(part("lines=1-2").status, 200);
}
