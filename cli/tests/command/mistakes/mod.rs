//! Mistakes that an author can make, each with the whole message that it gets. `docs/mistakes.md` holds them, and each
//! row here is held to what stands there: `INVOKER_BLESS=1 cargo test -p invoker --test command mistakes` writes it anew.
//! Owns the page and how a message is written down; the mistakes themselves are in the modules below.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::invocation::{Ended, Folder, guest};

/// One mistake: makes it in an empty folder, and says what came of it.
pub(super) struct Mistake {
    name: &'static str,
    /// What was done, as its heading in the page.
    title: &'static str,
    /// What is typed.
    typed: &'static str,
    make: fn(&Folder) -> Ended,
    /// Lines of the message that count, where the rest is another tool's; none = all of it.
    lines: &'static [&'static str],
}

/// A list of mistakes, and a test for each.
macro_rules! mistakes {
    ($($name:ident: $title:literal, $typed:literal, $make:expr $(, shows $lines:expr)?;)*) => {
        pub(super) const ALL: &[crate::mistakes::Mistake] = &[$(crate::mistakes::Mistake {
            name: stringify!($name),
            title: $title,
            typed: $typed,
            make: $make,
            lines: mistakes!(@lines $($lines)?),
        }),*];

        mod tests {
            $(#[test]
            fn $name() {
                crate::mistakes::holds(super::ALL, stringify!($name));
            })*
        }
    };
    (@lines) => { &[] };
    (@lines $lines:expr) => { &$lines };
}

// Behind the macro that they use.
mod build;
mod cases;
mod code;
mod input;
mod topology;

const HEAD: &str = "\
# Mistakes, and what is said about them

What an author can do wrong, and the whole message that comes of it: what, why, and what to do. Each section is a test,
which makes the mistake and compares: `INVOKER_BLESS=1 cargo test -p invoker --test command mistakes` writes this page anew.
The number is the exit code, see [exit-codes.md](exit-codes.md). `…/` stands for the folder of the project.
";

const GROUPS: [(&str, &[Mistake]); 5] = [
    ("In the code", code::ALL),
    ("In building and looking", build::ALL),
    ("In cases", cases::ALL),
    ("In the topology", topology::ALL),
    ("In inputs, outputs and the command line", input::ALL),
];

fn page() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/mistakes.md"))
}

fn blesses() -> bool {
    std::env::var_os("INVOKER_BLESS").is_some()
}

/// What is printed equals what stands in the page.
#[track_caller]
pub(super) fn holds(mistakes: &[Mistake], name: &str) {
    let section = section(mistakes.iter().find(|mistake| mistake.name == name).unwrap());
    if !blesses() {
        let page = std::fs::read_to_string(page()).unwrap();
        assert!(page.contains(&section), "docs/mistakes.md says otherwise:\n{section}");
    }
}

/// A mistake as the page shows it. What is no message of ours is an error of the test.
fn section(mistake: &Mistake) -> String {
    let folder = Folder::new();
    let ended = (mistake.make)(&folder);
    let text = format!("{}{}", ended.out, ended.err);
    let told = if mistake.lines.is_empty() {
        whole(&text, &folder)
    } else {
        for line in mistake.lines {
            assert!(text.contains(line), "{line:?} is not in {ended:?}");
        }
        mistake.lines.join("\n…\n")
    };
    assert!(ended.code > 1 && !text.contains("panicked at cli"), "{ended:?}");
    format!(
        "### {}\n\n`{}` ends with {}:\n\n```text\n{told}\n```\n",
        mistake.title, mistake.typed, ended.code
    )
}

/// All that was said, from the error on, without what differs from machine to machine.
fn whole(text: &str, folder: &Folder) -> String {
    let from = ["FAIL ", "error: "].iter().filter_map(|start| text.find(start)).min().unwrap_or(0);
    let text = text.get(from..).unwrap_or_default();
    let root = folder.path("").canonicalize().unwrap().display().to_string();
    let guests = guest("hostile").with_file_name("").display().to_string();
    let text = text.replace(&format!("{root}/"), "…/").replace(&root, "…");
    text.replace(&guests, "…/").trim_end().to_owned()
}

#[test]
fn the_page_has_every_mistake_and_no_other() {
    let all: Vec<&Mistake> = GROUPS.iter().flat_map(|(_, mistakes)| *mistakes).collect();
    assert!(all.len() >= 40, "{}", all.len());
    if blesses() {
        let mut text = HEAD.to_owned();
        for (group, mistakes) in GROUPS {
            write!(text, "\n## {group}\n").unwrap();
            mistakes.iter().for_each(|mistake| write!(text, "\n{}", section(mistake)).unwrap());
        }
        std::fs::write(page(), text).unwrap();
    }
    let text = std::fs::read_to_string(page()).unwrap();
    let titles: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert_eq!(titles, all.iter().map(|mistake| mistake.title).collect::<Vec<_>>());
    assert!(text.starts_with(HEAD));
}
