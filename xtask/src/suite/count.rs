//! Counts tests from what `cargo test` and `node --test` print.

use std::fmt;
use std::ops::AddAssign;

/// Tests that ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Count {
    /// What a line adds: the result of one test binary, a total of node, or nothing.
    pub(super) fn of(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else { return Self::of_node(line) };
        let number = |unit: &str| {
            let parts = result.split(['.', ';']).map(str::trim);
            parts.filter_map(|part| part.strip_suffix(unit)?.trim().parse().ok()).next().unwrap_or(0)
        };
        Self { passed: number("passed"), failed: number("failed"), ignored: number("ignored") }
    }

    /// Node ends with a line for each total, such as `# pass 3`; the mark in front depends on its version.
    fn of_node(line: &str) -> Self {
        let total = ["# ", "\u{2139} "].iter().find_map(|mark| line.strip_prefix(mark)?.split_once(' '));
        let number = |name: &str| {
            total.filter(|(found, _)| *found == name).and_then(|(_, number)| number.parse().ok()).unwrap_or(0)
        };
        Self { passed: number("pass"), failed: number("fail"), ignored: number("skipped") }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 {
            write!(formatter, ", {} skipped", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_several_binaries_add_up() {
        let mut count = Count::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 2.00s",
        ] {
            count += Count::of(line);
        }
        assert_eq!(count.to_string(), "14 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn the_totals_of_node_add_up() {
        let mut count = Count::default();
        for line in ["# tests 5", "# pass 3", "\u{2139} pass 1", "# fail 1", "# skipped 2", "# passing 9"] {
            count += Count::of(line);
        }
        assert_eq!(count.to_string(), "4 passed, 1 failed, 2 skipped");
    }

    #[test]
    fn a_line_that_a_test_prints_counts_nothing() {
        assert_eq!(Count::of("it said test result: ok. 5 passed; 0 failed"), Count::default());
    }
}
