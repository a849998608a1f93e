//! Standard error, shared by the table, by messages and by log lines, none of which may tear another.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A cheap handle; clones are the same screen.
#[derive(Clone, Debug, Default)]
pub struct Screen(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// Log lines are objects.
    json: bool,
    live: bool,
    is_still: bool,
    /// The table as it was drawn last.
    table: Vec<String>,
}

impl Screen {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A screen for scripts: log lines become objects, as everything else.
    pub fn for_scripts() -> Self {
        let screen = Self::default();
        screen.inner().json = true;
        screen
    }

    /// Leaves the screen to other tools for as long as what is returned lives: lines are printed, the table is not.
    pub fn still(&self) -> Still {
        let mut inner = self.inner();
        inner.is_still = true;
        inner.table.clear();
        Still(self.clone())
    }

    /// Whether a table is drawn. Switching it off leaves the last one standing.
    pub fn set_live(&self, live: bool) {
        let mut inner = self.inner();
        inner.live = live;
        inner.table.clear();
    }

    pub fn is_live(&self) -> bool {
        self.inner().live
    }

    /// Prints a line, above the table where there is one.
    pub fn line(&self, text: &str) {
        let inner = self.inner();
        let mut out = erase(inner.table.len());
        out.push_str(text);
        out.push('\n');
        draw(&inner.table, &mut out);
        print(&out);
    }

    /// Draws the table in place of the last one, each line cut to the width of the terminal.
    pub fn table(&self, lines: &[String]) {
        let mut inner = self.inner();
        if inner.is_still {
            return;
        }
        let mut out = erase(inner.table.len());
        let (width, height) = size();
        inner.table = lines
            .iter()
            .take(height.saturating_sub(1))
            .map(|line| line.chars().take(width).collect())
            .collect();
        draw(&inner.table, &mut out);
        print(&out);
    }
}

/// No table is drawn while this lives.
#[derive(Debug)]
pub struct Still(Screen);

impl Drop for Still {
    fn drop(&mut self) {
        self.0.inner().is_still = false;
    }
}

/// Moves to the first line of a table of so many lines and clears from there.
fn erase(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
}

fn draw(table: &[String], out: &mut String) {
    for line in table {
        out.push_str(line);
        out.push('\n');
    }
}

/// Width and height of the terminal, less one column so that no line wraps.
fn size() -> (usize, usize) {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stderr()).ok();
    let size = size.filter(|size| size.ws_col > 1 && size.ws_row > 1);
    size.map_or((99, 24), |size| (usize::from(size.ws_col) - 1, usize::from(size.ws_row)))
}

/// A screen that is gone is no reason to end a run.
fn print(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}

/// Takes log lines, so that they do not tear the table.
#[derive(Debug)]
pub struct ScreenWriter(Screen);

impl Write for ScreenWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if self.0.inner().json {
            self.0.line(&serde_json::json!({"event": "log", "text": text}).to_string());
        } else {
            self.0.line(text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Screen {
    type Writer = ScreenWriter;

    fn make_writer(&'a self) -> ScreenWriter {
        ScreenWriter(self.clone())
    }
}
