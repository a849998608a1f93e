//! Components made from the contract's text, so that they need no toolchain.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

pub const CONTRACT: &str = include_str!("../../../wit/udf.wit");

pub fn resolved(packages: &[&str], main: &str, world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    for package in packages {
        resolve.push_str("package.wit", package).expect("package");
    }
    let id = resolve.push_str("main.wit", main).expect("main package");
    let world = resolve.select_world(&[id], Some(world)).expect("world");
    (resolve, world)
}

pub fn encoded(resolve: &Resolve, world: WorldId, mut module: Vec<u8>) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).expect("metadata");
    ComponentEncoder::default().module(&module).expect("module").encode().expect("component")
}

/// A component whose `describe` has this body; `imports` and `data` are text of the module.
pub fn describing(imports: &str, body: &str, data: &str) -> Vec<u8> {
    let (resolve, world) = resolved(&[], CONTRACT, "udf");
    let module = format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            {data}
            (func (export "invoker:udf/function@0.1.0#describe") (result i32) {body})
            (func (export "invoker:udf/function@0.1.0#init")
                (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) unreachable)
            (func (export "invoker:udf/function@0.1.0#process") (param i32) (result i32) unreachable)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#
    );
    encoded(&resolve, world, wat::parse_str(module).expect("module"))
}

/// The smallest component: it describes nothing.
pub fn smallest() -> Vec<u8> {
    describing("", "(i32.const 1024)", "")
}
