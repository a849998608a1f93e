//! How much the caches of one lane may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that the caches of a lane share. The counts are kept batch by batch, so between batches they are right.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
    uncommitted: AtomicUsize,
    members: AtomicUsize,
}

impl Budget {
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            uncommitted: AtomicUsize::new(0),
            members: AtomicUsize::new(0),
        })
    }

    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes held, overhead included.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Bytes of changes not yet committed.
    pub fn uncommitted(&self) -> usize {
        self.uncommitted.load(Ordering::Relaxed)
    }

    pub fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }

    /// What one cache may hold although the others have filled the budget.
    pub(super) fn share(&self) -> usize {
        self.limit / self.members.load(Ordering::Relaxed).max(1)
    }
}

/// One cache's part of a budget; given back when dropped.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) budget: Arc<Budget>,
    /// What this cache holds now.
    pub(super) used: usize,
    pub(super) uncommitted: usize,
    reported_used: usize,
    reported_uncommitted: usize,
}

impl Account {
    pub(super) fn open(budget: Arc<Budget>) -> Self {
        budget.members.fetch_add(1, Ordering::Relaxed);
        Self { budget, used: 0, uncommitted: 0, reported_used: 0, reported_uncommitted: 0 }
    }

    /// Tells the budget what changed since the last time.
    pub(super) fn report(&mut self) {
        report(&self.budget.used, self.used, &mut self.reported_used);
        report(&self.budget.uncommitted, self.uncommitted, &mut self.reported_uncommitted);
    }

    /// Whether this cache should give something back.
    pub(super) fn exceeded(&mut self) -> bool {
        self.report();
        self.budget.is_exceeded() && self.used > self.budget.share()
    }
}

fn report(total: &AtomicUsize, now: usize, reported: &mut usize) {
    if now > *reported {
        total.fetch_add(now - *reported, Ordering::Relaxed);
    } else if now < *reported {
        total.fetch_sub(*reported - now, Ordering::Relaxed);
    }
    *reported = now;
}

impl Drop for Account {
    fn drop(&mut self) {
        (self.used, self.uncommitted) = (0, 0);
        self.report();
        self.budget.members.fetch_sub(1, Ordering::Relaxed);
    }
}
