//! Results on standard output: lines for people, one JSON object per line for scripts.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::Value;

use crate::args::Format;
use crate::error::{Error, Exit};

/// Standard output of a tool, or a file. A reader that went away ends the tool quietly.
pub(crate) struct Printer {
    out: Box<dyn Write>,
    format: Format,
    /// What it writes, for errors.
    target: String,
    closed: bool,
}

impl std::fmt::Debug for Printer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Printer {
    pub(crate) fn stdout(format: Format) -> Self {
        Self::new(format, Box::new(io::BufWriter::new(io::stdout())))
    }

    pub(crate) fn new(format: Format, out: Box<dyn Write>) -> Self {
        Self { out, format, target: "standard output".to_owned(), closed: false }
    }

    /// A new file for scripts; one of this name is written over.
    pub(crate) fn file(path: &Path) -> Result<Self, Error> {
        let target = format!("file {:?}", path.display().to_string());
        match File::create(path) {
            Ok(file) => {
                let out = Box::new(io::BufWriter::new(file));
                Ok(Self { out, format: Format::Json, target, closed: false })
            }
            Err(error) => {
                Err(Error::new(Exit::File, format!("cannot write {target}"), error, "check the path"))
            }
        }
    }

    /// Prints one item; only the form that is wanted is made.
    pub(crate) fn item(
        &mut self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> Value,
    ) -> Result<(), Error> {
        let line = match self.format {
            Format::Text => text(),
            Format::Json => json().to_string(),
        };
        self.write(&line)
    }

    /// Prints a line to people only.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Error> {
        if self.format == Format::Json {
            return Ok(());
        }
        self.write(text)
    }

    /// Prints text as it is, whoever reads it.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Error> {
        self.write(text.trim_end_matches('\n'))
    }

    /// Prints an object to scripts only.
    pub(crate) fn object(&mut self, json: impl FnOnce() -> Value) -> Result<(), Error> {
        if self.format == Format::Text {
            return Ok(());
        }
        self.write(&json().to_string())
    }

    /// Prints a table to people, its columns lined up.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> Result<(), Error> {
        let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
        let all = || std::iter::once(&head).chain(rows);
        let width = |column: usize| {
            all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in all() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            self.note(cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.flush()
    }

    /// Shows what was printed so far.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.out.flush();
        self.check(flushed)
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    fn write(&mut self, line: &str) -> Result<(), Error> {
        if self.closed {
            return Ok(());
        }
        let written = self.out.write_all(line.as_bytes()).and_then(|()| self.out.write_all(b"\n"));
        self.check(written)
    }

    fn check(&mut self, written: io::Result<()>) -> Result<(), Error> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) => {
                let what = format!("cannot write {}", self.target);
                Err(Error::new(Exit::File, what, error, "check where it goes to"))
            }
            Ok(()) => Ok(()),
        }
    }
}

/// Milliseconds since 1970 as a UTC time: `2026-11-21T07:40:00.123Z`.
pub(crate) fn utc(milliseconds: i64) -> String {
    let (days, of_day) = (milliseconds.div_euclid(86_400_000), milliseconds.rem_euclid(86_400_000));
    // Years from March: a leap day is then the last of its year (400 years = 146,097 days).
    let from_march = days + 719_468;
    let era = from_march.div_euclid(146_097);
    let day_of_era = from_march.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, millis) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(utc(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(utc(1_735_689_599_999), "2024-12-31T23:59:59.999Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59.999Z");
    }
}
