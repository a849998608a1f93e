//! The examples, with generated records: what comes out equals what is computed here in another way.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "these are tests, and they tell their rates"
)]

use std::collections::{BTreeMap, BTreeSet};

use invoker_tests::example::{Example, Took};
use serde_json::{Value, json};

/// Values by key, in their order.
type ByKey = BTreeMap<String, Vec<Value>>;

fn by_key(records: Vec<(String, Value)>) -> ByKey {
    let mut all = ByKey::new();
    for (key, value) in records {
        all.entry(key).or_default().push(value);
    }
    all
}

fn number(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_else(|| panic!("no {field} in {value}"))
}

fn print(name: &str, records: usize, took: Took) {
    let rate = records as f64 / took.time.as_secs_f64();
    let memory = took.memory.map_or("unknown".to_owned(), |bytes| format!("{} MiB", bytes >> 20));
    println!("{name}: {records} records in {:.1?}, {rate:.0}/s, memory {memory}", took.time);
}

/// Alerts of one card, from its whole history at once: the function sees one payment at a time.
fn doubted(payments: &[Value]) -> Vec<Value> {
    let mut alerts = Vec::new();
    for (at, payment) in payments.iter().enumerate() {
        let before = &payments[..at];
        let (cents, time) = (number(payment, "cents"), number(payment, "timestamp"));
        let sum: i64 = before.iter().map(|p| number(p, "cents")).sum();
        let near = before.iter().rev().take_while(|p| time - number(p, "timestamp") < 60_000).count();
        let mut reasons = Vec::new();
        if at >= 5 && cents * at as i64 > 8 * sum {
            reasons.push("amount");
        }
        if near >= 5 {
            reasons.push("velocity");
        }
        let away = before.last().is_some_and(|last| {
            last["country"] != payment["country"] && time - number(last, "timestamp") < 3_600_000
        });
        if away {
            reasons.push("country");
        }
        if !reasons.is_empty() {
            let from = before.last().map_or("", |last| last["country"].as_str().unwrap());
            let mean = sum / (at as i64).max(1);
            alerts.push(json!({"reasons": reasons, "cents": cents, "mean": mean, "from": from,
                "to": payment["country"], "timestamp": time}));
        }
    }
    alerts
}

/// With `-- --nocapture` it prints rate and memory.
#[test]
fn fraud_alerts_equal_those_of_whole_histories() {
    let events = std::env::var("INVOKER_EVENTS").unwrap_or_else(|_| "1000000".to_owned());
    let example = Example::new("fraud", &[("./score", "fraud_score")]).unwrap();
    example.generate("payments.jsonl", &[("events", &events)]).unwrap();
    let places = ["--input", "payments=payments.jsonl", "--output", "alerts=alerts.jsonl"];
    let run = [&["run", "topology.yaml"], &places[..], &["--output", "scored=scored.jsonl"]].concat();
    let took = example.measured(&run).unwrap();

    let payments = by_key(example.records("payments.jsonl").unwrap());
    let scored = by_key(example.records("scored.jsonl").unwrap());
    let alerts = by_key(example.records("alerts.jsonl").unwrap());
    let mut seen = BTreeMap::<String, usize>::new();
    for (card, payments) in &payments {
        let expected = doubted(payments);
        let found = alerts.get(card).map(Vec::as_slice).unwrap_or_default();
        assert_eq!(found, expected, "{card}");
        assert_eq!(scored[card].len(), payments.len(), "{card}");
        let risks: i64 = scored[card].iter().map(|scored| number(scored, "risk")).sum();
        let reasons: Vec<_> =
            expected.iter().flat_map(|alert| alert["reasons"].as_array().unwrap()).collect();
        assert_eq!(risks, reasons.len() as i64, "{card}");
        reasons.iter().for_each(|reason| *seen.entry(reason.to_string()).or_default() += 1);
    }
    assert_eq!(seen.len(), 3, "a reason never came: {seen:?}");
    assert!(alerts.keys().all(|card| payments.contains_key(card)));
    print("fraud", payments.values().map(Vec::len).sum(), took);
    println!("  alerts: {seen:?}");
}

#[test]
fn each_order_of_a_known_customer_is_joined_once() {
    let example = Example::new("orders", &[("./join", "orders_join")]).unwrap();
    for what in ["orders", "customers"] {
        example.generate(&format!("{what}.jsonl"), &[("what", what), ("events", "20000")]).unwrap();
    }
    let inputs = ["--input", "orders=orders.jsonl", "--input", "customers=customers.jsonl"];
    let run = [&["run", "topology.yaml"], &inputs[..], &["--output", "joined=joined.jsonl"]].concat();
    example.invoker(&run).unwrap();

    let customers: BTreeMap<_, _> = example.records("customers.jsonl").unwrap().into_iter().collect();
    let orders = example.records("orders.jsonl").unwrap();
    let expected: BTreeSet<String> = orders
        .iter()
        .filter_map(|(number, order)| {
            let customer = customers.get(number)?;
            let (id, cents) = (&order["id"], &order["cents"]);
            Some(format!("{number} {id} {cents} {} {}", customer["name"], customer["city"]))
        })
        .collect();
    assert!(expected.len() > 10_000 && expected.len() < orders.len());
    let joined = example.records("joined.jsonl").unwrap();
    let found: BTreeSet<String> = joined
        .iter()
        .map(|(number, j)| format!("{number} {} {} {} {}", j["order"], j["cents"], j["name"], j["city"]))
        .collect();
    assert_eq!(joined.len(), found.len(), "an order came twice");
    assert_eq!(found, expected);
}

#[test]
fn sessions_are_the_clicks_between_pauses() {
    let example = Example::new("sessions", &[("./sessions", "clickstream_sessions")]).unwrap();
    example.generate("clicks.jsonl", &[("events", "20000")]).unwrap();
    let places = ["--input", "clicks=clicks.jsonl", "--output", "sessions=sessions.jsonl"];
    example.invoker(&[&["run", "topology.yaml"], &places[..]].concat()).unwrap();

    let found = by_key(example.records("sessions.jsonl").unwrap());
    let mut ended = 0;
    for (visitor, clicks) in by_key(example.records("clicks.jsonl").unwrap()) {
        let time = |click: &Value| number(click, "timestamp");
        let mut sessions: Vec<&[Value]> = clicks.chunk_by(|a, b| time(b) - time(a) <= 30 * 60_000).collect();
        // No click came that would have ended it.
        sessions.pop();
        let expected: Vec<Value> = sessions.iter().map(|clicks| session(clicks)).collect();
        assert_eq!(found.get(&visitor).map(Vec::as_slice).unwrap_or_default(), expected, "{visitor}");
        ended += expected.len();
    }
    assert!(ended > 100, "only {ended} sessions ended");
}

fn session(clicks: &[Value]) -> Value {
    let mut pages = BTreeMap::<&str, u64>::new();
    clicks.iter().for_each(|click| *pages.entry(click["page"].as_str().unwrap()).or_default() += 1);
    let (start, end) = (&clicks[0]["timestamp"], &clicks[clicks.len() - 1]["timestamp"]);
    json!({"start": start, "end": end, "clicks": clicks.len(), "pages": pages, "timestamp": end})
}

#[test]
fn dead_letters_come_back_once_the_rate_is_given() {
    let example = Example::new("dead-letters", &[("./convert", "dead_letters_convert")]).unwrap();
    example.generate("payments.jsonl", &[]).unwrap();
    let places = ["--input", "payments=payments.jsonl", "--output", "converted=converted.jsonl"];
    let run = [&["run", "topology.yaml"], &places[..], &["--data", "data"]].concat();
    let dead = || {
        let list = ["dlq", "list", "--data", "data", "--code", "no-rate", "--output-format", "json"];
        example.invoker(&list).unwrap().lines().count()
    };
    let payments = example.records("payments.jsonl").unwrap();
    let francs = payments.iter().filter(|(_, payment)| payment["currency"] == "CHF").count();
    assert!(francs > 10);

    example.invoker(&run).unwrap();
    assert_eq!(dead(), francs);
    let topology = std::fs::read_to_string(example.path("topology.yaml")).unwrap();
    let given = topology.replace("          USD: 0.92\n", "          USD: 0.92\n          CHF: 1.07\n");
    assert_ne!(given, topology);
    std::fs::write(example.path("topology.yaml"), given).unwrap();
    let replay = ["dlq", "replay", "--data", "data", "--code", "no-rate"];
    // Each is sent once, however often one asks.
    (0..2).for_each(|_| drop(example.invoker(&replay).unwrap()));
    example.invoker(&run).unwrap();
    assert_eq!(dead(), 0);

    let mut totals = BTreeMap::<String, u64>::new();
    for (account, payment) in &payments {
        let rate = match payment["currency"].as_str().unwrap() {
            "EUR" => 100,
            "USD" => 92,
            _ => 107,
        };
        // Rounded half up, without fractions.
        *totals.entry(account.clone()).or_default() += (number(payment, "cents") as u64 * rate + 50) / 100;
    }
    let converted = by_key(example.records("converted.jsonl").unwrap());
    assert_eq!(converted.values().map(Vec::len).sum::<usize>(), payments.len());
    let last = |values: &Vec<Value>| values.iter().map(|value| number(value, "total") as u64).max();
    let found: BTreeMap<_, _> =
        converted.iter().map(|(key, all)| (key.clone(), last(all).unwrap())).collect();
    assert_eq!(found, totals);
}

#[test]
fn a_log_becomes_requests_and_failures() {
    let example = Example::new("httplog", &[("./parse-ts", "httplog-parse-ts")]).unwrap();
    example.generate("access.log", &[("events", "3000")]).unwrap();
    let outputs = ["--output", "requests=requests.jsonl", "--output", "errors=errors.jsonl"];
    example
        .invoker(&[&["run", "topology.yaml", "--input", "lines=access.log"], &outputs[..]].concat())
        .unwrap();

    let log = std::fs::read_to_string(example.path("access.log")).unwrap();
    let whole: Vec<&str> = log.lines().filter(|line| line.ends_with('"')).collect();
    assert!(whole.len() < 3000);
    let mut expected = BTreeMap::<(String, i64), usize>::new();
    for line in &whole {
        let words: Vec<&str> = line.split(' ').collect();
        let path = words[6].split('?').next().unwrap();
        *expected.entry((path.to_owned(), words[8].parse().unwrap())).or_default() += 1;
    }
    let count = |file: &str| {
        let mut all = BTreeMap::<(String, i64), usize>::new();
        for (path, request) in example.records(file).unwrap() {
            *all.entry((path, number(&request, "status"))).or_default() += 1;
        }
        all
    };
    assert_eq!(count("requests.jsonl"), expected);
    expected.retain(|(_, status), _| *status == 503);
    assert!(!expected.is_empty());
    assert_eq!(count("errors.jsonl"), expected);
}

#[test]
fn each_readme_can_be_followed() {
    let functions = [
        ("fraud", "./score", "fraud_score"),
        ("sessions", "./sessions", "clickstream_sessions"),
        ("orders", "./join", "orders_join"),
        ("dead-letters", "./convert", "dead_letters_convert"),
        ("httplog", "./parse-ts", "httplog-parse-ts"),
    ];
    for (name, folder, guest) in functions {
        let example = Example::new(name, &[(folder, guest)]).unwrap();
        let typed = example.follow_readme().unwrap();
        assert!(typed > 0, "the README of {name} has no command");
    }
}
