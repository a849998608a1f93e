//! What the export of a component calls. Written out by `#[function]`, for WebAssembly alone.

pub use crate::bindings::exports::invoker::udf::function::Guest;
pub use crate::bindings::invoker::udf::types::{
    BatchResult, Description, Failure, HeaderUse, InputBatch, InstanceInfo,
};

use crate::bindings::invoker::udf::types::FailureKind;
use crate::function::Process;
use crate::instance::Instance;
use std::cell::RefCell;

/// What every function says of itself: what it was made with.
pub fn properties() -> Vec<(String, String)> {
    vec![("sdk".into(), concat!("invoker-sdk ", env!("CARGO_PKG_VERSION")).into())]
}

/// Where a component keeps its one instance.
pub type Place<F> = RefCell<Option<Instance<F>>>;

/// An empty place.
pub const fn place<F>() -> Place<F> {
    RefCell::new(None)
}

/// The component's `describe`.
pub fn describe<F: Process>() -> Description {
    F::describe()
}

/// The component's `init`.
pub fn init<F: Process>(place: &Place<F>, info: InstanceInfo) -> Result<(), Failure> {
    #[cfg(target_arch = "wasm32")]
    report_panics();
    *place.borrow_mut() = Some(Instance::new(info.settings)?);
    Ok(())
}

/// The component's `process`.
pub fn process<F: Process>(place: &Place<F>, batch: InputBatch) -> Result<BatchResult, Failure> {
    match place.borrow_mut().as_mut() {
        Some(instance) => instance.process(batch),
        None => Err(Failure {
            kind: FailureKind::Rejected,
            code: "not-initialised".into(),
            message: "the host called `process` before `init`".into(),
        }),
    }
}

/// Tells the host what a panic said, where, and in which record, before the trap that follows.
#[cfg(target_arch = "wasm32")]
fn report_panics() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("a panic without a message");
        let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line()));
        crate::host::panicked(crate::call::current_record(), message, file, line);
    }));
}
