//! Free ports of the loopback.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};
use rand::RngExt;

/// Below the ports that systems give to outgoing connections: such a one must not sit on the port of a server that
/// is down for a moment and comes back.
const FIRST: u16 = 12_000;
const LAST: u16 = 31_999;

/// A port that nobody listens on now. No other call in this process returns it for long; other processes begin
/// elsewhere, at random.
pub(super) fn free() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let beginning = rand::rng().random_range(FIRST..=LAST);
    let _ = NEXT.compare_exchange(0, beginning, Ordering::Relaxed, Ordering::Relaxed);
    for _ in FIRST..=LAST {
        let step = |port| Some(if port >= LAST { FIRST } else { port + 1 });
        let (Ok(port) | Err(port)) = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port from {FIRST} to {LAST} is free on the loopback")
}
