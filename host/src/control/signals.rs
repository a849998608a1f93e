//! SIGTERM and SIGINT: the first asks for an end in order, the second ends the process at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::stop::Stop;

/// What a shell sees of a process that a second signal ended.
const INTERRUPTED: i32 = 130;

/// A stop that the first signal requests.
pub fn stop_on_signals() -> io::Result<Stop> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let stop = Stop::default();
    let request = stop.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.forever().next().is_some() {
            request.request();
        }
    })?;
    Ok(stop)
}
