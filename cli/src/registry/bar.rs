//! A bar that shows how much is sent or has come, where a terminal watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Format;

/// A bar, gone when it is dropped.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// A bar on standard error; a hidden one for scripts and where that is no terminal.
    pub(super) fn new(what: &str, format: Format) -> Self {
        let target = match format {
            Format::Text => ProgressDrawTarget::stderr(),
            Format::Json => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// Bytes that are done, and bytes in all.
    pub(super) fn show(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
