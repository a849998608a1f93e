//! The table of the documentation names tests that there are.

use std::path::Path;

#[test]
fn every_test_that_the_documentation_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("../docs/registry.md")).unwrap();
    let named: Vec<_> = text.split('`').filter_map(|word| word.split_once("::")).collect();
    assert!(named.len() > 50, "{} tests are named", named.len());
    for (module, name) in named {
        let file = root.join(format!("tests/distribution/{module}.rs"));
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(source.contains(&format!("#[test]\nfn {name}()")), "{module}::{name} is not there");
    }
}
