//! How a call ended that did not return: from wasmtime's error and what the instance said, to one [`CallError`].

use std::time::Duration;

use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Trap, WasmBacktrace};

use crate::error::{CallError, Frame};
use crate::guest::{Guest, HostError};

/// Frames that are kept, innermost first.
const FRAMES: usize = 32;

/// Limits of the call that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimits {
    pub(crate) deadline: Duration,
    pub(crate) output_bytes: usize,
}

/// Why a call ended.
pub(crate) fn call_error(error: wasmtime::Error, guest: &mut Guest, limits: CallLimits) -> CallError {
    let frames = error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default();
    let error = match error.downcast::<HostError>() {
        Ok(HostError::Deadline) => return CallError::Deadline { after: limits.deadline, frames },
        Ok(HostError::OutputTooLarge) => return CallError::OutputTooLarge { limit: limits.output_bytes },
        Ok(HostError::AnswerTooLarge) => return CallError::Memory { limit: guest.memory.limit, frames },
        Ok(other) => return with_frames(other.into(), frames),
        Err(error) => error,
    };
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::Instantiate(error.root_cause().to_string());
    }
    let trap = error.downcast_ref::<Trap>().copied();
    if trap == Some(Trap::Interrupt) {
        return CallError::Deadline { after: limits.deadline, frames };
    }
    if let Some(panic) = guest.panicked.take() {
        let (record, message) = (panic.record, panic.message);
        return CallError::Panicked { record, message, file: panic.file, line: panic.line, frames };
    }
    if guest.memory.refused {
        return CallError::Memory { limit: guest.memory.limit, frames };
    }
    let message = match trap {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    if trap.is_none() && message.contains("fuel allocated for hostcalls has been exhausted") {
        return CallError::OutputTooLarge { limit: limits.output_bytes };
    }
    let message = message.strip_prefix("wasm trap: ").unwrap_or(&message).to_owned();
    CallError::Trapped { message, frames }
}

fn with_frames(error: CallError, found: Vec<Frame>) -> CallError {
    match error {
        CallError::Trapped { message, .. } => CallError::Trapped { message, frames: found },
        other => other,
    }
}

/// The frames of a stack, innermost first.
pub(crate) fn frames(backtrace: &WasmBacktrace) -> Vec<Frame> {
    let mut frames = Vec::new();
    for info in backtrace.frames() {
        let name = info.func_name().map(demangled);
        // One frame of code is several of source where functions were inlined; the last is the function itself, whose
        // full path only the name section knows.
        let symbols = info.symbols();
        for (index, symbol) in symbols.iter().enumerate() {
            let own = if index + 1 == symbols.len() { name.clone() } else { None };
            let function = own.or_else(|| symbol.name().map(demangled));
            frames.push(Frame {
                function: function.unwrap_or_else(|| unnamed(info)),
                file: symbol.file().map(str::to_owned),
                line: symbol.line(),
            });
        }
        if symbols.is_empty() {
            let function = name.unwrap_or_else(|| unnamed(info));
            frames.push(Frame { function, file: None, line: None });
        }
    }
    frames.truncate(FRAMES);
    frames
}

fn unnamed(info: &FrameInfo) -> String {
    format!("function {}", info.func_index())
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}
