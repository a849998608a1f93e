//! The topologies of `examples/` are sound.

use std::io;
use std::path::{Path, PathBuf};

use invoker_core::topology;

fn topologies(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" {
            topologies(&path, found)?;
        } else if name.starts_with("topology") && name.ends_with(".yaml") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn every_example_is_read_and_checked() {
    let mut found = Vec::new();
    topologies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples"), &mut found).unwrap();
    assert!(!found.is_empty(), "no examples");
    for path in found {
        let source = path.display().to_string();
        let document =
            topology::parse(&source, &std::fs::read(&path).unwrap()).unwrap_or_else(|all| panic!("{all}"));
        topology::check(&document, None).unwrap_or_else(|all| panic!("{all}"));
    }
}
