//! The SDKs and the contract, as they travel in this binary: many files in one text, each behind a line
//! `-- path --`.
//!
//! `sdk.txtar` is made from `sdk/` and `wit/`, and a test holds it to them:
//! `INVOKER_BLESS=1 cargo test -p invoker --test vendored` writes it anew.

const TEXT: &str = include_str!("sdk.txtar");

/// Path and text of every file.
pub(super) fn files() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut rest = TEXT;
    std::iter::from_fn(move || {
        let (head, behind) = rest.split_once('\n')?;
        let path = head.strip_prefix("-- ")?.strip_suffix(" --")?;
        let end = behind.find("\n-- ").map_or(behind.len(), |at| at + 1);
        let (text, next) = behind.split_at(end);
        rest = next;
        Some((path, text))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_found_whole() {
        let all: Vec<_> = files().collect();
        assert!(all.iter().any(|(path, text)| *path == "sdk/src/lib.rs" && text.contains("pub mod prelude")));
        assert!(all.iter().any(|(path, _)| *path == "js/index.js"));
        let bytes: usize = all.iter().map(|(path, text)| path.len() + text.len() + "--  --\n".len()).sum();
        assert_eq!(bytes, TEXT.len());
    }
}
