//! Commands that go to Redis together, packed as they are sent.

use std::ops::Range;

use redis::Cmd;

#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    slots: Vec<u16>,
}

impl Batch {
    pub(super) fn push(&mut self, slot: u16, command: &Cmd) {
        command.write_packed_command(&mut self.bytes);
        self.ends.push(self.bytes.len());
        self.slots.push(slot);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn slot(&self, command: usize) -> u16 {
        self.slots.get(command).copied().unwrap_or_default()
    }

    fn range(&self, command: usize) -> Range<usize> {
        let start = command.checked_sub(1).and_then(|before| self.ends.get(before)).copied();
        start.unwrap_or_default()..self.ends.get(command).copied().unwrap_or_default()
    }

    pub(super) fn bytes(&self, command: usize) -> &[u8] {
        self.bytes.get(self.range(command)).unwrap_or_default()
    }

    /// The bytes of these commands in pieces: as they rise, neighbours go in one.
    pub(super) fn pieces<'a>(&'a self, commands: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
        commands.chunk_by(|a, b| a + 1 == *b).filter_map(|run| {
            let (first, last) = (self.range(*run.first()?), self.range(*run.last()?));
            self.bytes.get(first.start..last.end)
        })
    }
}
