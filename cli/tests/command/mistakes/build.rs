//! Mistakes in making, building and naming functions.

use crate::invocation::{Ended, Folder, ended};

/// Runs a topology of this function.
fn run(folder: &Folder, function: &str) -> Ended {
    folder.write(
        "topology.yaml",
        format!(
            "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n  \
             statefulEntities:\n    - {{ name: only, function: {function}, inputTopic: in }}\n"
        ),
    );
    folder.invoker(&["run", "topology.yaml"])
}

/// Where no tool is installed.
fn without_tools(folder: &Folder, args: &[&str]) -> Ended {
    ended(folder.command(args).env("PATH", folder.path("nowhere")).output().unwrap())
}

mistakes! {
    a_project_is_made_over_another: "A project is made where something is", "invoker new mine", |f| {
        f.write("mine/letter.txt", "dear");
        f.invoker(&["new", "mine"])
    };
    a_name_is_refused: "A project has a name that tools refuse", "invoker new My_Thing", |f| f.invoker(&["new", "My_Thing"]);
    a_language_is_not_known: "A language is none of those there are", "invoker new f --lang cobol",
        |f| f.invoker(&["new", "f", "--lang", "cobol"]);
    what_is_renewed_is_no_project: "What is to be renewed is no project", "invoker new --refresh .",
        |f| f.invoker(&["new", "--refresh", "."]);
    the_folder_is_no_project: "The folder is no project", "invoker build", |f| f.invoker(&["build"]);
    cargo_is_missing: "Rust is not installed", "invoker build f", |f| {
        f.invoker(&["new", "f"]).succeeded();
        without_tools(f, &["build", "f"])
    };
    node_is_missing: "Node is not installed", "invoker build f", |f| {
        f.invoker(&["new", "f", "--lang", "ts"]).succeeded();
        without_tools(f, &["build", "f"])
    };
    the_function_is_not_built: "A project in Rust is not built yet", "invoker run topology.yaml", |f| {
        f.write("split/Cargo.toml", "[package]\nname = \"split\"\n");
        run(f, "./split")
    };
    the_function_in_javascript_is_not_built: "A project in JavaScript is not built yet", "invoker run topology.yaml", |f| {
        f.write("split/package.json", r#"{"name": "split", "invoker": {"component": "split.wasm"}}"#);
        run(f, "./split")
    };
    the_function_is_missing: "The file of a function is not there", "invoker run topology.yaml", |f| run(f, "./gone.wasm");
    the_function_is_no_wasm: "The file of a function is not WebAssembly", "invoker run topology.yaml", |f| {
        f.write("text.wasm", "hello");
        run(f, "./text.wasm")
    };
    the_function_is_a_module: "The function is a module, not a component", "invoker run topology.yaml", |f| {
        f.write("core.wasm", b"\0asm\x01\0\0\0");
        run(f, "./core.wasm")
    };
    the_function_is_cut_off: "The file of a function is cut off", "invoker run topology.yaml", |f| {
        let whole = std::fs::read(crate::invocation::guest("wordcount_split")).unwrap();
        // So few bytes are the same in every build.
        f.write("half.wasm", whole.get(..20).unwrap());
        run(f, "./half.wasm")
    };
    the_function_is_in_a_registry: "The function is named as in a registry", "invoker run topology.yaml",
        |f| run(f, "team/split:1.0.0");
}
