//! Bytes of a file or stream into lines. A line ends with `\n` or `\r\n`, which do not belong to it.
//! Owns the buffer and the count of bytes given out; not the file.

use std::io::{self, Read};

/// Bytes asked for at a time.
const CHUNK: usize = 256 * 1024;

/// Lines not yet given out. Grows to hold the longest line, and shrinks again after it.
#[derive(Debug)]
pub(super) struct LineBuffer {
    buffer: Vec<u8>,
    /// First byte not given out.
    start: usize,
    /// Bytes up to here hold no newline (beyond `start`).
    scanned: usize,
    filled: usize,
    /// Where `start` is in the file.
    offset: u64,
}

impl LineBuffer {
    /// An empty buffer in front of byte `offset`.
    pub(super) fn at(offset: u64) -> Self {
        Self { buffer: Vec::new(), start: 0, scanned: 0, filled: 0, offset }
    }

    /// Where the first byte not given out is in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes held that are not given out.
    pub(super) fn held(&self) -> usize {
        self.filled - self.start
    }

    /// Reads once. 0 = the source is at its end for now.
    pub(super) fn fill(&mut self, source: &mut impl Read) -> io::Result<usize> {
        self.make_room();
        loop {
            let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
            match source.read(free) {
                Ok(read) => {
                    self.filled += read;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.filled -= self.start;
            self.scanned -= self.start;
            self.start = 0;
        }
        if self.filled < CHUNK && self.buffer.len() > 4 * CHUNK {
            self.buffer.truncate(2 * CHUNK);
            self.buffer.shrink_to_fit();
        }
        if self.buffer.len() - self.filled < CHUNK {
            self.buffer.resize((2 * self.filled).max(2 * CHUNK), 0);
        }
    }

    /// The next line that has its end.
    pub(super) fn next_line(&mut self) -> Option<&[u8]> {
        let unseen = self.buffer.get(self.scanned..self.filled)?;
        let Some(at) = memchr::memchr(b'\n', unseen) else {
            self.scanned = self.filled;
            return None;
        };
        let (start, end) = (self.start, self.scanned + at);
        self.give(end + 1);
        let line = self.buffer.get(start..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// What is left, as a last line without newline; `None` where nothing is.
    pub(super) fn rest(&mut self) -> Option<&[u8]> {
        let (start, end) = (self.start, self.filled);
        self.give(end);
        self.buffer.get(start..end).filter(|rest| !rest.is_empty())
    }

    fn give(&mut self, up_to: usize) {
        self.offset += (up_to - self.start) as u64;
        self.start = up_to;
        self.scanned = up_to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(mut source: impl Read) -> (Vec<Vec<u8>>, Option<Vec<u8>>, u64) {
        let mut buffer = LineBuffer::at(0);
        let mut lines = Vec::new();
        while buffer.fill(&mut source).unwrap() > 0 {
            while let Some(line) = buffer.next_line() {
                lines.push(line.to_vec());
            }
        }
        let rest = buffer.rest().map(Vec::from);
        (lines, rest, buffer.offset())
    }

    /// Gives one byte at a time, as a slow pipe does.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn both_line_ends_are_cut_and_other_bytes_pass() {
        let text = b"one\r\n\xff\xfe\x00\n\n a\rb \r\r\nlast";
        let expected: Vec<Vec<u8>> =
            [&b"one"[..], b"\xff\xfe\x00", b"", b" a\rb \r"].iter().map(|line| line.to_vec()).collect();
        for (read, rest, offset) in [lines(&text[..]), lines(Drip(text))] {
            assert_eq!(read, expected);
            assert_eq!(rest.as_deref(), Some(&b"last"[..]));
            assert_eq!(offset, text.len() as u64);
        }
    }

    #[test]
    fn an_empty_source_has_no_line() {
        assert_eq!(lines(&b""[..]), (vec![], None, 0));
        assert_eq!(lines(&b"\n"[..]), (vec![vec![]], None, 1));
    }

    #[test]
    fn a_long_line_is_held_whole_and_its_memory_given_back() {
        let mut text = vec![b'x'; 10 * CHUNK];
        text.push(b'\n');
        text.extend_from_slice(&b"y\n".repeat(CHUNK));
        let mut buffer = LineBuffer::at(0);
        let mut source = &text[..];
        while buffer.next_line().is_none() {
            assert!(buffer.fill(&mut source).unwrap() > 0);
        }
        assert_eq!(buffer.offset(), 10 * CHUNK as u64 + 1);
        loop {
            while let Some(line) = buffer.next_line() {
                assert_eq!(line, b"y");
            }
            if buffer.fill(&mut source).unwrap() == 0 {
                break;
            }
        }
        assert!(buffer.buffer.len() <= 4 * CHUNK, "{}", buffer.buffer.len());
        assert_eq!((buffer.offset(), buffer.held()), (text.len() as u64, 0));
    }
}
