//! The macro of `invoker-sdk`: reads what a function declares by its types and attributes, and writes what the SDK needs
//! to describe, build and export it. Behaviour lives in the SDK; here are only names and wiring.

mod expand;
mod item;
mod options;
mod part;

use proc_macro::TokenStream;

/// Makes a function of streams out of an `fn` of one record, or out of a struct that implements `Process`.
///
/// On an `fn`, the first parameter is the record, and what each other one is, its type says:
///
/// | parameter | what it is |
/// | --- | --- |
/// | `name: &mut Output<C>` | an output |
/// | `name: &Input<C>` | one of several inputs |
/// | `name: &mut Value<C>`, `&mut Map<C>`, `&mut SortedMap<C>` | a state; options in `#[state(..)]` |
/// | `#[setting] name: &T` | a setting; `#[setting(default = 5)]`, `#[setting(secret)]` |
///
/// On a struct, its fields are read the same way, without `&`; other fields start as their default. Doc comments on
/// parameters and fields become the documentation that `invoker inspect` shows. `name = ".."` in any of the attributes gives
/// another name than Rust's, and `#[output(schema = "..", content_type = "..")]` says more about a port (so does `#[input]`).
///
/// The function itself: `#[function(headers = "read", max_records = 100, record_deadline = "5s")]`. `headers` is
/// `"forward"` (the default: outputs carry those of their record, unseen), `"read"` (the same, and seen) or `"drop"`.
#[proc_macro_attribute]
pub fn function(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::function(arguments.into(), item.into()).unwrap_or_else(|error| error.into_compile_error()).into()
}
