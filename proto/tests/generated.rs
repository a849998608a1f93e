//! The code that is checked in is that of the `.proto` files.

use std::fs;
use std::path::Path;

const FILES: [&str; 1] = ["invoker/registry/v1/registry.proto"];

#[test]
fn the_code_is_made_from_the_proto_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiler = protox::Compiler::new([root.join("proto")]).unwrap();
    compiler.include_imports(true).include_source_info(true).open_files(FILES).unwrap();
    let made = tempfile::tempdir().unwrap();
    let build = tonic_prost_build::configure().out_dir(made.path()).build_transport(false);
    build.compile_fds(compiler.file_descriptor_set()).unwrap();
    // Comments are for the code alone.
    compiler.include_source_info(false);
    fs::write(made.path().join("descriptors.bin"), compiler.encode_file_descriptor_set()).unwrap();
    for name in ["invoker.registry.v1.rs", "descriptors.bin"] {
        let (new, kept) = (fs::read(made.path().join(name)).unwrap(), root.join("generated").join(name));
        if std::env::var_os("INVOKER_BLESS").is_some() {
            fs::write(&kept, &new).unwrap();
        }
        let help = "set INVOKER_BLESS=1 and run this test again to write it anew";
        assert!(fs::read(&kept).unwrap_or_default() == new, "{name} is not that of the .proto files: {help}");
    }
}
