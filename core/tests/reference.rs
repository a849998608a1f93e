//! The reference in `docs/` says what the types say.

use std::path::PathBuf;

use invoker_core::topology::schema;

/// The pages, with what they must say.
fn pages() -> [(&'static str, String); 2] {
    [("docs/topology.md", schema::reference()), ("docs/host.md", schema::host_reference())]
}

#[test]
fn the_references_follow_the_types() {
    for (name, expected) in pages() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        if std::env::var_os("INVOKER_BLESS").is_some() {
            std::fs::write(&path, &expected).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let differing = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        let help = format!("INVOKER_BLESS=1 cargo test -p invoker-core --test reference writes {name} anew");
        assert!(found == expected, "{name} differs from the types at {differing:?}; {help}");
    }
}

#[test]
fn every_field_says_its_meaning_and_its_default() {
    for (name, page) in pages() {
        for line in page.lines().filter(|line| line.starts_with("| `")) {
            assert!(!line.contains("| ? |"), "{name}: no `Default: …` in the doc of {line}");
            assert!(!line.ends_with("|  |"), "{name}: no meaning in {line}");
        }
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
