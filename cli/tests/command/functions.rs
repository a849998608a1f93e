//! Functions that cannot be used.

use crate::invocation::Folder;

fn topology_of(function: &str) -> Folder {
    let folder = Folder::new();
    folder.write(
        "topology.yaml",
        format!(
            "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n  \
             statefulEntities:\n    - {{ name: only, function: {function}, inputTopic: in }}\n"
        ),
    );
    folder
}

#[test]
fn a_missing_function_is_named() {
    let folder = topology_of("./gone.wasm");
    folder
        .invoker(&["run", "topology.yaml"])
        .failed(4, &["gone.wasm", "why: No such file", "help: check the path"]);
}

#[test]
fn a_file_that_is_no_wasm_is_named() {
    let folder = topology_of("./text.wasm");
    folder.write("text.wasm", "hello");
    folder.invoker(&["run", "topology.yaml"]).failed(4, &["text.wasm", "cannot be used", "ebAssembly"]);
    folder.invoker(&["inspect", "text.wasm"]).failed(4, &["text.wasm", "cannot be used"]);
}

#[test]
fn a_core_module_is_told_from_a_component() {
    let folder = topology_of("./core.wasm");
    folder.write("core.wasm", b"\0asm\x01\0\0\0");
    folder
        .invoker(&["run", "topology.yaml"])
        .failed(4, &["core.wasm", "core WebAssembly module, not a component"]);
}

#[test]
fn a_registry_name_says_that_there_is_no_registry() {
    let folder = topology_of("team/split:1.0.0");
    folder
        .invoker(&["run", "topology.yaml"])
        .failed(4, &["team/split:1.0.0", "why: no registry is configured"]);
}

#[test]
fn a_project_that_is_not_built_says_what_to_run() {
    let folder = topology_of("./split");
    folder.write("split/Cargo.toml", "[package]\nname = \"split\"\n");
    let told = "help: run `invoker build /";
    folder.invoker(&["run", "topology.yaml"]).failed(4, &["is not built yet", told]);
}
