//! How values become bytes in topics and in states. Integers and text are stored plainly, so that a person reads them.

#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;

#[cfg(feature = "json")]
pub use json::Json;
#[cfg(feature = "postcard")]
pub use postcard::Postcard;

use crate::error::{Error, Result};

/// How the values of an output become bytes.
///
/// | codec | in Rust | bytes |
/// | --- | --- | --- |
/// | `u8` … `u64`, `usize`, `i8` … `i64` | the same | decimal text |
/// | `f64`, `bool` | the same | text |
/// | `String` | `String`, sent as `&str` | the text itself |
/// | `Vec<u8>` | `Vec<u8>`, sent as `&[u8]` | themselves |
/// | `Json<T>` | `T`, sent as `&T` | JSON |
/// | `Postcard<T>` (feature `postcard`) | `T`, sent as `&T` | postcard |
///
/// [`Decode`] is the way back, which inputs need, and [`Codec`] is both, which states need.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// struct Rgb;
///
/// impl Encode for Rgb {
///     type Ref<'a> = [u8; 3];
///
///     fn encode(colour: [u8; 3], into: &mut Vec<u8>) -> Result {
///         into.extend_from_slice(&colour);
///         Ok(())
///     }
/// }
///
/// impl Decode for Rgb {
///     type Item = [u8; 3];
///
///     fn decode(bytes: &[u8]) -> Result<[u8; 3]> {
///         bytes.try_into().or_reject("bad-colour")
///     }
/// }
///
/// #[function]
/// fn darken(record: Record<'_>, out: &mut Output<Rgb>) -> Result {
///     out.send(record.decode::<Rgb>()?.map(|part| part / 2))
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec",
    label = "use an integer, bool, f64, String, Vec<u8> or Json<..>, or implement Encode"
)]
pub trait Encode: 'static {
    /// What is written: a value, or a view of it.
    type Ref<'a>;

    /// Media type; `None` = bytes.
    const CONTENT_TYPE: Option<&'static str> = None;

    /// Appends to `into`. What an error leaves there is removed by the caller.
    fn encode(value: Self::Ref<'_>, into: &mut Vec<u8>) -> Result;
}

/// How bytes become the values of an input.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec",
    label = "use an integer, bool, f64, String, Vec<u8> or Json<..>, or implement Decode"
)]
pub trait Decode: 'static {
    /// What is read.
    type Item: 'static;

    /// Media type; `None` = bytes.
    const CONTENT_TYPE: Option<&'static str> = None;

    /// Reads what [`Encode::encode`] wrote.
    fn decode(bytes: &[u8]) -> Result<Self::Item>;
}

/// How the values of a state become bytes and come back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no codec of states",
    label = "use an integer, bool, f64, String, Vec<u8>, Json<..> or Postcard<..>, or implement Codec"
)]
pub trait Codec: Encode + Decode {
    /// Whether a state stores its version in one byte in front, so that older ones can be told apart (`reads`).
    const VERSIONED: bool = false;

    /// An item as it is written.
    fn view(item: &Self::Item) -> Self::Ref<'_>;
}

impl Encode for Vec<u8> {
    type Ref<'a> = &'a [u8];

    #[inline]
    fn encode(value: &[u8], into: &mut Self) -> Result {
        into.extend_from_slice(value);
        Ok(())
    }
}

impl Decode for Vec<u8> {
    type Item = Self;

    fn decode(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
}

impl Codec for Vec<u8> {
    #[inline]
    fn view(item: &Self) -> &[u8] {
        item
    }
}

impl Encode for String {
    type Ref<'a> = &'a str;

    const CONTENT_TYPE: Option<&'static str> = Some("text/plain");

    #[inline]
    fn encode(value: &str, into: &mut Vec<u8>) -> Result {
        into.extend_from_slice(value.as_bytes());
        Ok(())
    }
}

impl Decode for String {
    type Item = Self;

    const CONTENT_TYPE: Option<&'static str> = Some("text/plain");

    fn decode(bytes: &[u8]) -> Result<Self> {
        str::from_utf8(bytes).map(Self::from).map_err(|error| Error::reject("bad-text", error))
    }
}

impl Codec for String {
    #[inline]
    fn view(item: &Self) -> &str {
        item
    }
}

macro_rules! plain {
    ($write:expr; $($type:ty)*) => {$(
        impl Encode for $type {
            type Ref<'a> = Self;

            const CONTENT_TYPE: Option<&'static str> = Some("text/plain");

            #[inline]
            fn encode(value: Self, into: &mut Vec<u8>) -> Result {
                let write: fn(Self, &mut Vec<u8>) = $write;
                write(value, into);
                Ok(())
            }
        }

        impl Decode for $type {
            type Item = Self;

            const CONTENT_TYPE: Option<&'static str> = Some("text/plain");

            #[inline]
            fn decode(bytes: &[u8]) -> Result<Self> {
                match str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()) {
                    Some(value) => Ok(value),
                    None => Err(not_a(stringify!($type), bytes)),
                }
            }
        }

        impl Codec for $type {
            #[inline]
            fn view(item: &Self) -> Self {
                *item
            }
        }
    )*};
}

plain!(|value, into| into.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    u8 u16 u32 u64 usize i8 i16 i32 i64);
plain!(|value, into| into.extend_from_slice(value.to_string().as_bytes()); f64);
plain!(|value, into| into.extend_from_slice(if value { b"true" } else { b"false" }); bool);

#[cold]
fn not_a(kind: &str, bytes: &[u8]) -> Error {
    let shown = bytes.get(..40).unwrap_or(bytes).escape_ascii();
    let code = if kind == "bool" { "bad-boolean" } else { "bad-number" };
    Error::reject(code, format_args!("\"{shown}\" is no {kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_text_are_stored_as_a_person_writes_them() {
        let mut bytes = Vec::new();
        i64::encode(-42, &mut bytes).unwrap();
        bool::encode(true, &mut bytes).unwrap();
        f64::encode(0.5, &mut bytes).unwrap();
        String::encode("é", &mut bytes).unwrap();
        assert_eq!(bytes, "-42true0.5é".as_bytes());
        assert_eq!(u64::decode(b"18446744073709551615").unwrap(), u64::MAX);
    }

    #[test]
    fn bytes_that_are_no_number_are_named() {
        let error = u8::decode(b"256").unwrap_err();
        assert_eq!(format!("{error:?}"), "rejected bad-number: \"256\" is no u8");
        assert_eq!(bool::decode(b"\xff").unwrap_err().message(), "\"\\xff\" is no bool");
        assert_eq!(String::decode(b"\xff").unwrap_err().code(), "bad-text");
    }
}
