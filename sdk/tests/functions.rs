//! How a function is declared and set up, and what it sees of a record.

use invoker_sdk::prelude::*;
use invoker_sdk::testing::{Incoming, Level, Test, record};
use invoker_sdk::{Function, Setting};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
struct Rules {
    limit: u32,
}

/// Everything that can be declared.
#[function(headers = "read", max_records = 7, record_deadline = "2s")]
struct All {
    /// Orders.
    orders: Input<Json<u32>>,
    #[input(name = "other", content_type = "text/csv")]
    plain: Input,
    /// How often.
    ///
    /// In detail.
    #[state(ttl = "90s", prefetch = false)]
    count: Value<u64>,
    #[state(name = "seen-fields")]
    seen: Map<Vec<u8>>,
    /// In front.
    #[setting(default = "> ")]
    prefix: String,
    #[setting(secret)]
    token: String,
    #[setting]
    rules: Option<Json<Rules>>,
    #[setting(default = 0.5)]
    share: f64,
    #[output(schema = "number")]
    out: Output<u64>,
    started: bool,
}

impl Process for All {
    fn start(&mut self) -> Result {
        self.started = true;
        if self.share > 1.0 { Err(Error::reject("bad-share", "more than all")) } else { Ok(()) }
    }

    fn process(&mut self, record: Record<'_>) -> Result {
        assert!(self.started);
        let limit = self.rules.as_ref().map_or(10, |rules| rules.limit);
        warn!("{}{} {} {limit}", self.prefix, self.token, self.share);
        if self.plain.gave(&record) {
            return self.out.send(0);
        }
        self.seen.set("f", record.bytes()?.to_vec())?;
        *self.count.or_default()? += 1;
        self.out.send(self.orders.read(&record)?.into())
    }
}

#[test]
fn a_description_says_what_the_types_and_comments_say() {
    let described = All::describe();
    let text = format!("{described:?}");
    for said in [
        r#"name: "orders", content-type: Some("application/json"), schema: None, doc: "Orders.""#,
        r#"name: "other", content-type: Some("text/csv")"#,
        r#"name: "count", kind: StateKind::Value, prefetch: false, ttl: Some(90000), version: 1, reads: [], doc: "How often.\n\nIn detail.""#,
        r#"name: "seen-fields", kind: StateKind::Map, prefetch: false, ttl: None"#,
        r#"name: "prefix", kind: SettingKind::Text, required: false, default: Some(SettingValue::Text("> ")), secret: false"#,
        r#"name: "token", kind: SettingKind::Text, required: true, default: None, secret: true"#,
        r#"name: "rules", kind: SettingKind::Json, required: false, default: None"#,
        r#"name: "out", content-type: Some("text/plain"), schema: Some("number")"#,
        "headers: HeaderUse::Read, max-records: Some(7), record-deadline: Some(2000)",
    ] {
        assert!(text.contains(said), "{said}\nis not in\n{text}");
    }
}

#[test]
fn settings_reach_the_function_and_wrong_ones_are_named() {
    let start = |settings: Vec<(&str, invoker_sdk::testing::SettingValue)>| {
        Test::<All>::start(settings).map(drop).unwrap_err().message().to_owned()
    };
    assert_eq!(start(vec![]), "setting `token` is missing");
    let why = start(vec![("token", "t".into()), ("tokn", 1.into())]);
    assert_eq!(why, "setting `tokn` is not declared by this function");
    let why = start(vec![("token", "t".into()), ("share", "x".into())]);
    assert_eq!(why, "setting `share` is the text \"x\", but must be a number");
    assert_eq!(start(vec![("token", "t".into()), ("share", 2.into())]), "more than all");

    let rules = Json(Rules { limit: 3 }).write();
    let mut test = Test::<All>::with([("token", "t".into()), ("rules", rules), ("share", 1.into())]);
    let outcome =
        test.process([record("4").key("a"), record("5").key("a").input("other"), record("x").key("a")]);
    assert_eq!(outcome.pairs("out"), [("a", "4"), ("a", "0")]);
    assert_eq!(outcome.codes(), [(2, "bad-json")]);
    let line = &test.logs()[0];
    assert_eq!((line.message.as_str(), line.record), ("> t 1 3", Some(0)));
    assert!(matches!(line.level, Level::Warn));
    assert_eq!(test.field_text("seen-fields", "a", "f").as_deref(), Some("4"));
}

#[function]
fn see(record: Record<'_>, seen: &mut Output<String>) -> Result {
    seen.send(&format!(
        "{:?} {:?} {:?} {} {} {} {} {:?} {}",
        record.key_text().ok(),
        record.text().ok(),
        record.timestamp(),
        record.partition(),
        record.offset(),
        record.input(),
        record.now(),
        record.watermark(),
        record.attempt(),
    ))
}

#[test]
fn a_record_tells_where_and_when_it_is_from() {
    let mut test = Test::<see>::new();
    test.set_now(1000);
    test.set_partition(4);
    test.set_watermark(Some(900));
    test.set_attempt(2);
    let outcome = test.process([record("v").key("k").timestamp(950), Incoming::tombstone("k")]);
    assert_eq!(
        outcome.pairs("seen").iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        [
            r#"Some("k") Some("v") Some(950) 4 0 0 1000 Some(900) 2"#,
            r#"Some("k") None None 4 1 0 1000 Some(900) 0"#
        ]
    );
}

#[test]
fn batches_go_on_where_the_last_one_ended() {
    let mut test = Test::<see>::new();
    test.set_batch(2);
    let outcome = test.process(["a", "b", "c"]);
    assert_eq!(outcome.sent.iter().map(|sent| sent.source).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(outcome.pairs("seen")[2].1.contains(r#"Some("c") None 0 2"#), "{:?}", outcome.pairs("seen"));
}

#[test]
#[should_panic(expected = "the function declares no input \"nowhere\"")]
fn a_test_with_a_wrong_name_says_so() {
    let _ = Test::<see>::new().process([record("x").input("nowhere")]);
}

/// A function may return nothing, and take nothing but the record.
#[function]
fn ignore(_: Record<'_>) {}

#[test]
fn a_function_without_parts_is_one_too() {
    let outcome = Test::<ignore>::new().process(["x"]);
    assert_eq!(outcome, Default::default());
}
