//! Why a component is refused: one line what, one why, one what to do.

use crate::error::CallError;
use crate::load::description::DescriptionError;

/// A component cannot be loaded. The message has three lines: what is wrong, why, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error(
        "not WebAssembly: the file begins with {begins}\n\
         a WebAssembly file begins with the bytes \"\\0asm\"\n\
         give the .wasm file that the build made, for Rust target/wasm32-wasip2/release/NAME.wasm"
    )]
    NotWasm { begins: String },
    #[error(
        "a core WebAssembly module, not a component\n\
         only a component says in types what it needs and gives\n\
         build for wasm32-wasip2, or make a component of it: wasm-tools component new MODULE.wasm -o FUNCTION.wasm"
    )]
    CoreModule,
    #[error(
        "broken or unsupported WebAssembly: {message}\n\
         the component does not pass validation\n\
         build it again with current tools, without proposals that WebAssembly 2.0 and components lack"
    )]
    Invalid { message: String },
    #[error(
        "the export \"invoker:udf/function\" is missing\n\
         the component was built for another world: it exports {exports}\n\
         build it for the world \"udf\" of the package invoker:udf, with the SDK or from wit/udf.wit"
    )]
    World { exports: String },
    #[error(
        "version {found} of invoker:udf is not served\n\
         this host serves {served}, and versions that begin with 0.1\n\
         build the function with an SDK for 0.1, or run a host that serves {found}"
    )]
    Version { found: String, served: &'static str },
    #[error(
        "the import \"{name}\" is not granted\n\
         a function has no network, files or services unless its topology grants them, and grants are not served yet\n\
         remove the dependency that uses {name}; state and outputs go through the SDK"
    )]
    Import { name: String },
    #[error(
        "{what} is asynchronous, as in WASI 0.3\n\
         functions are called synchronously: the contract is WASI 0.2\n\
         build for WASI 0.2 (wasm32-wasip2) without async imports or exports"
    )]
    Async { what: String },
    #[error(
        "an import does not have the type that this host offers: {message}\n\
         the component was built from another definition of that interface, or from a newer one\n\
         build it from wit/udf.wit of this release"
    )]
    ImportType { message: String },
    #[error(
        "the export \"invoker:udf/function\" has no function \"{name}\"\n\
         it was built from another definition of the interface\n\
         build it from wit/udf.wit of this release"
    )]
    ExportMissing { name: &'static str },
    #[error(
        "the export \"invoker:udf/function\" has another type: {message}\n\
         it was built from another definition of the interface\n\
         build it from wit/udf.wit of this release"
    )]
    ExportType { message: String },
    #[error("`describe` {0}")]
    Describe(DescribeError),
}

/// What `describe` did instead of describing.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    #[error(
        "did not return a description: {error}{}\n\
         it runs in a sandbox when a function is loaded, with a deadline and a memory limit of its own\n\
         make it return constants; what needs settings belongs into `init`",
        wrote(said)
    )]
    Ended { error: CallError, said: Vec<String> },
    #[error(
        "returned a description that cannot be used: {0}\n\
         what a function declares is checked when it is loaded\n\
         correct the declaration and build the function again"
    )]
    Wrong(#[from] DescriptionError),
}

/// What it wrote before it ended, which is where runtimes say why.
fn wrote(said: &[String]) -> String {
    if said.is_empty() { String::new() } else { format!("; it wrote: {}", said.join(" / ")) }
}
