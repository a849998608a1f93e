//! The call in hand, shared by a function's outputs and states: which record is being done, and what was sent so far.

use crate::outputs::Outputs;
use std::cell::{Cell, RefCell};

/// Shared by the handles of one instance.
#[derive(Debug)]
pub(crate) struct Call {
    /// Index of the record being done.
    pub(crate) record: Cell<u32>,
    /// Index of its key; -1 = none.
    pub(crate) key: Cell<i32>,
    pub(crate) outputs: RefCell<Outputs>,
}

/// Stands for "between records" in [`Call::record`].
pub(crate) const NO_RECORD: u32 = u32::MAX;

thread_local! {
    /// The same for log lines and panics, which know no instance.
    static RECORD: Cell<u32> = const { Cell::new(NO_RECORD) };
}

/// Index of the record being done on this thread.
pub(crate) fn current_record() -> Option<u32> {
    Some(RECORD.get()).filter(|&record| record != NO_RECORD)
}

impl Call {
    pub(crate) fn new(outputs: Outputs) -> Self {
        Self { record: Cell::new(NO_RECORD), key: Cell::new(-1), outputs: RefCell::new(outputs) }
    }

    /// Begins with a record.
    #[inline]
    pub(crate) fn enter(&self, record: u32, key: i32) {
        self.record.set(record);
        self.key.set(key);
        RECORD.set(record);
        self.outputs.borrow_mut().enter(record);
    }

    /// Ends the last record: from here on nothing belongs to one.
    pub(crate) fn leave(&self) {
        self.record.set(NO_RECORD);
        self.key.set(-1);
        RECORD.set(NO_RECORD);
    }
}
