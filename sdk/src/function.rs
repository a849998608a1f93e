//! What a function is to the SDK. `#[function]` writes [`Function`]; an author writes [`Process`] for a struct, or
//! nothing for an `fn`.

use crate::bindings::invoker::udf::types::{Description, HeaderUse, Port, SettingValue};
use crate::call::Call;
use crate::codec::{Decode, Encode};
use crate::error::Result;
use crate::output::{Input, Output};
use crate::outputs::Outputs;
use crate::record::Record;
use crate::setting::{self, Setting};
use crate::state::{self, Keyed, State};
use std::fmt;
use std::rc::Rc;

/// What a struct with `#[function]` does with a record.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Numbers the lines that this instance has seen.
/// #[function]
/// struct Number {
///     /// The first number.
///     #[setting(default = 1)]
///     first: u64,
///     numbered: Output<String>,
///     // Neither a state, an output, an input nor a setting: starts as its default, and lives as long as the instance.
///     seen: u64,
///     line: String,
/// }
///
/// impl Process for Number {
///     fn process(&mut self, record: Record<'_>) -> Result {
///         self.line.clear();
///         self.line.push_str(&(self.first + self.seen).to_string());
///         self.line.push(' ');
///         self.line.push_str(record.text()?);
///         self.seen += 1;
///         self.numbered.send(&self.line)
///     }
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it does with a record",
    label = "write `impl Process for {Self}`"
)]
pub trait Process: Function {
    /// Once per instance, before the first record, when settings are known. An error stops the deployment's partition.
    fn start(&mut self) -> Result {
        Ok(())
    }

    /// One record.
    fn process(&mut self, record: Record<'_>) -> Result;
}

/// What a function declares and how its parts are put together. Written by `#[function]`.
pub trait Function: Sized + 'static {
    #[doc(hidden)]
    fn describe() -> Description;

    #[doc(hidden)]
    fn build(parts: &mut Parts) -> Result<Self>;

    #[doc(hidden)]
    fn states<'a>(&'a mut self, visit: &mut dyn FnMut(&'a mut dyn Keyed));
}

/// What an instance is put together from.
#[doc(hidden)]
pub struct Parts {
    pub(crate) call: Rc<Call>,
    pub(crate) settings: Vec<(String, SettingValue)>,
}

impl Parts {
    pub(crate) fn new(headers: HeaderUse, settings: Vec<(String, SettingValue)>) -> Self {
        Self { call: Rc::new(Call::new(Outputs::new(headers))), settings }
    }

    pub fn state<S: State>(&mut self, index: u16, declared: &state::Declared<S::Codec>) -> S {
        S::new(self, index, declared)
    }

    pub fn setting<T: Setting>(&mut self, declared: &setting::Declared<T>) -> Result<T> {
        declared.take(&mut self.settings)
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// A part's type that is an output.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is no output", label = "use Output or Output<..>")]
pub trait OutputPart: Sized {
    fn port(name: &str, content_type: Option<&str>, schema: Option<&str>, doc: &str) -> Port;
    fn new(parts: &Parts, port: u16) -> Self;
}

impl<C: Encode> OutputPart for Output<C> {
    fn port(name: &str, content_type: Option<&str>, schema: Option<&str>, doc: &str) -> Port {
        port(name, content_type.or(C::CONTENT_TYPE), schema, doc)
    }

    fn new(parts: &Parts, port: u16) -> Self {
        Self::new(Rc::clone(&parts.call), port)
    }
}

/// A part's type that is an input.
#[doc(hidden)]
#[diagnostic::on_unimplemented(message = "`{Self}` is no input", label = "use Input or Input<..>")]
pub trait InputPart: Sized {
    fn port(name: &str, content_type: Option<&str>, schema: Option<&str>, doc: &str) -> Port;
    fn new(index: u16) -> Self;
}

impl<C: Decode> InputPart for Input<C> {
    fn port(name: &str, content_type: Option<&str>, schema: Option<&str>, doc: &str) -> Port {
        port(name, content_type.or(C::CONTENT_TYPE), schema, doc)
    }

    fn new(index: u16) -> Self {
        Self::new(index)
    }
}

fn port(name: &str, content_type: Option<&str>, schema: Option<&str>, doc: &str) -> Port {
    let owned = |text: Option<&str>| text.map(Into::into);
    Port { name: name.into(), content_type: owned(content_type), schema: owned(schema), doc: doc.into() }
}
