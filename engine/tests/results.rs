//! Results that a real component spoils: each is refused by name and index, and the instance is not used again.

mod support;

use invoker_engine::CallError;
use support::{call, call_in, instance};

/// What the guest does, and how the engine calls it. The batch has 3 records with 3 keys.
const SPOILED: [(&str, &str); 28] = [
    ("consumed", "`consumed` is 4, but the batch has 3 records"),
    ("stopped", "`stopped` is given, but all 3 records are consumed"),
    ("no-progress", "`consumed` is 0 of 3 records and `stopped` says no reason: it would never end"),
    ("ends", "`outputs.values`: item 0 ends at byte 1073741824, but there are"),
    ("trailing", "`outputs.values`: 1 bytes follow the last item"),
    ("values-short", "`outputs.values` has 2 items, but there are 3 outputs"),
    ("sources-range", "`outputs.sources[2]` is 3, but there are 3 consumed records"),
    ("sources-falling", "`outputs.sources[1]` is 1, less than the 2 in front of it"),
    ("ports-length", "`outputs.ports` has 4 items, but there are 3 outputs"),
    ("ports-range", "`outputs.ports[0]` is 2, but there are 2 declared outputs"),
    ("keys-length", "`outputs.keys` has 0 items, but there are 3 outputs"),
    ("event-times", "`outputs.event-times[0]` is -2; -1 and everything from 0 on make sense"),
    ("event-times-length", "`outputs.event-times` has 1 items, but there are 3 outputs"),
    ("partitions", "`outputs.partitions[0]` is -7; -1 and everything from 0 on make sense"),
    ("headers-length", "`outputs.headers.ends` has 0 items, but there are 3 outputs"),
    ("headers-absent", "`outputs.headers.names[0]` is absent, but a header has a name"),
    ("headers-utf8", "`outputs.headers.names[1]` is not UTF-8"),
    ("headers-falling", "`outputs.headers.ends[1]` is 1, less than the 2 in front of it"),
    ("state-range", "`states[0]` is 3, but there are 3 declared states"),
    ("state-map", "`states[0].state` is state \"fields\", which is not a value state"),
    ("state-twice", "`states[1]` is 0, which the list has already"),
    ("state-key", "`states[0].keys[0]` is 3, but there are 3 keys in the batch"),
    ("state-key-twice", "`states[0].keys[2]` is 1, which the list has already"),
    ("state-unconsumed", "`states[0].keys[0]` is key 1, which no consumed record has"),
    ("reject-range", "`rejects[0]` is 3, but there are 3 consumed records"),
    ("reject-twice", "`rejects[1]` is 0, which the list has already"),
    ("reject-output", "`rejects[0]` is record 0, but `outputs.sources[0]` comes from it"),
    ("state-values", "`states[0].values` has 1 items, but there are 2 keys"),
];

#[test]
fn a_spoiled_result_is_refused_by_name_and_index() {
    for (what, wanted) in SPOILED {
        let mut instance = instance();
        let command = format!("bad:{what}");
        let error = call_in(&mut instance, &["a", "b", &command]).expect_err(what);
        assert!(matches!(error, CallError::BadResult(_)), "{what}: {error}");
        let text = error.to_string();
        let reason =
            text.strip_prefix("the function returned a result that cannot be used: ").expect("prefix");
        assert!(reason.starts_with(wanted), "{what}: {reason}");
        assert!(!instance.usable(), "{what}");
    }
}

#[test]
fn ports_of_declared_outputs_pass() {
    let result = call(&["a", "port:1", "b"]).expect("result");
    assert_eq!(result.outputs.ports, [0, 1, 0]);
}

#[test]
fn new_values_of_a_declared_state_pass() {
    let result = call(&["a", "state:update"]).expect("result");
    let update = &result.states[0];
    assert_eq!((update.state, update.keys.as_slice()), (0, &[1][..]));
    assert_eq!(update.values.get(0), Some(&b"value"[..]));
}
