//! Mistakes in the code of a function: what the compiler and the SDK say, and what comes of them when it runs.

use std::sync::{LazyLock, Mutex};

use super::cases::test;
use crate::invocation::{Ended, Folder};

/// One project for all that is compiled here: what it depends on is compiled once.
static PROJECT: LazyLock<Mutex<Folder>> = LazyLock::new(|| {
    let folder = Folder::new();
    folder.invoker(&["new", "f"]).succeeded();
    Mutex::new(folder)
});

/// Builds the project with this source and manifest, and tests it if that went well.
fn built(source: &str, manifest: impl Fn(String) -> String, cases: &str) -> Ended {
    let folder = PROJECT.lock().unwrap_or_else(|broken| broken.into_inner());
    let (kept, cargo) = (folder.read("f/src/lib.rs"), folder.read("f/Cargo.toml"));
    folder.write("f/src/lib.rs", source);
    folder.write("f/Cargo.toml", manifest(cargo.clone()));
    folder.write("f/cases.yaml", cases);
    let mut ended = crate::projects::in_project(&folder, "f", &["build"]);
    if ended.code == 0 {
        ended = crate::projects::in_project(&folder, "f", &["test"]);
    }
    folder.write("f/src/lib.rs", kept);
    folder.write("f/Cargo.toml", cargo);
    ended
}

fn build(source: &str) -> Ended {
    built(&format!("use invoker_sdk::prelude::*;\n\n{source}"), |cargo| cargo, "")
}

const RECORD: &str = "- name: one\n  input: [{ key: k, value: x }]\n";

fn case(body: &str) -> Ended {
    let source = format!("use invoker_sdk::prelude::*;\n\n#[function]\n{body}");
    built(&source, |cargo| cargo, RECORD)
}

mistakes! {
    a_method_is_misspelt: "A method is misspelt", "invoker build",
        |_| build("#[function]\nfn f(r: Record<'_>, out: &mut Output) -> Result { out.send(r.txet()?.as_bytes()) }\n"),
        shows ["no method named `txet`", "--> src/lib.rs:", "help: mend the code and build it again"];
    there_is_no_function: "There is no `#[function]`", "invoker build",
        |_| build("pub fn nothing(_: Record<'_>) {}\n"),
        shows ["cannot be used: the export \"invoker:udf/function\" is missing",
            "why: the component was built for another world: it exports nothing",
 "help: write `#[function]` above the fn or struct that takes records, once in the library",];
    the_library_makes_no_component: "The library is no cdylib", "invoker build",
        |_| built("", |cargo| cargo.replace("crate-type = [\"cdylib\"]", ""), ""),
        shows ["makes no component\nwhy: its library is no cdylib, which is what becomes one",
            "help: write `[lib]` and `crate-type = [\"cdylib\"]` into its Cargo.toml"];
    an_output_has_no_codec: "An output is of a type that is no codec", "invoker build",
        |_| build("#[function]\nfn f(_: Record<'_>, out: &mut Output<f32>) -> Result { Ok(()) }\n"),
        shows ["`f32` is no codec", "use an integer, bool, f64, String, Vec<u8> or Json<..>, or implement Encode"];
    a_setting_is_of_no_kind: "A setting is of a type that cannot be one", "invoker build",
        |_| build("#[function]\nfn f(_: Record<'_>, #[setting] a: &Vec<u64>) -> Result { Ok(()) }\n"),
        shows ["`Vec<u64>` cannot be a setting", "use String, an integer, f64, bool, Json<T>, or Option of one of them"];
    a_struct_does_nothing: "A struct does not say what it does", "invoker build",
        |_| build("#[function]\nstruct F { out: Output }\n"),
        shows ["`F` does not say what it does with a record", "write `impl Process for F`"];
    headers_are_set_unseen: "Headers are set that the function does not declare", "invoker test",
        |_| case("fn f(_: Record<'_>, out: &mut Output) -> Result { out.with().header(\"a\", \"b\").send(b\"x\") }\n"),
        shows ["rejected: an output set headers, but the host forwards them unseen",
            "declare #[function(headers = \"read\")] or #[function(headers = \"drop\")]"];
    a_function_panics: "A function panics", "invoker test",
        |_| case("fn f(r: Record<'_>) -> Result { let n: u64 = r.text().unwrap().parse().unwrap(); let _ = n; Ok(()) }\n"),
        shows ["called `Result::unwrap()` on an `Err` value", "at src/lib.rs:4"];
    a_function_remembers: "A function remembers what is not state", "invoker test", |_| {
        let source = "use invoker_sdk::prelude::*;\n\n#[function]\nstruct F { out: Output<u64>, seen: u64 }\n\nimpl Process for F {\n    \
            fn process(&mut self, _: Record<'_>) -> Result { self.seen += 1; self.out.send(self.seen) }\n}\n";
        built(source, |cargo| cargo, "- name: two\n  input: [{ value: a }, { value: b }]\n  output: [{ value: 1 }, { value: 2 }]\n")
    }, shows ["it remembers something from call to call that is not state"];
    a_record_has_no_key: "State is used for a record without key", "invoker test",
        |f| test(f, "wordcount_count", "- name: no key\n  input: [{ value: x }]\n");
    a_function_traps: "A function traps", "invoker test",
        |f| test(f, "hostile", "- name: trap\n  input: [{ value: trap }]\n"),
        shows ["{ record: 0, code: \"trap\" }  # trap: the function trapped: wasm `unreachable` instruction executed"];
    a_function_does_not_end: "A function does not come to an end", "invoker test",
        |f| test(f, "hostile", "- name: loop\n  input: [{ value: loop }]\n"),
        shows ["{ record: 0, code: \"deadline\" }  # deadline: the function did not return within 5s"];
    a_function_takes_all_memory: "A function takes too much memory", "invoker test",
        |f| test(f, "hostile", "- name: alloc\n  input: [{ value: alloc }]\n"),
        shows ["{ record: 0, code: \"memory\" }  # memory: the function asked for more than its 67108864 bytes of memory"];
}
