//! Faults: uploads that are cut, pushes at the same time, bits that flip, replicas that share a store.

use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use invoker_registry::Options;

use crate::artifact::{image, noise, sha256};
use crate::registry::{Registry, error};

const CHUNK: usize = 1 << 16;
const CHUNKS: usize = 5;

/// Sends the first bytes of a body that was to have all, and hangs up.
fn cut(registry: &Registry, method: &str, path: &str, bytes: &[u8], sent: usize) {
    let mut stream = TcpStream::connect(registry.client.address).unwrap();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", bytes.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[..sent]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // Till the registry has seen the end.
    let _ = stream.read_to_end(&mut Vec::new());
}

#[test]
fn an_upload_cut_at_any_chunk_goes_on_in_the_next_process() {
    let folder = tempfile::tempdir().unwrap();
    for chunks in 0..=CHUNKS {
        let bytes = noise(CHUNK * CHUNKS);
        let digest = sha256(&bytes);
        let registry = Registry::over(folder.path(), Options::default());
        let location = registry.client.begin("team/a");
        for at in 0..chunks {
            let chunk = &bytes[at * CHUNK..(at + 1) * CHUNK];
            assert_eq!(registry.client.chunk(&location, at * CHUNK, chunk).status, 202);
        }
        let path = format!("/v2/team/a/blobs/{digest}");
        assert_eq!(registry.get(&path).status, 404);
        drop(registry);
        let registry = Registry::over(folder.path(), Options::default());
        assert_eq!(registry.get(&path).status, 404);
        let stands = registry.get(&location);
        assert_eq!(stands.header("range"), format!("0-{}", (chunks * CHUNK).saturating_sub(1)));
        let close = format!("{location}?digest={digest}");
        assert_eq!(registry.send("PUT", &close, &[], &bytes[chunks * CHUNK..]).status, 201);
        assert!(registry.get(&path).body == bytes);
    }
}

#[test]
fn a_request_cut_at_any_chunk_leaves_nothing_visible() {
    let registry = Registry::start();
    for sent in (0..CHUNKS).map(|chunks| chunks * CHUNK) {
        let bytes = noise(CHUNK * CHUNKS);
        let digest = sha256(&bytes);
        let location = registry.client.begin("team/a");
        cut(&registry, "POST", &format!("/v2/team/a/blobs/uploads/?digest={digest}"), &bytes, sent);
        cut(&registry, "PUT", &format!("{location}?digest={digest}"), &bytes, sent);
        cut(&registry, "PATCH", &location, &bytes, sent);
        let path = format!("/v2/team/a/blobs/{digest}");
        assert_eq!(registry.get(&path).status, 404);
        assert_eq!(registry.get(&location).header("range"), "0-0");
        let close = format!("{location}?digest={digest}");
        assert_eq!(registry.send("PUT", &close, &[], &bytes).status, 201);
        assert!(registry.get(&path).body == bytes);
    }
    cut(&registry, "PUT", "/v2/team/a/manifests/latest", image(&[], "").to_string().as_bytes(), 20);
    assert_eq!(registry.get("/v2/team/a/manifests/latest").status, 404);
}

#[test]
fn a_request_cut_behind_whole_segments_goes_on_behind_them() {
    let registry = Registry::start();
    let bytes = noise(12 << 20);
    let location = registry.client.begin("team/a");
    cut(&registry, "PATCH", &location, &bytes, 11 << 20);
    let stands = registry.get(&location).header("range").to_owned();
    let last: usize = stands.strip_prefix("0-").unwrap().parse().unwrap();
    assert!(last + 1 >= 10 << 20 && last < 11 << 20, "{stands}");
    let close = format!("{location}?digest={}", sha256(&bytes));
    assert_eq!(registry.send("PUT", &close, &[], &bytes[last + 1..]).status, 201);
}

#[test]
fn of_two_replicas_that_push_one_version_one_wins_and_one_conflicts() {
    let first = Registry::start();
    let second = Registry::over(&first.folder, Options::default());
    first.client.push_blob("team/a", b"{}");
    for round in 0..20 {
        let version = format!("1.0.{round}");
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let pushes: Vec<_> = [&first, &second]
                .into_iter()
                .enumerate()
                .map(|(at, registry)| {
                    let (client, version) = (registry.client.clone(), version.clone());
                    scope.spawn(move || {
                        client.push_manifest("team/a", &version, &image(&[], &format!("{round} {at}")))
                    })
                })
                .collect();
            pushes.into_iter().map(|push| push.join().unwrap()).collect()
        });
        let won: Vec<_> = statuses.iter().filter(|reply| reply.status == 201).collect();
        let lost: Vec<_> = statuses.iter().filter(|reply| reply.status == 409).collect();
        assert_eq!((won.len(), lost.len()), (1, 1), "{statuses:?}");
        for registry in [&first, &second] {
            let there = registry.get(&format!("/v2/team/a/manifests/{version}"));
            assert_eq!(there.header("docker-content-digest"), won[0].header("docker-content-digest"));
        }
    }
}

#[test]
fn an_upload_may_go_through_one_replica_and_then_another() {
    let first = Registry::start();
    let second = Registry::over(&first.folder, Options::default());
    let location = first.client.begin("team/a");
    assert_eq!(second.client.chunk(&location, 0, b"01234").status, 202);
    assert_eq!(first.client.chunk(&location, 0, b"01234").error(), error(416, "BLOB_UPLOAD_INVALID"));
    assert_eq!(first.client.chunk(&location, 5, b"56789").status, 202);
    let close = format!("{location}?digest={}", sha256(b"0123456789"));
    let reply = second.send("PUT", &close, &[], b"");
    assert_eq!(reply.status, 201);
    assert_eq!(first.get(reply.header("location")).body, b"0123456789");
    first.client.push_image("team/a", "latest", &[b"0123456789"]);
    assert_eq!(second.get("/v2/team/a/manifests/latest").status, 200);
    assert_eq!(second.send("DELETE", "/v2/team/a/manifests/latest", &[], b"").status, 202);
    assert_eq!(first.get("/v2/team/a/manifests/latest").status, 404);
}

/// Flips one bit in the middle of a file.
fn flip(path: &Path) {
    let mut file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let middle = SeekFrom::Start(file.metadata().unwrap().len() / 2);
    let mut byte = [0];
    file.seek(middle).unwrap();
    file.read_exact(&mut byte).unwrap();
    byte[0] ^= 1;
    file.seek(middle).unwrap();
    file.write_all(&byte).unwrap();
}

#[test]
fn a_flipped_bit_is_found_and_not_served_as_good() {
    let registry = Registry::start();
    for size in [1000, 5 << 20] {
        let bytes = noise(size);
        let digest = registry.client.push_blob("team/a", &bytes);
        let path = format!("/v2/team/a/blobs/{digest}");
        flip(&registry.blob("team/a", &digest));
        let reply = registry.get(&path);
        if size < 1 << 20 {
            assert_eq!(reply.error(), error(500, "DIGEST_INVALID"));
            assert!(reply.message().contains("damaged in the store"));
        } else {
            assert!(reply.is_cut, "all of a damaged blob came");
        }
        let part = registry.send("GET", &path, &[("range", "bytes=0-9")], b"");
        assert_eq!(part.error(), error(500, "DIGEST_INVALID"));
        let mount = format!("/v2/team/b/blobs/uploads/?mount={digest}&from=team/a");
        assert_ne!(registry.send("POST", &mount, &[], b"").status, 201);
        // Pushed again, it is good again.
        registry.client.push_blob("team/a", &bytes);
        assert!(registry.get(&path).body == bytes);
    }
}

#[test]
fn a_flipped_bit_in_a_manifest_is_found_and_it_can_be_deleted() {
    let registry = Registry::start();
    let digest = registry.client.push_image("team/a", "1.0.0", &[]);
    let file: PathBuf = registry.blob("team/a", &digest);
    flip(Path::new(&file.to_str().unwrap().replace("_blobs", "_manifests")));
    for reference in ["1.0.0", &digest] {
        let reply = registry.get(&format!("/v2/team/a/manifests/{reference}"));
        assert_eq!(reply.error(), error(500, "DIGEST_INVALID"));
    }
    assert_eq!(registry.send("DELETE", &format!("/v2/team/a/manifests/{digest}"), &[], b"").status, 202);
    assert_eq!(registry.get("/v2/team/a/manifests/1.0.0").status, 404);
}
