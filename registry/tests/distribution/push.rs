//! Push of blobs: in one request, in two, in chunks, resumed, given up, mounted.

use crate::artifact::{noise, sha256};
use crate::registry::{Registry, error};

#[test]
fn in_one_request() {
    let registry = Registry::start();
    let digest = sha256(b"content");
    let path = format!("/v2/team/a/blobs/uploads/?digest={digest}");
    let reply = registry.send("POST", &path, &[], b"content");
    assert_eq!((reply.status, reply.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(registry.get(reply.header("location")).body, b"content");
}

#[test]
fn in_two_requests() {
    let registry = Registry::start();
    let reply = registry.send("POST", "/v2/team/a/blobs/uploads/", &[], b"");
    assert_eq!(reply.status, 202);
    let location = reply.header("location").to_owned();
    assert!(location.ends_with(reply.header("docker-upload-uuid")));
    let digest = sha256(b"content");
    let reply = registry.send("PUT", &format!("{location}?digest={digest}"), &[], b"content");
    assert_eq!(reply.status, 201);
    assert_eq!(registry.get(reply.header("location")).body, b"content");
    assert_eq!(registry.get(&location).error(), error(404, "BLOB_UPLOAD_UNKNOWN"));
}

#[test]
fn in_chunks_with_the_last_one_in_either_request() {
    let registry = Registry::start();
    let bytes = noise(3000);
    for last_in_put in [false, true] {
        let location = registry.client.begin("team/a");
        for (at, chunk) in bytes.chunks(1000).enumerate().take(if last_in_put { 2 } else { 3 }) {
            let reply = registry.client.chunk(&location, at * 1000, chunk);
            assert_eq!(reply.status, 202);
            assert_eq!(reply.header("range"), format!("0-{}", at * 1000 + 999));
            assert_eq!(reply.header("location"), location);
        }
        let path = format!("{location}?digest={}", sha256(&bytes));
        let reply = if last_in_put {
            registry.send("PUT", &path, &[("content-range", "2000-2999")], &bytes[2000..])
        } else {
            registry.send("PUT", &path, &[], b"")
        };
        assert_eq!(reply.status, 201);
        assert!(registry.get(reply.header("location")).body == bytes);
    }
}

#[test]
fn in_chunks_larger_than_what_is_written_at_once() {
    let registry = Registry::start();
    let bytes = noise((13 << 20) + 5);
    let location = registry.client.begin("team/a");
    assert_eq!(registry.send("PATCH", &location, &[], &bytes[..12 << 20]).status, 202);
    let status = registry.get(&location);
    assert_eq!(status.header("range"), format!("0-{}", (12 << 20) - 1));
    let path = format!("{location}?digest={}", sha256(&bytes));
    let reply = registry.send("PUT", &path, &[], &bytes[12 << 20..]);
    assert_eq!(reply.status, 201);
    assert!(registry.get(reply.header("location")).body == bytes);
}

#[test]
fn a_chunk_in_the_wrong_place_is_refused_and_the_upload_goes_on_where_it_stands() {
    let registry = Registry::start();
    let location = registry.client.begin("team/a");
    assert_eq!(registry.client.chunk(&location, 5, b"early").error(), error(416, "BLOB_UPLOAD_INVALID"));
    assert_eq!(registry.client.chunk(&location, 0, b"01234").status, 202);
    for first in [0, 4, 6] {
        let reply = registry.client.chunk(&location, first, b"56789");
        assert_eq!(reply.error(), error(416, "BLOB_UPLOAD_INVALID"));
        assert_eq!((reply.header("location"), reply.header("range")), (location.as_str(), "0-4"));
    }
    let path = format!("{location}?digest={}", sha256(b"0123456789"));
    let reply = registry.send("PUT", &path, &[("content-range", "9-13")], b"56789");
    assert_eq!(reply.error(), error(416, "BLOB_UPLOAD_INVALID"));
    let status = registry.get(&location);
    assert_eq!((status.status, status.header("range")), (204, "0-4"));
    assert_eq!(status.header("location"), location);
    let reply = registry.send("PUT", &path, &[("content-range", "5-9")], b"56789");
    assert_eq!(reply.status, 201);
}

#[test]
fn a_range_that_is_none_or_of_another_length_is_refused() {
    let registry = Registry::start();
    let location = registry.client.begin("team/a");
    let patch =
        |range: &str| registry.send("PATCH", &location, &[("content-range", range)], b"01234").error();
    assert_eq!(patch("bytes 0-4/5"), error(400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(patch("4-0"), error(400, "BLOB_UPLOAD_INVALID"));
    assert_eq!(patch("0-9"), error(400, "SIZE_INVALID"));
    assert_eq!(registry.client.chunk(&location, 0, b"01234").status, 202);
}

#[test]
fn bytes_of_another_digest_are_refused_and_leave_nothing() {
    let registry = Registry::start();
    let digest = sha256(b"content");
    let expected = error(400, "DIGEST_INVALID");
    let one = format!("/v2/team/a/blobs/uploads/?digest={digest}");
    assert_eq!(registry.send("POST", &one, &[], b"forgery").error(), expected);
    let large = noise(11 << 20);
    assert_eq!(registry.send("POST", &one, &[], &large).error(), expected);
    let location = registry.client.begin("team/a");
    assert_eq!(registry.client.chunk(&location, 0, b"forg").status, 202);
    assert_eq!(registry.send("PUT", &format!("{location}?digest={digest}"), &[], b"ery").error(), expected);
    assert_eq!(registry.get(&format!("/v2/team/a/blobs/{digest}")).status, 404);
}

#[test]
fn a_digest_that_is_none_is_refused() {
    let registry = Registry::start();
    for digest in ["", "sha256:short", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:..%2f..%2fx"] {
        let one = format!("/v2/team/a/blobs/uploads/?digest={digest}");
        assert_eq!(registry.send("POST", &one, &[], b"x").error(), error(400, "DIGEST_INVALID"), "{digest}");
        let location = registry.client.begin("team/a");
        let two = format!("{location}?digest={digest}");
        assert_eq!(registry.send("PUT", &two, &[], b"x").error(), error(400, "DIGEST_INVALID"), "{digest}");
    }
    let path = "/v2/team/a/blobs/uploads/?digest-algorithm=md5";
    assert_eq!(registry.send("POST", path, &[], b"").error(), error(400, "DIGEST_INVALID"));
    let location = registry.client.begin("team/a");
    assert_eq!(registry.send("PUT", &location, &[], b"x").error(), error(400, "DIGEST_INVALID"));
}

#[test]
fn an_upload_can_be_given_up() {
    let registry = Registry::start();
    let location = registry.client.begin("team/a");
    assert_eq!(registry.client.chunk(&location, 0, b"01234").status, 202);
    assert_eq!(registry.send("DELETE", &location, &[], b"").status, 204);
    let unknown = error(404, "BLOB_UPLOAD_UNKNOWN");
    assert_eq!(registry.get(&location).error(), unknown);
    assert_eq!(registry.client.chunk(&location, 5, b"56789").error(), unknown);
    assert_eq!(registry.send("DELETE", &location, &[], b"").error(), unknown);
}

#[test]
fn an_upload_belongs_to_its_repository() {
    let registry = Registry::start();
    let location = registry.client.begin("team/a").replace("team/a", "team/b");
    assert_eq!(registry.client.chunk(&location, 0, b"x").error(), error(404, "BLOB_UPLOAD_UNKNOWN"));
}

#[test]
fn a_blob_of_another_repository_is_mounted() {
    let registry = Registry::start();
    let digest = registry.client.push_blob("other/a", b"content");
    let mount = |from: &str| {
        let path = format!("/v2/team/b/blobs/uploads/?mount={digest}{from}");
        registry.send("POST", &path, &[], b"")
    };
    for from in ["", "&from=team/none"] {
        let reply = mount(from);
        assert_eq!(reply.status, 202);
        assert!(reply.header("location").starts_with("/v2/team/b/blobs/uploads/"));
    }
    let reply = mount("&from=other/a");
    assert_eq!((reply.status, reply.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(registry.get(reply.header("location")).body, b"content");
}

#[test]
fn a_blob_is_mounted_from_beside_when_nobody_says_from_where() {
    let registry = Registry::start();
    let digest = registry.client.push_blob("team/a", b"content");
    let path = format!("/v2/team/b/blobs/uploads/?mount={digest}");
    let reply = registry.send("POST", &path, &[], b"");
    assert_eq!(reply.status, 201);
    assert_eq!(registry.get(reply.header("location")).body, b"content");
}
