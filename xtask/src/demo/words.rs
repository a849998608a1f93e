//! Counting words without Invoker, and comparing with what Invoker counted.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// How often each word was seen.
pub(super) type Counts = HashMap<Vec<u8>, u64>;

/// A word whose counts differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    word: Vec<u8>,
    expected: u64,
    found: u64,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = String::from_utf8_lossy(&self.word);
        write!(formatter, "'{word}' is there {} times, and was counted {} times", self.expected, self.found)
    }
}

/// The words of a line, as `examples/wordcount/split` finds them: letters and digits of ASCII without a gap,
/// in lower case.
fn words(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    line.split(|byte| !byte.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(<[u8]>::to_ascii_lowercase)
}

/// Counts the words of a file.
pub(super) fn count(path: &Path) -> Result<Counts> {
    let mut counts = Counts::new();
    each_line(path, |line| {
        for word in words(line) {
            *counts.entry(word).or_default() += 1;
        }
        Ok(())
    })?;
    Ok(counts)
}

/// Reads what Invoker wrote: a line `word<tab>count` for every time that a word was counted. Each has to be one
/// more than the one before, which no line can be that is missing or there twice.
pub(super) fn read_counts(path: &Path) -> Result<Counts> {
    let mut counts = Counts::new();
    each_line(path, |line| {
        let (word, count) = update(line).with_context(|| {
            format!("expected a word, a tab and a count, found '{}'", line.escape_ascii())
        })?;
        if !counts.contains_key(word) {
            counts.insert(word.to_vec(), 0);
        }
        let last = counts.get_mut(word).context("a word that was just put there")?;
        ensure!(count == *last + 1, "the count of '{}' goes from {last} to {count}", word.escape_ascii());
        *last = count;
        Ok(())
    })?;
    Ok(counts)
}

fn update(line: &[u8]) -> Option<(&[u8], u64)> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (word, count) = line.split_at_checked(tab)?;
    Some((word, std::str::from_utf8(count).ok()?.trim_start().parse().ok()?))
}

/// Every word whose count differs, those missing on either side among them, in the order of the words.
pub(super) fn differences(expected: &Counts, found: &Counts) -> Vec<Difference> {
    let mut both: BTreeMap<&[u8], (u64, u64)> = BTreeMap::new();
    for (word, count) in expected {
        both.entry(word).or_default().0 = *count;
    }
    for (word, count) in found {
        both.entry(word).or_default().1 = *count;
    }
    both.into_iter()
        .filter(|(_, (expected, found))| expected != found)
        .map(|(word, (expected, found))| Difference { word: word.to_vec(), expected, found })
        .collect()
}

/// The `most` frequent words; of those equally frequent, the first in order.
pub(super) fn top(counts: &Counts, most: usize) -> Vec<(&[u8], u64)> {
    let mut all: Vec<_> = counts.iter().map(|(word, count)| (word.as_slice(), *count)).collect();
    all.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
    all.truncate(most);
    all
}

fn each_line(path: &Path, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let file = File::open(path).with_context(|| format!("open '{}'", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        each(line.strip_suffix(b"\n").unwrap_or(&line))?;
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&str, u64)]) -> Counts {
        pairs.iter().map(|(word, count)| (word.as_bytes().to_vec(), *count)).collect()
    }

    #[test]
    fn words_are_lower_case_and_end_at_anything_else() {
        let found: Vec<_> = words(b"Don't \xffstop: x86_64!").collect();
        assert_eq!(
            found,
            [b"don".to_vec(), b"t".to_vec(), b"stop".to_vec(), b"x86".to_vec(), b"64".to_vec()]
        );
    }

    #[test]
    fn every_count_is_one_more_than_the_last() {
        let path = std::env::temp_dir().join(format!("invoker-counts-{}", std::process::id()));
        std::fs::write(&path, "a\t1\nb\t1\na\t2\n").expect("written");
        assert_eq!(read_counts(&path).expect("read"), counts(&[("a", 2), ("b", 1)]));
        std::fs::write(&path, "a 1\n").expect("written");
        let error = read_counts(&path).expect_err("no tab");
        assert!(error.to_string().contains("found 'a 1'"), "{error}");
        for (twice, told) in [("a\t1\na\t1\n", "from 1 to 1"), ("a\t1\na\t3\n", "from 1 to 3")] {
            std::fs::write(&path, twice).expect("written");
            let error = read_counts(&path).expect_err("not one more");
            assert!(error.to_string().contains(told), "{error}");
        }
        std::fs::remove_file(path).expect("clean");
    }

    #[test]
    fn words_that_one_side_lacks_differ_too() {
        let differences =
            differences(&counts(&[("a", 1), ("b", 2), ("c", 3)]), &counts(&[("b", 2), ("c", 4), ("d", 1)]));
        let texts: Vec<_> = differences.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "'a' is there 1 times, and was counted 0 times",
                "'c' is there 3 times, and was counted 4 times",
                "'d' is there 0 times, and was counted 1 times",
            ]
        );
    }

    #[test]
    fn the_most_frequent_come_first_and_ties_in_order() {
        let counts = counts(&[("b", 2), ("a", 2), ("c", 9), ("d", 1)]);
        let top = top(&counts, 3);
        assert_eq!(top, [(b"c".as_slice(), 9), (b"a".as_slice(), 2), (b"b".as_slice(), 2)]);
    }
}
