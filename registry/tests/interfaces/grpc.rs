//! Functions over gRPC: registered, found, listed, downloaded, deprecated, deleted.

use futures_util::TryStreamExt;
use invoker_proto::registry::v1::download_response::Part;
use invoker_proto::registry::v1::{
    DeleteVersionRequest, DeprecateRequest, DownloadRequest, ListFunctionsRequest, ListVersionsRequest,
    RegisterMetadata,
};
use tonic::Code;
use tonic_types::StatusExt;

use crate::artifact::sha256;
use crate::client::{Client, client, component, get, metadata, register, resolve};
use crate::registry::Registry;

async fn download(client: &mut Client, reference: &str, offset: u64) -> (u64, Vec<u8>) {
    let request = DownloadRequest { name: "team/f".to_owned(), reference: reference.to_owned(), offset };
    let answers = client.download(request).await.unwrap().into_inner();
    let mut parts = answers.map_ok(|answer| answer.part.unwrap()).try_collect::<Vec<_>>().await.unwrap();
    let Part::Start(start) = parts.remove(0) else { unreachable!("the start comes first") };
    let bytes = parts.into_iter().flat_map(|part| match part {
        Part::Chunk(bytes) => bytes,
        Part::Start(_) => unreachable!("the start comes once"),
    });
    (start.component_size, bytes.collect())
}

/// The component that `invoker:udf` names, in the folder of functions for tests.
fn guest(name: &str) -> Vec<u8> {
    let built = std::env::var_os("INVOKER_GUESTS").map(std::path::PathBuf::from);
    let built = built.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/guests").into());
    let path = built.join(name);
    std::fs::read(path).expect("functions for tests are built by `cargo xtask guests`")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_registered_is_the_artifact_that_oci_clients_pull() {
    let registry = Registry::start();
    let mut client = client(&registry);
    // More than is sent at once, and than lies in one segment of an upload.
    let component = component(1, 6 << 20);
    let annotations = [("org.opencontainers.image.source".to_owned(), "https://example.com".to_owned())];
    let metadata = RegisterMetadata {
        tags: vec!["latest".to_owned()],
        annotations: annotations.into(),
        ..metadata("team/f", "1.0.0")
    };
    let version = register(&mut client, metadata.clone(), &component).await.unwrap();
    assert_eq!((version.tag.as_str(), version.component_size), ("1.0.0", component.len() as u64));
    let pulled = registry.get("/v2/team/f/manifests/latest");
    assert_eq!(pulled.header("docker-content-digest"), version.digest);
    let manifest = pulled.json();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.source"], "https://example.com");
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    assert_eq!((layer, version.component_digest.as_str()), (sha256(&component).as_str(), layer));
    assert_eq!(registry.get(&format!("/v2/team/f/blobs/{layer}")).body, component);
    // The same again, by its digest this time, is the same artifact.
    let metadata = RegisterMetadata {
        component_digest: layer.to_owned(),
        component_size: Some(component.len() as u64),
        ..metadata
    };
    assert_eq!(register(&mut client, metadata, &component).await.unwrap().digest, version.digest);
    // Folders of uploads stay, as long as they are empty, for garbage collection.
    for upload in std::fs::read_dir(registry.folder.join("repositories/team/f/_uploads")).unwrap() {
        assert_eq!(std::fs::read_dir(upload.unwrap().path()).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_stays_what_it_is_and_says_so_with_a_reason() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let first = register(&mut client, metadata("team/f", "1.0.0"), &component(1, 0)).await.unwrap();
    let refused = register(&mut client, metadata("team/f", "1.0.0"), &component(2, 0)).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    let info = refused.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("DENIED", "invoker.registry"));
    assert_eq!(resolve(&mut client, "team/f", "1.0.0").await.unwrap().1, first.digest);
    assert!(register(&mut client, metadata("team/f", "dev"), &component(2, 0)).await.is_ok());
    assert!(register(&mut client, metadata("team/f", "dev"), &component(3, 0)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_registration_is_named_and_leaves_nothing() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let good = component(1, 0);
    let other = sha256(b"other");
    let with = |digest: &str, size| RegisterMetadata {
        component_digest: digest.to_owned(),
        component_size: size,
        ..metadata("team/f", "1.0.0")
    };
    for (metadata, bytes, field) in [
        (metadata("Team", "1.0.0"), good.as_slice(), "metadata.name"),
        (metadata("team/f", "-"), &good, "metadata.tag"),
        (metadata("team/f", "1.0.0"), b"#!/bin/sh", "chunk"),
        (with("sha256:..", None), &good, "metadata.component_digest"),
        (with(&other, None), &good, "chunk"),
        (with("", Some(1)), &good, "metadata.component_size"),
        (with("", Some(1 << 40)), &good, "metadata.component_size"),
    ] {
        let refused = register(&mut client, metadata, bytes).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        let request = refused.get_details_bad_request().unwrap();
        assert_eq!(request.field_violations[0].field, field, "{refused:?}");
    }
    let refused = client.register_function(futures_util::stream::iter([])).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "metadata");
    assert_eq!(registry.get("/v2/team/f/tags/list").status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_is_a_tag_a_range_or_a_digest() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let mut digests = Vec::new();
    for (number, tag) in ["1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "dev"].iter().enumerate() {
        let version = register(&mut client, metadata("team/f", tag), &component(number, 0)).await.unwrap();
        digests.push(version.digest);
    }
    for (reference, tag, at) in [
        ("1.2.0", "1.2.0", 1),
        ("^1.2", "1.10.0", 2),
        ("1", "1.10.0", 2),
        (">=1.0, <1.10", "1.2.0", 1),
        ("", "1.10.0", 2),
        ("2.0.0-rc.1", "2.0.0-rc.1", 3),
        ("^2.0.0-rc.0", "2.0.0-rc.1", 3),
        ("dev", "dev", 4),
        (digests[0].clone().as_str(), "", 0),
    ] {
        let found = resolve(&mut client, "team/f", reference).await.unwrap();
        assert_eq!(found, (tag.to_owned(), digests[at].clone()), "{reference}");
    }
    for reference in ["^3", "stable", &sha256(b"other")] {
        assert_eq!(resolve(&mut client, "team/f", reference).await.unwrap_err().code(), Code::NotFound);
    }
    let refused = resolve(&mut client, "team/f", "a b").await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "reference");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_by_pages_in_their_order() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let component = component(1, 0);
    for name in ["team/c", "team/a", "other/b", "team/b"] {
        register(&mut client, metadata(name, "1.0.0"), &component).await.unwrap();
    }
    for tag in ["1.9.0", "1.10.0", "latest", "dev"] {
        register(&mut client, metadata("team/a", tag), &component).await.unwrap();
    }
    // Not a function.
    registry.client.push_image("team/image", "1.0.0", &[]);
    let (mut names, mut token) = (Vec::new(), String::new());
    for _ in 0..2 {
        let namespace = "team".to_owned();
        let request = ListFunctionsRequest { namespace, page_size: 2, page_token: token };
        let page = client.list_functions(request).await.unwrap().into_inner();
        names.extend(page.functions.into_iter().map(|function| (function.name, function.latest)));
        token = page.next_page_token;
    }
    let expected = [("team/a", "1.10.0"), ("team/b", "1.0.0"), ("team/c", "1.0.0")];
    assert_eq!(names, expected.map(|(name, latest)| (name.to_owned(), latest.to_owned())));
    assert_eq!(token, "");
    let (mut tags, mut token) = (Vec::new(), String::new());
    for _ in 0..3 {
        let request = ListVersionsRequest { name: "team/a".to_owned(), page_size: 2, page_token: token };
        let page = client.list_versions(request).await.unwrap().into_inner();
        assert!(page.versions.len() <= 2);
        tags.extend(page.versions.into_iter().map(|version| version.tag));
        token = page.next_page_token;
    }
    assert_eq!((tags.join(" ").as_str(), token.as_str()), ("1.10.0 1.9.0 1.0.0 dev latest", ""));
    let request = ListVersionsRequest { name: "team/none".to_owned(), ..ListVersionsRequest::default() };
    assert_eq!(client.list_versions(request).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_downloaded_from_any_offset() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let component = component(1, 3 << 20);
    let size = component.len();
    register(&mut client, metadata("team/f", "1.0.0"), &component).await.unwrap();
    for offset in [0, 1, 1 << 20, size - 1, size] {
        let (whole, bytes) = download(&mut client, "^1", offset as u64).await;
        assert_eq!(whole, size as u64);
        assert!(bytes == component[offset..], "from {offset}");
    }
    let (name, reference) = ("team/f".to_owned(), "1.0.0".to_owned());
    let behind = DownloadRequest { name, reference, offset: size as u64 + 1 };
    assert_eq!(client.download(behind.clone()).await.unwrap_err().code(), Code::OutOfRange);
    // A bit that flips is found.
    let path = registry.blob("team/f", &sha256(&component));
    let mut damaged = component.clone();
    damaged[size / 2] ^= 1;
    std::fs::write(path, damaged).unwrap();
    let answers = client.download(DownloadRequest { offset: 0, ..behind }).await.unwrap().into_inner();
    let ended = answers.try_for_each(|_| async { Ok(()) }).await.unwrap_err();
    assert_eq!(ended.code(), Code::DataLoss);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_of_deprecation_is_shown_everywhere_until_it_is_taken_back() {
    let registry = Registry::start();
    let mut client = client(&registry);
    register(&mut client, metadata("team/f", "1.0.0"), &component(1, 0)).await.unwrap();
    let note = DeprecateRequest {
        name: "team/f".to_owned(),
        reference: "1.0.0".to_owned(),
        message: "counts \"twice\"; use 1.0.1".to_owned(),
        withdraw: false,
    };
    client.deprecate(note.clone()).await.unwrap();
    let shown = get(&mut client, "team/f", "^1").await.unwrap().deprecation.unwrap();
    assert_eq!((shown.message.as_str(), shown.by.as_str()), ("counts \"twice\"; use 1.0.1", "anonymous"));
    assert!(shown.at.unwrap().seconds > 0);
    let list = ListVersionsRequest { name: "team/f".to_owned(), ..ListVersionsRequest::default() };
    let listed = client.list_versions(list).await.unwrap().into_inner().versions;
    assert_eq!(listed[0].deprecation.as_ref().unwrap().message, note.message);
    let pulled = registry.get("/v2/team/f/manifests/1.0.0");
    assert_eq!(pulled.status, 200);
    assert_eq!(pulled.header("warning"), "299 - \"deprecated: counts \\\"twice\\\"; use 1.0.1\"");
    let empty = DeprecateRequest { message: String::new(), ..note.clone() };
    let refused = client.deprecate(empty).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "message");
    client.deprecate(DeprecateRequest { withdraw: true, ..note }).await.unwrap();
    assert_eq!(get(&mut client, "team/f", "1.0.0").await.unwrap().deprecation, None);
    assert_eq!(registry.get("/v2/team/f/manifests/1.0.0").header("warning"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_deleted_alone_and_a_digest_with_its_tags() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let metadata = RegisterMetadata { tags: vec!["latest".to_owned()], ..metadata("team/f", "1.0.0") };
    let version = register(&mut client, metadata, &component(1, 0)).await.unwrap();
    let delete =
        |reference: &str| DeleteVersionRequest { name: "team/f".to_owned(), reference: reference.to_owned() };
    client.delete_version(delete("1.0.0")).await.unwrap();
    assert_eq!(get(&mut client, "team/f", "1.0.0").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get(&mut client, "team/f", "latest").await.unwrap().digest, version.digest);
    client.delete_version(delete(&version.digest)).await.unwrap();
    assert_eq!(get(&mut client, "team/f", "latest").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.delete_version(delete(&version.digest)).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(client.delete_version(delete("^1")).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_drops_a_state_is_flagged_against_the_highest_below_it() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let (count, none) = (guest("wordcount_count.wasm"), component(1, 0));
    let first = register(&mut client, metadata("team/f", "1.0.0"), &none).await.unwrap();
    assert_eq!(first.compatibility, None);
    let added = register(&mut client, metadata("team/f", "1.1.0"), &count).await.unwrap();
    let states = added.declaration.unwrap().states;
    assert_eq!(states.len(), 1);
    let compatibility = added.compatibility.unwrap();
    assert_eq!((compatibility.against.as_str(), compatibility.incompatibilities.len()), ("1.0.0", 0));
    // Not compared with what came in between, which is no release, nor with what is higher.
    register(&mut client, metadata("team/f", "1.2.0-rc.1"), &none).await.unwrap();
    register(&mut client, metadata("team/f", "3.0.0"), &none).await.unwrap();
    register(&mut client, metadata("team/f", "1.2.0"), &none).await.unwrap();
    let flagged = get(&mut client, "team/f", "1.2.0").await.unwrap().compatibility.unwrap();
    assert_eq!(flagged.against, "1.1.0");
    let problem = &flagged.incompatibilities[0];
    assert_eq!((problem.state.as_str(), problem.reason.as_str()), (states[0].name.as_str(), "dropped"));
    assert!(problem.message.starts_with("state "), "{}", problem.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_function_is_said_not_to_be_one() {
    let registry = Registry::start();
    let mut client = client(&registry);
    registry.client.push_image("team/image", "1.0.0", &[]);
    let refused = get(&mut client, "team/image", "1.0.0").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    assert!(refused.message().contains("is not a function"), "{refused:?}");
}
