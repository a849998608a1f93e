//! Inputs against the embedded log on disk.

use std::io::Write;
use std::path::Path;

use invoker_host::db::Durability;
use invoker_host::log::{TopicPartition, TopicSpec};

use super::*;
use crate::data::Data;
use crate::reader;

const PARTITIONS: u32 = 3;

/// A data directory that lives as long as the second thing returned. (In memory, records that nobody waits for go.)
fn data() -> (Data, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = Data::open(dir.path(), Durability::Process).unwrap();
    let spec = TopicSpec { name: "lines".to_owned(), partitions: PARTITIONS, ..TopicSpec::default() };
    data.log.topics().create(&spec).unwrap();
    (data, dir)
}

fn context(data: &Data) -> FeedContext {
    FeedContext {
        log: Arc::clone(&data.log),
        names: "invoker-run.default.test".to_owned(),
        keep: true,
        follow: false,
        consumed: Arc::new(Mutex::new(vec!["lines".to_owned()])),
        behind: Arc::default(),
        stop: Arc::default(),
    }
}

fn input(path: &Path) -> Input {
    Input { topic: "lines".to_owned(), source: InputSource::Path(path.to_owned()), format: None }
}

/// Reads the input to its end.
fn feed(data: &Data, path: &Path) -> InputState {
    let feed = Feed::start(0, input(path), context(data)).unwrap();
    let progress = Arc::clone(&feed.progress);
    feed.join();
    progress.state()
}

/// Values in one partition.
fn values_of(data: &Data, partition: u32) -> Vec<Vec<u8>> {
    let mut values = Vec::new();
    let place = TopicPartition { topic: "lines".to_owned(), partition };
    let take = |_: &crate::records::Meta<'_>, record: invoker_core::records::RecordRef<'_>| {
        values.push(record.value.unwrap_or_default().to_vec());
        Ok(true)
    };
    reader::read(&*data.log, &place, 0, take).unwrap();
    values
}

/// Values in the log, those of partition 0 first.
fn values(data: &Data) -> Vec<Vec<u8>> {
    (0..PARTITIONS).flat_map(|partition| values_of(data, partition)).collect()
}

fn texts(data: &Data) -> Vec<String> {
    let mut texts: Vec<_> =
        values(data).into_iter().map(|value| String::from_utf8_lossy(&value).into_owned()).collect();
    texts.sort();
    texts
}

fn failure(state: InputState) -> String {
    match state {
        InputState::Failed(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_restart_goes_on_behind_the_last_record() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.txt");
    std::fs::write(&path, "one\ntwo\r\n\nlast").unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    assert_eq!(feed(&data, &path), InputState::Ended);
    assert_eq!(texts(&data), ["", "last", "one", "two"]);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"\nmore\n").unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    assert_eq!(texts(&data), ["", "", "last", "more", "one", "two"]);
}

#[test]
fn an_input_waits_while_entities_are_far_behind() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.txt");
    std::fs::write(&path, "x\n".repeat(100_000)).unwrap();
    let context = context(&data);
    let behind = Arc::clone(&context.behind);
    behind.store(BACKLOG_RECORDS + 1, Ordering::Relaxed);
    let feed = Feed::start(0, input(&path), context).unwrap();
    while feed.progress.state() != InputState::HeldBack {
        std::thread::yield_now();
    }
    assert!(feed.progress.records() < 100_000);
    behind.store(0, Ordering::Relaxed);
    let progress = Arc::clone(&feed.progress);
    feed.join();
    assert_eq!((progress.state(), progress.records()), (InputState::Ended, 100_000));
}

#[test]
fn an_empty_file_has_no_records() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.txt");
    std::fs::write(&path, "").unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    assert!(values(&data).is_empty());
}

#[test]
fn a_shrunk_file_is_an_error_and_adds_nothing() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.txt");
    std::fs::write(&path, "one\ntwo\n").unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    std::fs::write(&path, "one\n").unwrap();
    let error = failure(feed(&data, &path));
    assert!(error.contains("has shrunk") && error.contains("up to byte 8 and has 4 now"), "{error}");
    assert_eq!(texts(&data), ["one", "two"]);
}

#[test]
fn bytes_that_are_not_text_and_a_line_of_50_mb_pass() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.bin");
    let mut long = vec![b'x'; 50_000_000];
    let mut text = b"\xff\xfe\x00\n".to_vec();
    text.append(&mut long.clone());
    std::fs::write(&path, &text).unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    let values = values(&data);
    assert_eq!(values.len(), 2);
    assert_eq!(values[0], b"\xff\xfe\x00");
    assert!(values[1] == long);
    long.clear();
}

#[test]
fn what_stands_in_front_of_a_wrong_line_is_kept() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.jsonl");
    std::fs::write(&path, "{\"value\":\"one\"}\n\nnonsense\n{\"value\":\"two\"}\n").unwrap();
    for _ in 0..2 {
        let error = failure(feed(&data, &path));
        assert!(
            error.contains("error: line 3 of input") && error.contains("a.jsonl\" is not a record"),
            "{error}"
        );
        assert!(error.contains("why: expected ident at column 2"), "{error}");
        assert_eq!(texts(&data), ["one"]);
    }
}

#[test]
fn a_mended_line_goes_on_where_it_failed() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.jsonl");
    std::fs::write(&path, "{\"value\":\"one\"}\nnonsense\n").unwrap();
    failure(feed(&data, &path));
    std::fs::write(&path, "{\"value\":\"one\"}\n{\"value\":\"two\"}\n").unwrap();
    assert_eq!(feed(&data, &path), InputState::Ended);
    assert_eq!(texts(&data), ["one", "two"]);
}

#[test]
fn a_folder_is_read_in_the_order_of_names() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    for (name, text) in
        [("b.txt", "2\n"), ("a.jsonl", "{\"value\":\"1\"}\n"), ("c", "3"), (".hidden", "no\n")]
    {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    assert_eq!(feed(&data, dir.path()), InputState::Ended);
    // Each file starts with the same partition: their order shows in the log.
    assert_eq!(values(&data), [b"1", b"2", b"3"]);
    std::fs::write(dir.path().join("d.txt"), "4\n").unwrap();
    assert_eq!(feed(&data, dir.path()), InputState::Ended);
    assert_eq!(values(&data), [b"1", b"2", b"3", b"4"]);
}

#[test]
fn records_without_key_are_spread_and_others_go_by_key() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("a.txt");
    std::fs::write(&path, "x\n".repeat(1000)).unwrap();
    feed(&data, &path);
    let counts: Vec<usize> = (0..PARTITIONS).map(|partition| values_of(&data, partition).len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 1000);
    assert!(counts.iter().all(|&count| count >= 232), "{counts:?}");

    let path = dir.path().join("b.jsonl");
    std::fs::write(&path, "{\"key\":\"foobar\",\"value\":\"keyed\"}\n").unwrap();
    feed(&data, &path);
    let partition = invoker_core::partitioner::partition_of(b"foobar", PARTITIONS);
    assert_eq!(values_of(&data, partition).last().unwrap(), b"keyed");
}

#[test]
fn a_followed_folder_gives_new_files_and_whole_lines_only() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    std::fs::write(dir.path().join("a.txt"), "one\nhal").unwrap();
    let context = FeedContext { follow: true, ..context(&data) };
    let stop = Arc::clone(&context.stop);
    let feed = Feed::start(0, input(dir.path()), context).unwrap();
    let progress = Arc::clone(&feed.progress);
    let wait_for = |records| {
        while progress.records() < records && !feed.is_finished() {
            std::thread::yield_now();
        }
    };
    wait_for(1);
    assert_eq!(texts(&data), ["one"]);
    std::fs::OpenOptions::new()
        .append(true)
        .open(dir.path().join("a.txt"))
        .unwrap()
        .write_all(b"f\n")
        .unwrap();
    std::fs::write(dir.path().join("b.txt"), "two\n").unwrap();
    wait_for(3);
    assert_eq!(texts(&data), ["half", "one", "two"]);
    stop.store(true, Ordering::Relaxed);
    feed.join();
    assert_eq!(progress.state(), InputState::CutShort);
}
