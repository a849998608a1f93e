//! The reference in `docs/` says what the types say.

use std::path::PathBuf;

use invoker_core::topology::schema;

fn page() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/topology.md")
}

#[test]
fn the_reference_follows_the_types() {
    let expected = schema::reference();
    if std::env::var_os("INVOKER_BLESS").is_some() {
        std::fs::write(page(), &expected).unwrap();
    }
    let found = std::fs::read_to_string(page()).unwrap_or_default();
    let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
    let help = "INVOKER_BLESS=1 cargo test -p invoker-core --test reference writes docs/topology.md anew";
    assert!(found == expected, "docs/topology.md differs from the types at {differing:?}; {help}");
}

#[test]
fn every_field_says_its_meaning_and_its_default() {
    for line in schema::reference().lines().filter(|line| line.starts_with("| `")) {
        assert!(!line.contains("| ? |"), "no `Default: …` in the doc of {line}");
        assert!(!line.ends_with("|  |"), "no meaning in {line}");
    }
}

#[test]
fn the_schema_refuses_unknown_fields_everywhere() {
    let schema = serde_json::to_value(schema::json_schema()).unwrap();
    let types = schema["$defs"].as_object().unwrap();
    for (name, kind) in types.iter().filter(|(_, kind)| kind.get("properties").is_some()) {
        assert_eq!(kind["additionalProperties"], false, "{name}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
