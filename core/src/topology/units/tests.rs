use super::*;

fn why<T: FromStr<Err = String> + fmt::Debug>(text: &str) -> String {
    text.parse::<T>().unwrap_err()
}

#[test]
fn durations_and_sizes_read_as_written() {
    assert_eq!("100ms".parse(), Ok(Millis(100)));
    assert_eq!("5m".parse(), Ok(Millis(300_000)));
    assert_eq!("64MiB".parse(), Ok(Bytes(64 << 20)));
    assert_eq!("0B".parse(), Ok(Bytes(0)));
}

#[test]
fn amounts_are_shown_in_their_largest_whole_unit() {
    assert_eq!(Millis(90_000).to_string(), "90s");
    assert_eq!(Millis(86_400_000).to_string(), "1d");
    assert_eq!(Millis(0).to_string(), "0ms");
    assert_eq!(Bytes(1536).to_string(), "1536B");
    assert_eq!(Bytes(64 << 20).to_string(), "64MiB");
}

#[test]
fn an_amount_without_a_unit_is_refused() {
    let form = "a duration is a whole number and one of ms, s, m, h, d, without a space";
    assert_eq!(why::<Millis>("100"), format!("\"100\" is not a duration; {form}; write e.g. 100ms or 5s"));
    assert_eq!(
        why::<Millis>("100 ms"),
        format!("\"100 ms\" is not a duration; {form}; did you mean \"100ms\"?")
    );
    assert_eq!(why::<Millis>("ms"), format!("\"ms\" is not a duration; {form}; write e.g. 100ms or 5s"));
    assert_eq!(
        why::<Millis>("99999999999999999999d"),
        format!("\"99999999999999999999d\" is too large; {form}; write a smaller number")
    );
}

#[test]
fn other_spellings_of_a_size_are_named_with_the_right_one() {
    let form = "a size is a whole number and one of B, KiB, MiB, GiB, without a space";
    for text in ["64Mi", "64mib", "64 MiB"] {
        assert_eq!(why::<Bytes>(text), format!("{text:?} is not a size; {form}; did you mean \"64MiB\"?"));
    }
    assert_eq!(why::<Bytes>("64MB"), format!("\"64MB\" is not a size; {form}; write e.g. 64MiB"));
    assert_eq!(why::<Bytes>("1.5GiB"), format!("\"1.5GiB\" is not a size; {form}; write e.g. 64MiB"));
}

#[test]
fn partition_ranges_include_both_ends() {
    let range: PartitionRange = "2-4".parse().unwrap();
    assert_eq!(range.partitions().collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!("7".parse(), Ok(PartitionRange { first: 7, last: 7 }));
    assert_eq!(
        why::<PartitionRange>("4-2"),
        "\"4-2\" is not a range of partitions; it ends before it begins; did you mean \"2-4\"?"
    );
    for text in ["", "-", "1-", "-3", "a", "1-2-3", "1..2", "+1"] {
        assert!(why::<PartitionRange>(text).contains("write e.g. \"0-2\", or 3 for one partition"), "{text}");
    }
}

#[test]
fn start_positions_read_in_four_forms() {
    let start = |text: &str| text.parse::<Start>().map(|start| start.0);
    assert_eq!(start("earliest"), Ok(StartPosition::Earliest));
    assert_eq!(start("latest"), Ok(StartPosition::Latest));
    assert_eq!(start("timestamp:1970-01-01T00:00:01Z"), Ok(StartPosition::Timestamp(1000)));
    assert_eq!(start("timestamp:1500"), Ok(StartPosition::Timestamp(1500)));
    assert_eq!(start("offsets:0=120, 3=7"), Ok(StartPosition::Offsets([(0, 120), (3, 7)].into())));
}

#[test]
fn a_wrong_start_position_says_which_part() {
    let whole = |text: &str, why: &str| format!("{text:?} is not a start position; {why}; {START_FORMS}");
    assert_eq!(why::<Start>("erliest"), whole("erliest", "its first word is not known"));
    assert_eq!(why::<Start>("offsets:0"), whole("offsets:0", "\"0\" is not partition=offset"));
    assert_eq!(why::<Start>("offsets:0=1,0=2"), whole("offsets:0=1,0=2", "partition 0 stands there twice"));
    let time = "timestamp:2026-13-01T00:00:00Z";
    assert_eq!(why::<Start>(time), whole(time, "the time is neither RFC 3339 nor milliseconds since 1970"));
}

#[test]
fn text_forms_survive_a_round_trip() {
    for text in ["earliest", "timestamp:12", "offsets:0=120,1=98"] {
        assert_eq!(text.parse::<Start>().unwrap().to_string(), text);
    }
    let json =
        serde_json::to_string(&(Millis(5000), Bytes(1 << 20), PartitionRange { first: 0, last: 2 })).unwrap();
    assert_eq!(json, r#"["5s","1MiB","0-2"]"#);
    assert_eq!(serde_json::from_str::<(Millis, Bytes, PartitionRange)>(&json).unwrap().1, Bytes(1 << 20));
}
