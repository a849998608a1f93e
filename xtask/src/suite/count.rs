//! Counts tests from what `cargo test` prints.

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
    /// What a line of `cargo test` adds: the result of one test binary, or nothing.
    pub(super) fn of(line: &str) -> Self {
        let Some(result) = line.strip_prefix("test result: ") else { return Self::default() };
        let number = |unit: &str| {
            let parts = result.split(['.', ';']).map(str::trim);
            parts.filter_map(|part| part.strip_suffix(unit)?.trim().parse().ok()).next().unwrap_or(0)
        };
        Self { passed: number("passed"), failed: number("failed"), ignored: number("ignored") }
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
    fn a_line_that_a_test_prints_counts_nothing() {
        assert_eq!(Count::of("it said test result: ok. 5 passed; 0 failed"), Count::default());
    }
}
