//! Functions: checked when they are pushed, whatever pushes them.

use std::time::Duration;

use invoker_registry::{Limits, Options, Repository, Store};
use serde_json::{Value, json};

use crate::artifact::{IMAGE, descriptor};
use crate::components::{CONTRACT, describing, encoded, resolved, smallest};
use crate::registry::{Registry, Reply, error};

const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";

fn manifest(config: &str, component: &[u8]) -> Value {
    json!({"schemaVersion": 2, "mediaType": IMAGE, "config": descriptor(config, b"{}"),
        "layers": [descriptor(LAYER, component)]})
}

fn push(registry: &Registry, config: &str, component: &[u8]) -> Reply {
    registry.client.push_blob("team/f", b"{}");
    registry.client.push_blob("team/f", component);
    registry.client.push_manifest("team/f", "1.0.0", &manifest(config, component))
}

fn registry() -> Registry {
    let limits =
        Limits { describe: Duration::from_millis(300), component_bytes: 1 << 20, ..Limits::default() };
    Registry::with(Options { limits, ..Options::default() })
}

/// What is said of a component that is refused.
fn refused(component: &[u8]) -> String {
    let registry = registry();
    let reply = push(&registry, CONFIG, component);
    assert_eq!(reply.error(), error(400, "MANIFEST_INVALID"));
    assert_eq!(registry.get("/v2/team/f/tags/list").status, 404);
    assert_eq!(registry.get("/v2/").status, 200);
    let message = reply.message();
    assert_eq!(message.lines().count(), 3, "{message}");
    message
}

#[test]
fn what_a_function_declares_is_stored_beside_it() {
    let registry = registry();
    let component = smallest();
    assert_eq!(push(&registry, CONFIG, &component).status, 201);
    let name: Repository = "team/f".parse().unwrap();
    let digest = crate::artifact::sha256(&component).parse().unwrap();
    let store = Store::folder(&registry.folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let record = runtime.block_on(store.function(&name, &digest)).unwrap().unwrap();
    assert_eq!((record.contract_version.as_str(), record.size), ("0.1.0", component.len() as u64));
    assert!(record.description.outputs.is_empty());
}

#[test]
fn what_is_no_component_is_refused_with_the_way_to_one() {
    assert!(refused(b"#!/bin/sh").contains("not WebAssembly"));
    let module = wat::parse_str("(module (func (export \"run\")))").unwrap();
    assert!(refused(&module).contains("wasm-tools component new"));
    let mut broken = smallest();
    broken.truncate(broken.len() / 2);
    assert!(refused(&broken).contains("broken or unsupported WebAssembly"));
}

#[test]
fn another_world_and_imports_that_no_grant_allows_are_refused() {
    let dummy = |packages: &[&str], text: &str, world: &str| {
        let (resolve, id) = resolved(packages, text, world);
        let kind = wit_parser::ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync);
        let module = wit_component::dummy_module(&resolve, id, kind);
        encoded(&resolve, id, module)
    };
    let thing = "package other:thing@1.0.0; interface run { go: func(); } world thing { export run; }";
    assert!(refused(&dummy(&[], thing, "thing")).contains("\"invoker:udf/function\" is missing"));
    let package = "package other:net@1.0.0; interface wire { cut: func(); }";
    let text = CONTRACT.replace("world udf {", "world udf { import other:net/wire@1.0.0;");
    assert!(refused(&dummy(&[package], &text, "udf")).contains("\"other:net/wire@1.0.0\" is not granted"));
}

#[test]
fn describe_that_traps_loops_or_grows_is_refused() {
    assert!(refused(&describing("", "unreachable", "")).contains("the function trapped"));
    assert!(refused(&describing("", "(loop $again br $again) unreachable", "")).contains("within 300ms"));
    let grows =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 256)) (i32.const -1)))) unreachable";
    assert!(refused(&describing("", grows, "")).contains("bytes of memory"));
}

#[test]
fn a_component_over_the_limit_is_refused() {
    let large =
        describing("", "(i32.const 1024)", &format!("(data (i32.const 4096) \"{}\")", "x".repeat(2 << 20)));
    assert!(refused(&large).contains("at most 1048576 are taken"));
}

#[test]
fn foreign_artifacts_are_stored_as_they_are() {
    let registry = registry();
    assert_eq!(push(&registry, "application/vnd.example.config.v1+json", b"not wasm").status, 201);
}
