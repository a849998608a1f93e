//! What is found while a document is read.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::topology::problem::Problem;

/// What was found on the way.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) source: String,
    pub(super) problems: RefCell<Vec<Problem>>,
    /// Paths of values that could not be read.
    pub(super) left_out: RefCell<BTreeSet<String>>,
}

impl Notes {
    pub(super) fn add(&self, problem: Option<Problem>) {
        let mut problems = self.problems.borrow_mut();
        if let Some(problem) = problem.filter(|problem| !problems.contains(problem)) {
            problems.push(problem);
        }
    }

    pub(super) fn skips(&self, path: &str) -> bool {
        self.left_out.borrow().contains(path)
    }
}
