//! Components that cannot be loaded: each is refused with what, why and what to do. They are made here from the
//! contract's text, so that they need no toolchain.

mod components;
mod support;

use components::{CONTRACT, describing, encoded, resolved};
use invoker_engine::LoadError;
use support::{engine, guest};
use wit_component::dummy_module;
use wit_parser::{LiftLowerAbi, ManglingAndAbi};

/// A component of the contract's world, changed by `edit`, beside other packages; every export traps.
fn dummy(packages: &[&str], edit: impl Fn(&str) -> String) -> Vec<u8> {
    let (resolve, world) = resolved(packages, &edit(CONTRACT), "udf");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    encoded(&resolve, world, module)
}

/// The three lines of the refusal.
fn refused(bytes: &[u8]) -> [String; 3] {
    let error = engine().load(bytes).expect_err("refused");
    lines(&error)
}

fn lines(error: &LoadError) -> [String; 3] {
    let lines: Vec<_> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 3, "not what, why and what to do: {lines:#?}");
    lines.try_into().expect("three lines")
}

#[test]
fn what_is_no_wasm_is_refused() {
    let [what, _, _] = refused(b"#!/bin/sh\necho hello\n");
    assert_eq!(what, "not WebAssembly: the file begins with \"#!/bin/sh\\necho h\"");
    let [what, why, _] = refused(b"");
    assert_eq!(what, "not WebAssembly: the file begins with nothing: it is empty");
    assert_eq!(why, "a WebAssembly file begins with the bytes \"\\0asm\"");
}

#[test]
fn a_core_module_is_refused_with_the_way_to_a_component() {
    let [what, _, todo] = refused(&wat::parse_str("(module (func (export \"run\")))").expect("wat"));
    assert_eq!(what, "a core WebAssembly module, not a component");
    assert!(todo.contains("wasm-tools component new MODULE.wasm"), "{todo}");
}

#[test]
fn a_broken_component_is_refused() {
    let mut bytes = dummy(&[], str::to_owned);
    bytes.truncate(bytes.len() / 2);
    let [what, _, _] = refused(&bytes);
    assert!(what.starts_with("broken or unsupported WebAssembly: unexpected end-of-file"), "{what}");
}

#[test]
fn another_world_is_refused_with_the_export_that_is_missing() {
    let text = "package other:thing@1.0.0; interface run { go: func(); } world thing { export run; }";
    let (resolve, world) = resolved(&[], text, "thing");
    let module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    let [what, why, _] = refused(&encoded(&resolve, world, module));
    assert_eq!(what, "the export \"invoker:udf/function\" is missing");
    assert!(why.ends_with("it exports \"other:thing/run@1.0.0\""), "{why}");
    let [_, why, _] = refused(&wat::parse_str("(component)").expect("wat"));
    assert!(why.ends_with("it exports nothing"), "{why}");
}

#[test]
fn a_version_that_is_not_served_is_named_beside_those_that_are() {
    let [what, why, todo] = refused(&dummy(&[], |wit| wit.replace("@0.1.0", "@0.9.0")));
    assert_eq!(what, "version 0.9.0 of invoker:udf is not served");
    assert_eq!(why, "this host serves 0.1.0, and versions that begin with 0.1");
    assert!(todo.contains("0.9.0"), "{todo}");
}

#[test]
fn an_import_that_is_not_granted_is_named() {
    let http = "package wasi:http@0.2.3; interface outgoing-handler { handle: func(); }";
    let [what, _, todo] = refused(&dummy(&[http], |wit| {
        wit.replace("world udf {", "world udf { import wasi:http/outgoing-handler@0.2.3;")
    }));
    assert_eq!(what, "the import \"wasi:http/outgoing-handler@0.2.3\" is not granted");
    assert!(todo.contains("wasi:http/outgoing-handler@0.2.3"), "{todo}");
    let [what, _, _] =
        refused(&dummy(&[], |wit| wit.replace("world udf {", "world udf { import escape: func();")));
    assert_eq!(what, "the import \"escape\" is not granted");
}

#[test]
fn asynchronous_components_are_refused() {
    let clocks = "package wasi:clocks@0.3.0; interface monotonic-clock { now: func() -> u64; }";
    let [what, _, todo] = refused(&dummy(&[clocks], |wit| {
        wit.replace("world udf {", "world udf { import wasi:clocks/monotonic-clock@0.3.0;")
    }));
    assert_eq!(what, "\"wasi:clocks/monotonic-clock@0.3.0\" is asynchronous, as in WASI 0.3");
    assert!(todo.starts_with("build for WASI 0.2"), "{todo}");
    let [what, _, _] = refused(&dummy(&[], |wit| wit.replace("describe: func", "describe: async func")));
    assert_eq!(what, "a function, future or stream in its types is asynchronous, as in WASI 0.3");
}

#[test]
fn an_export_of_another_type_is_refused() {
    let [what, why, _] = refused(&dummy(&[], |wit| wit.replace("partition: u32,", "partition: u64,")));
    assert!(what.starts_with("the export \"invoker:udf/function\" has another type: "), "{what}");
    assert_eq!(why, "it was built from another definition of the interface");
    let [what, _, _] = refused(&dummy(&[], |wit| wit.replace("describe: func() -> description;", "")));
    assert_eq!(what, "the export \"invoker:udf/function\" has no function \"describe\"");
}

#[test]
fn a_later_version_of_the_same_minor_loads_unless_it_needs_what_is_not_there() {
    let later = |wit: &str| wit.replace("@0.1.0", "@0.1.7");
    let error = engine().load(&dummy(&[], later)).expect_err("a dummy cannot describe");
    assert!(matches!(error, LoadError::Describe(_)), "{error}");
    let [what, _, _] = refused(&dummy(&[], |wit| {
        later(wit).replace("interface host {", "interface host { metric: func(name: string);")
    }));
    assert!(what.starts_with("an import does not have the type that this host offers: "), "{what}");
    assert!(what.contains("metric"), "{what}");
}

#[test]
fn describe_that_traps_loops_or_grows_is_refused() {
    let ended = |body: &str| refused(&describing("", body, ""));
    let [what, why, todo] = ended("unreachable");
    assert!(
        what.starts_with("`describe` did not return a description: the function trapped: wasm `unreachable`"),
        "{what}"
    );
    assert!(why.contains("in a sandbox") && todo.contains("`init`"), "{why}\n{todo}");
    let [what, _, _] = ended("(loop $again br $again) unreachable");
    assert!(what.contains("the function did not return within 300ms"), "{what}");
    let [what, _, _] = ended(
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
    );
    assert!(what.contains("asked for more than its 16777216 bytes of memory"), "{what}");
}

#[test]
fn describe_may_not_use_state() {
    let import = r#"(import "invoker:udf/state@0.1.0" "get-many" (func $get (param i32 i32 i32 i32)))"#;
    let body = "(call $get (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 0)";
    let [what, _, _] = refused(&describing(import, body, ""));
    assert!(what.contains("it called `invoker:udf/state`, which only `process` may call"), "{what}");
}

#[test]
fn what_describe_wrote_before_it_ended_is_told() {
    let import = r#"(import "invoker:udf/host@0.1.0" "log" (func $log (param i32 i32 i32 i32 i32)))"#;
    let body =
        "(call $log (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 64) (i32.const 9)) unreachable";
    let [what, _, _] = refused(&describing(import, body, "(data (i32.const 64) \"no\\ntable!\")"));
    assert!(what.ends_with("; it wrote: no table!"), "{what}");
}

#[test]
fn describe_that_lies_is_refused() {
    // The record `description` lies at 1024, a list at 2048; everything else is zero.
    let lie = |at: u32, count: &str, list: &str| {
        let data = format!(
            "(data (i32.const {at}) \"\\00\\08\\00\\00{count}\") (data (i32.const 2048) \"{list}\")
             (data (i32.const 3000) \"!new\")"
        );
        refused(&describing("", "(i32.const 1024)", &data))
    };
    let [what, _, todo] = lie(1032, "\\02\\00\\00\\00", "");
    assert_eq!(what, "`describe` returned a description that cannot be used: `outputs[0]` has no name");
    assert!(todo.starts_with("correct the declaration"), "{todo}");
    // Two outputs of 40 bytes, both named "!new".
    let name = "\\b8\\0b\\00\\00\\04\\00\\00\\00";
    let [what, _, _] = lie(1032, "\\02\\00\\00\\00", &format!("{name}{}{name}", "\\00".repeat(32)));
    assert!(what.ends_with("`outputs` has \"!new\" twice"), "{what}");
    let [what, _, _] = lie(1076, "\\01\\00\\00\\00", name);
    assert!(what.contains("the property \"!new\" is not known to this host"), "{what}");
    // More bytes than there are.
    let [what, _, _] = lie(1032, "\\ff\\ff\\ff\\00", "");
    assert!(what.starts_with("`describe` did not return a description: the function trapped: "), "{what}");
}

#[test]
fn a_description_of_nothing_is_fine() {
    let function = engine().load(&describing("", "(i32.const 1024)", "")).expect("loads");
    assert!(function.description().outputs.is_empty());
    assert_eq!(function.contract_version(), "0.1.0");
}

#[test]
fn a_real_component_says_what_it_is() {
    let bytes = guest("hostile");
    let function = engine().load(&bytes).expect("loads");
    let names: Vec<_> = function.description().outputs.iter().map(|port| port.name.as_str()).collect();
    assert_eq!(names, ["main", "side"]);
    assert_eq!(function.size(), bytes.len());
    assert!(function.digest().starts_with("sha256:") && function.digest().len() == 71);
    assert!(function.language().is_some_and(|language| language.starts_with("Rust")));
    assert!(function.sdk().is_some_and(|sdk| sdk.starts_with("wit-bindgen-rust 0.")));
    assert!(function.imports().iter().any(|name| name == "invoker:udf/host@0.1.0"));
    assert!(function.imports().iter().any(|name| name.starts_with("wasi:cli/stderr@0.2.")));
}
