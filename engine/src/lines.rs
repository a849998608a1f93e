//! Lines that a function writes, bounded per call, so that a chatty function cannot drown its host.

use std::sync::Arc;

use crate::log::{LogLevel, LogLine};

/// Lines and bytes that one call may write.
const LINES: u32 = 256;
const BYTES: usize = 64 << 10;
/// Longest line; the rest of it is cut off.
const LINE_BYTES: usize = 8 << 10;

/// Takes the lines of one instance and passes on what the budget of the call allows.
pub(crate) struct Lines {
    sink: Arc<dyn Fn(LogLine) + Send + Sync>,
    lines: u32,
    bytes: usize,
    dropped: u64,
    /// Begun lines of standard output and standard error.
    partial: [Vec<u8>; 2],
}

/// A standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standard {
    Output,
    Error,
}

impl Standard {
    fn level(self) -> LogLevel {
        match self {
            Self::Output => LogLevel::Info,
            Self::Error => LogLevel::Warn,
        }
    }
}

impl Lines {
    pub(crate) fn new(sink: Arc<dyn Fn(LogLine) + Send + Sync>) -> Self {
        Self { sink, lines: 0, bytes: 0, dropped: 0, partial: [Vec::new(), Vec::new()] }
    }

    /// One line. What does not fit is counted.
    pub(crate) fn line(&mut self, level: LogLevel, record: Option<u32>, mut message: String) {
        cut(&mut message, LINE_BYTES);
        if self.lines >= LINES || self.bytes + message.len() > BYTES {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        self.bytes += message.len();
        (self.sink)(LogLine { level, record, message });
    }

    /// Bytes written to a standard stream; each full line is a line.
    pub(crate) fn write(&mut self, stream: Standard, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Some(partial) = self.partial.get_mut(stream as usize) else { return };
            let room = LINE_BYTES.saturating_sub(partial.len());
            partial.extend(piece.iter().filter(|&&byte| byte != b'\n').take(room));
            if piece.ends_with(b"\n") {
                self.end_line(stream);
            }
        }
    }

    fn end_line(&mut self, stream: Standard) {
        let Some(partial) = self.partial.get_mut(stream as usize) else { return };
        let text = String::from_utf8_lossy(partial).into_owned();
        partial.clear();
        self.line(stream.level(), None, text);
    }

    /// The call is over: begun lines are passed on, and how many were dropped.
    pub(crate) fn end_call(&mut self) {
        if self.lines == 0 && self.partial.iter().all(Vec::is_empty) {
            return;
        }
        for stream in [Standard::Output, Standard::Error] {
            if self.partial.get(stream as usize).is_some_and(|partial| !partial.is_empty()) {
                self.end_line(stream);
            }
        }
        if self.dropped > 0 {
            let dropped = self.dropped;
            let message = format!(
                "{dropped} more lines of this call were dropped: a call may write {LINES} lines and {BYTES} bytes"
            );
            (self.sink)(LogLine { level: LogLevel::Warn, record: None, message });
        }
        (self.lines, self.bytes, self.dropped) = (0, 0, 0);
    }
}

/// Cuts a text to at most `bytes`, between characters.
pub(crate) fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes));
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn lines() -> (Lines, Arc<Mutex<Vec<LogLine>>>) {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        (Lines::new(Arc::new(move |line| sink.lock().expect("lock").push(line))), seen)
    }

    fn messages(seen: &Mutex<Vec<LogLine>>) -> Vec<String> {
        seen.lock().expect("lock").iter().map(|line| line.message.clone()).collect()
    }

    #[test]
    fn standard_streams_become_lines_at_each_newline_and_at_the_end_of_the_call() {
        let (mut lines, seen) = lines();
        lines.write(Standard::Output, b"one\ntw");
        lines.write(Standard::Error, b"bad\n");
        lines.write(Standard::Output, b"o\nthree");
        assert_eq!(messages(&seen), ["one", "bad", "two"]);
        lines.end_call();
        assert_eq!(messages(&seen), ["one", "bad", "two", "three"]);
        assert_eq!(seen.lock().expect("lock")[1].level, LogLevel::Warn);
    }

    #[test]
    fn lines_beyond_the_budget_are_dropped_and_counted() {
        let (mut lines, seen) = lines();
        (0..LINES + 7).for_each(|i| lines.line(LogLevel::Info, Some(i), "x".to_owned()));
        lines.end_call();
        let messages = messages(&seen);
        assert_eq!(messages.len(), LINES as usize + 1);
        assert!(messages[LINES as usize].starts_with("7 more lines of this call were dropped"));
        lines.line(LogLevel::Info, None, "next call".to_owned());
        assert_eq!(seen.lock().expect("lock").len(), LINES as usize + 2);
    }

    #[test]
    fn long_lines_are_cut_between_characters_and_bytes_are_bounded() {
        let (mut lines, seen) = lines();
        (0..100).for_each(|_| lines.line(LogLevel::Info, None, "é".repeat(1 << 20)));
        lines.write(Standard::Output, &vec![b'x'; 1 << 20]);
        lines.end_call();
        let bytes: usize = messages(&seen).iter().map(String::len).sum();
        assert!(bytes <= BYTES + 200, "{bytes}");
        assert!(seen.lock().expect("lock").len() <= 9);
    }
}
