//! The guides, followed to the letter: every file in them is written, every command typed, and what they say is printed is
//! looked for. Owns how a guide is read:
//!
//! | block | then |
//! | --- | --- |
//! | `sh` | it is typed; it must succeed |
//! | `text`, behind one of `sh` | each of its lines is in what that printed; `…` stands for anything |
//! | a language and a path | the file is written |

use std::path::Path;
use std::process::Command;

use crate::invocation::{Ended, Folder, ended};
use crate::projects::environment;

/// What stands behind the opening fence, and the lines up to the closing one.
fn blocks(guide: &str) -> Vec<(String, String)> {
    let (mut blocks, mut lines) = (Vec::new(), guide.lines());
    while let Some(kind) = lines.by_ref().find_map(|line| line.strip_prefix("```")) {
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push((kind.to_owned(), text.join("\n") + "\n"));
    }
    blocks
}

/// Types commands; they leave the folder that is gone on from.
fn typed(folder: &Folder, commands: &str) -> Ended {
    let place = folder.path(".place");
    let script = format!("cd \"$(cat {0})\"\nset -e\n{commands}pwd > {0}\n", place.display());
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).current_dir(folder.path("")).stdin(std::process::Stdio::null());
    let bin = Path::new(env!("CARGO_BIN_EXE_invoker")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(bin.to_owned()).chain(std::env::split_paths(&path));
    environment(shell.env("PATH", std::env::join_paths(path).unwrap()));
    ended(shell.output().unwrap())
}

/// Whether a line of a guide is one of what was printed.
fn is_printed(expected: &str, printed: &str) -> bool {
    printed.lines().any(|line| {
        let mut rest = Some(line);
        let parts: Vec<&str> = expected.split('…').collect();
        for (at, part) in parts.iter().enumerate() {
            rest = rest.and_then(|rest| match at {
                0 => rest.strip_prefix(part),
                _ => rest.find(part).and_then(|found| rest.get(found + part.len()..)),
            });
        }
        rest.is_some_and(|rest| rest.is_empty() || parts.len() > 1 && expected.ends_with('…'))
    })
}

/// Ends what a guide that could not be followed to its end left running.
struct Background<'a>(&'a Folder);

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let id = std::fs::read_to_string(self.0.path("registry.pid")).ok();
        let id = id.and_then(|id| rustix::process::Pid::from_raw(id.trim().parse().ok()?));
        if let Some(id) = id {
            // Most of the time it has ended.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
    }
}

/// Follows a guide.
fn follow(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides").join(name);
    let folder = Folder::new();
    folder.write(".place", folder.path("").canonicalize().unwrap().to_str().unwrap());
    let _background = Background(&folder);
    let mut printed = String::new();
    let mut followed = 0;
    for (kind, text) in blocks(&std::fs::read_to_string(path).unwrap()) {
        match (kind.as_str(), kind.split_once(' ')) {
            ("sh", _) => {
                let ended = typed(&folder, &text).succeeded();
                printed = ended.out + &ended.err;
                followed += 1;
            }
            ("text", _) => {
                for line in text.lines() {
                    assert!(is_printed(line, &printed), "{line:?} is not in what was printed:\n{printed}");
                }
            }
            (_, Some((_, file))) => {
                let place = folder.read(".place");
                std::fs::write(Path::new(place.trim()).join(file), text).unwrap();
            }
            (other, None) => panic!("a block of {other:?} means nothing here"),
        }
    }
    assert!(followed > 1, "nothing was typed");
}

#[test]
fn the_first_function_can_be_followed() {
    follow("first-function.md");
}

#[test]
fn state_can_be_followed() {
    follow("state.md");
}

#[test]
fn testing_can_be_followed() {
    follow("testing.md");
}

#[test]
fn failure_handling_can_be_followed() {
    follow("failure-handling.md");
}

#[test]
fn sharing_a_function_can_be_followed() {
    follow("share-a-function.md");
}

#[test]
fn every_guide_is_followed_and_named_in_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let (here, mut guides) = (include_str!("guides.rs"), 0);
    for guide in root.join("docs/guides").read_dir().unwrap() {
        let name = guide.unwrap().file_name().into_string().unwrap();
        assert!(here.contains(&format!("follow(\"{name}\")")), "{name}");
        assert!(readme.contains(&format!("docs/guides/{name}")), "{name}");
        guides += 1;
    }
    assert_eq!(guides, 5);
}

#[test]
fn lines_are_compared_whole() {
    assert!(is_printed("a…c", "x\nabc") && is_printed("…b…", "abc") && is_printed("abc", "abc"));
    assert!(!is_printed("a…c", "abcd") && !is_printed("b", "abc") && !is_printed("…b", "abc"));
}
