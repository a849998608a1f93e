//! Names that a function may have: those that Cargo, npm and a topology all take.

use std::path::Path;

use crate::error::{Error, Exit};

const LONGEST: usize = 63;

/// Words that Rust, Cargo or YAML have a meaning for.
const TAKEN: &str = "abstract alloc as async await become box break const continue core crate do dyn else enum extern false \
                     final fn for gen if impl in invoker-sdk let loop macro match mod move mut null override priv proc-macro \
                     pub ref return self serde static std struct super test trait true try type typeof unsafe unsized use \
                     virtual where while yield";

/// The last part of a path, if it can be the name of a function.
pub(super) fn of(path: &Path) -> Result<String, Error> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match problem(&name) {
        None => Ok(name),
        Some(why) => {
            let help = match suggestion(&name) {
                Some(better) => format!("name it {better:?}"),
                None => "name it after what it does, such as \"split\"".to_owned(),
            };
            Err(Error::new(Exit::Usage, format!("a function cannot be named {name:?}"), why, help))
        }
    }
}

fn problem(name: &str) -> Option<String> {
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("a name begins with a lower-case letter".to_owned());
    }
    if let Some(c) = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
        return Some(format!("a name has lower-case letters, digits and `-`, and this has {c:?}"));
    }
    if name.ends_with('-') || name.contains("--") {
        return Some("`-` stands alone, between letters or digits".to_owned());
    }
    if name.len() > LONGEST {
        return Some(format!("a name has at most {LONGEST} characters, and this has {}", name.len()));
    }
    TAKEN
        .split_whitespace()
        .any(|taken| taken == name)
        .then(|| "the word has a meaning of its own".to_owned())
}

/// The nearest name that is allowed.
fn suggestion(name: &str) -> Option<String> {
    let mut better = String::new();
    for c in name.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || (c.is_ascii_digit() && !better.is_empty()) => better.push(c),
            _ if better.is_empty() || better.ends_with('-') => {}
            _ => better.push('-'),
        }
    }
    better.truncate(LONGEST);
    let mut better = better.trim_end_matches('-').to_owned();
    if better == name {
        better.push_str("-function");
    }
    problem(&better).is_none().then_some(better)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_a_path_is_the_name() {
        assert_eq!(of(Path::new("a/word-split2")).unwrap(), "word-split2");
    }

    #[test]
    fn names_that_some_tool_refuses_are_refused_with_a_better_one() {
        let told = |name: &str| of(Path::new(name)).unwrap_err().to_string();
        assert!(told("Word_Split").contains("name it \"word-split\""));
        assert!(told("2x").contains("begins with a lower-case letter") && told("2x").contains("\"x\""));
        assert!(told("größe").contains("this has 'ö'"));
        assert!(told("type").contains("a meaning of its own") && told("type").contains("\"type-function\""));
        assert!(told("a--b").contains("stands alone"));
        assert!(told(&"x".repeat(64)).contains("at most 63"));
        assert!(told("..").contains("cannot be named \"\""));
    }
}
