//! A disk that fills up under `--data`.

use std::fmt::Write as _;
use std::process::Command;

use crate::invocation::{Folder, ended};

/// Runs a script in a mount namespace of its own, so that it can have small disks.
fn with_mounts(folder: &Folder, script: &str) -> Command {
    let like = folder.command(&[]);
    let mut command = Command::new("unshare");
    // A user who may not mount may in a user namespace.
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-euc",
        script,
        "sh",
        env!("CARGO_BIN_EXE_invoker"),
    ]);
    command.current_dir(like.get_current_dir().unwrap());
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_with_room_again_each_record_has_counted_once() {
    let folder = Folder::with_word_count();
    let mut lines = String::new();
    for line in 0..200_000 {
        writeln!(lines, "line {line} has words of its own like {} and {}", line * 7, line * 13).unwrap();
    }
    folder.write("in.txt", &lines);
    std::fs::create_dir(folder.path("disk")).unwrap();
    let script = r#"
        run() { "$1" run topology.yaml --input lines=in.txt --data disk/data --output counts=counts.txt --output-records key-value; }
        mount -t tmpfs -o size=80m tmpfs disk
        code=0
        run "$1" || code=$?
        echo "exit $code" >&2
        mount -o remount,size=2g disk
        run "$1"
    "#;
    let ended = ended(with_mounts(&folder, script).output().expect("`unshare` of util-linux"));
    assert_eq!(ended.code, 0, "{ended:?}");
    // 6 where it was the feed of the input that found the disk full, 7 where a lane did.
    let told = ["exit 6\n", "exit 7\n"].iter().find_map(|exit| ended.err.split_once(exit));
    let (told, _) = told.unwrap_or_else(|| panic!("it did not end for want of room: {ended:?}"));
    assert!(told.contains("the disk is full") && told.contains("start again"), "{told}");
    let counts = folder.read("counts.txt");
    assert_eq!(counts.lines().count(), lines.split_whitespace().count());
    let has = counts.lines().filter_map(|line| line.strip_prefix("has\t"));
    assert!(
        has.map(|count| count.parse::<u64>().unwrap()).eq(1..=200_000),
        "each `has` counts once, in order"
    );
}
