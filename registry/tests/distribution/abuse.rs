//! Clients that want too much, come too slowly, or look for a way out. Each is refused, and the registry serves on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use invoker_registry::{Limits, Options};

use crate::artifact::{noise, sha256};
use crate::registry::{Registry, error};

fn limited(change: impl FnOnce(&mut Limits)) -> Registry {
    let mut limits = Limits::default();
    change(&mut limits);
    Registry::with(Options { limits, ..Options::default() })
}

/// Sends a text and reads till the registry closes the connection.
fn raw(registry: &Registry, request: &str) -> String {
    let mut stream = TcpStream::connect(registry.client.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // Closed with bytes unread, it may be reset after the answer.
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn head(method: &str, path: &str, headers: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")
}

#[test]
fn ten_gigabytes_are_refused_before_a_byte_of_them_is_read() {
    let registry = limited(|limits| limits.blob_bytes = 64 << 20);
    let location = registry.client.begin("team/a");
    let digest = sha256(b"");
    for (method, path) in [
        ("POST", format!("/v2/team/a/blobs/uploads/?digest={digest}")),
        ("PATCH", location.clone()),
        ("PUT", format!("{location}?digest={digest}")),
    ] {
        let answer = raw(&registry, &head(method, &path, "content-length: 10737418240\r\n"));
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert!(answer.contains("SIZE_INVALID"), "{answer}");
    }
    assert_eq!(registry.get("/v2/").status, 200);
}

#[test]
fn a_body_that_does_not_say_its_length_is_cut_at_the_limit() {
    let registry = limited(|limits| limits.blob_bytes = 1 << 20);
    let location = registry.client.begin("team/a");
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    let body = format!("{chunk}1\r\nx\r\n0\r\n\r\n");
    let answer = raw(
        &registry,
        &(head("PATCH", &location, "transfer-encoding: chunked\r\nconnection: close\r\n") + &body),
    );
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(registry.send("PATCH", &location, &[], &noise(1 << 20)).status, 202);
    // A session may not take in pieces what is too much at once.
    assert_eq!(registry.client.chunk(&location, 1 << 20, b"x").error(), error(413, "SIZE_INVALID"));
}

#[test]
fn a_client_that_stops_in_the_middle_is_let_go() {
    let registry = limited(|limits| limits.idle = Duration::from_millis(200));
    assert_eq!(raw(&registry, "GET /v2/ HTTP/1.1\r\nhost: lo"), "");
    let path = format!("/v2/team/a/blobs/uploads/?digest={}", sha256(b"x"));
    let answer = raw(&registry, &(head("POST", &path, "content-length: 100\r\n") + "ten bytes."));
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(registry.get("/v2/").status, 200);
}

#[test]
fn a_client_that_does_not_read_gives_its_place_to_the_next() {
    let registry = limited(|limits| {
        limits.idle = Duration::from_millis(200);
        limits.connections = 2;
    });
    // More than the buffers of a connection take.
    let digest = registry.client.push_blob("team/a", &noise(32 << 20));
    let request = head("GET", &format!("/v2/team/a/blobs/{digest}"), "");
    let hogs: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = TcpStream::connect(registry.client.address).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    let answer = raw(&registry, &head("GET", "/v2/", "connection: close\r\n"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(hogs);
}

#[test]
fn an_address_that_asks_too_often_is_told_when_to_come_back() {
    let registry = limited(|limits| limits.requests_per_second = Some(1));
    let replies: Vec<_> = (0..3).map(|_| registry.get("/v2/")).collect();
    let refused = replies.iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(refused.error(), error(429, "TOOMANYREQUESTS"));
    assert_eq!(refused.header("retry-after"), "1");
}

#[test]
fn ways_out_of_the_store_lead_nowhere() {
    let registry = Registry::start();
    std::fs::write(registry.folder.join("secret"), "secret").unwrap();
    for path in [
        "/v2/../secret",
        "/v2/../../manifests/secret",
        "/v2/team/../../secret/manifests/latest",
        "/v2/%2e%2e/blobs/uploads/",
        "/v2/team/a/manifests/..%2f..%2f..%2f..%2fsecret",
        "/v2/team/a/blobs/sha256:..%2f..%2f..%2f..%2fsecret",
        "/v2/team/a/blobs/uploads/..%2f..%2f..%2f..%2fsecret",
        "/v2/team/a/referrers/..%2f..%2fsecret",
        "/v2/team/_tags/manifests/latest",
        "/v2/team%00/tags/list",
    ] {
        for method in ["GET", "DELETE", "PUT"] {
            let answer = raw(&registry, &head(method, path, "content-length: 0\r\nconnection: close\r\n"));
            let status = answer.split(' ').nth(1).unwrap_or_default();
            assert!(["400", "404", "405"].contains(&status), "{method} {path}: {answer}");
            assert!(!answer.contains("\r\n\r\nsecret"));
        }
    }
    assert_eq!(std::fs::read_dir(&registry.folder).unwrap().count(), 1);
}

#[test]
fn a_name_that_is_none_is_refused() {
    let registry = Registry::start();
    for name in ["Team/a", "team/_a", "team/-a", "team/a.", &"a".repeat(230)] {
        let reply = registry.get(&format!("/v2/{name}/tags/list"));
        assert_eq!(reply.error(), error(400, "NAME_INVALID"), "{name}");
        let reply = registry.send("POST", &format!("/v2/{name}/blobs/uploads/"), &[], b"");
        assert_eq!(reply.error(), error(400, "NAME_INVALID"), "{name}");
    }
    let reply = registry.get("/v2/team/a/manifests/-tag");
    assert_eq!(reply.error(), error(400, "MANIFEST_INVALID"));
}
