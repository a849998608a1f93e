//! Settings: what a deployment tells a function, checked before the first record.

use crate::bindings::invoker::udf::types::{SettingKind, SettingSpec, SettingValue};
use crate::error::{Error, Result};

/// A type that a setting can have: `String`, the integers, `f64`, `bool`, `Json<T>`, or `Option` of one of them for a
/// setting that may be left out.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// #[function]
/// fn sample(
///     record: Record<'_>,
///     /// Every how many records one is kept.
///     #[setting(default = 100)] every: &u64,
///     /// Written in front of each line.
///     #[setting] prefix: &Option<String>,
///     out: &mut Output<String>,
/// ) -> Result {
///     if record.offset() % every == 0 {
///         let prefix = prefix.as_deref().unwrap_or_default();
///         out.send(&format!("{prefix}{}", record.text()?))?;
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a setting",
    label = "use String, an integer, f64, bool, Json<T>, or Option of one of them"
)]
pub trait Setting: Sized {
    /// What the deployment has to give.
    const KIND: SettingKind;

    /// What it is when left out; `None` = it cannot be.
    const ABSENT: Option<fn() -> Self> = None;

    /// Reads what the deployment gave, which is of this kind.
    fn read(value: SettingValue) -> Result<Self, String>;

    /// The way back, for defaults.
    fn write(&self) -> SettingValue;
}

impl Setting for String {
    const KIND: SettingKind = SettingKind::Text;

    fn read(value: SettingValue) -> Result<Self, String> {
        match value {
            SettingValue::Text(text) => Ok(text),
            other => Err(unlike(&other, "text")),
        }
    }

    fn write(&self) -> SettingValue {
        SettingValue::Text(self.clone())
    }
}

impl Setting for bool {
    const KIND: SettingKind = SettingKind::Boolean;

    fn read(value: SettingValue) -> Result<Self, String> {
        match value {
            SettingValue::Boolean(value) => Ok(value),
            other => Err(unlike(&other, "true or false")),
        }
    }

    fn write(&self) -> SettingValue {
        SettingValue::Boolean(*self)
    }
}

impl Setting for f64 {
    const KIND: SettingKind = SettingKind::Number;

    fn read(value: SettingValue) -> Result<Self, String> {
        match value {
            SettingValue::Number(number) => Ok(number),
            SettingValue::Integer(integer) => Ok(integer as Self),
            other => Err(unlike(&other, "a number")),
        }
    }

    fn write(&self) -> SettingValue {
        SettingValue::Number(*self)
    }
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Setting for $type {
            const KIND: SettingKind = SettingKind::Integer;

            fn read(value: SettingValue) -> Result<Self, String> {
                match value {
                    SettingValue::Integer(integer) => Self::try_from(integer).map_err(|_| {
                        format!("is {integer}, but must be from {} to {}", Self::MIN, Self::MAX)
                    }),
                    other => Err(unlike(&other, "an integer")),
                }
            }

            fn write(&self) -> SettingValue {
                SettingValue::Integer(i64::try_from(*self).unwrap_or(i64::MAX))
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 usize i8 i16 i32 i64);

impl<T: Setting> Setting for Option<T> {
    const KIND: SettingKind = T::KIND;
    const ABSENT: Option<fn() -> Self> = Some(|| None);

    fn read(value: SettingValue) -> Result<Self, String> {
        T::read(value).map(Some)
    }

    fn write(&self) -> SettingValue {
        // Only a default is written, and `None` is what leaving out gives without one.
        self.as_ref().map_or(SettingValue::Json("null".into()), T::write)
    }
}

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Setting for crate::Json<T> {
    const KIND: SettingKind = SettingKind::Json;

    fn read(value: SettingValue) -> Result<Self, String> {
        match value {
            SettingValue::Json(text) => {
                serde_json::from_str(&text).map(Self).map_err(|error| format!("cannot be read: {error}"))
            }
            other => Err(unlike(&other, "JSON")),
        }
    }

    fn write(&self) -> SettingValue {
        SettingValue::Json(serde_json::to_string(&self.0).unwrap_or_else(|error| error.to_string()))
    }
}

fn unlike(value: &SettingValue, wanted: &str) -> String {
    let given = match value {
        SettingValue::Text(text) => format!("the text \"{text}\""),
        SettingValue::Integer(integer) => format!("the integer {integer}"),
        SettingValue::Number(number) => format!("the number {number}"),
        SettingValue::Boolean(value) => value.to_string(),
        SettingValue::Json(_) => "JSON".into(),
    };
    format!("is {given}, but must be {wanted}")
}

/// What a function declares about a setting beyond its type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declared<T> {
    pub name: &'static str,
    pub default: Option<fn() -> T>,
    pub secret: bool,
    pub doc: &'static str,
}

/// The answer of `describe` for one setting.
#[doc(hidden)]
pub fn spec<T: Setting>(declared: &Declared<T>) -> SettingSpec {
    SettingSpec {
        name: declared.name.into(),
        kind: T::KIND,
        required: declared.default.is_none() && T::ABSENT.is_none(),
        default: declared.default.map(|default| default().write()),
        secret: declared.secret,
        doc: declared.doc.into(),
    }
}

impl<T: Setting> Declared<T> {
    /// Takes this setting out of those given.
    pub fn take(&self, given: &mut Vec<(String, SettingValue)>) -> Result<T> {
        if let Some(at) = given.iter().position(|(name, _)| name == self.name) {
            let (_, value) = given.swap_remove(at);
            // What a secret holds is not for an error message.
            return T::read(value).map_err(|why| match self.secret {
                true => bad(self.name, "is not of the declared type (a secret, so it is not shown)"),
                false => bad(self.name, &why),
            });
        }
        match self.default.or(T::ABSENT) {
            Some(absent) => Ok(absent()),
            None => Err(bad(self.name, "is missing")),
        }
    }
}

fn bad(name: &str, why: &str) -> Error {
    Error::reject("bad-setting", format_args!("setting `{name}` {why}"))
}

/// Names one that the function does not declare.
pub(crate) fn refuse_rest(given: &[(String, SettingValue)]) -> Result {
    match given.first() {
        Some((name, _)) => Err(bad(name, "is not declared by this function")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared<T>(default: Option<fn() -> T>) -> Declared<T> {
        Declared { name: "step", default, secret: false, doc: "" }
    }

    fn take<T: Setting>(declared: &Declared<T>, value: SettingValue) -> String {
        declared.take(&mut vec![("step".into(), value)]).map(|_| ()).unwrap_err().message().into()
    }

    #[test]
    fn a_setting_of_another_type_is_named_with_what_it_holds() {
        let why = take(&declared::<u8>(None), SettingValue::Integer(-1));
        assert_eq!(why, "setting `step` is -1, but must be from 0 to 255");
        let why = take(&declared::<bool>(None), SettingValue::Text("yes".into()));
        assert_eq!(why, "setting `step` is the text \"yes\", but must be true or false");
        let secret = Declared { secret: true, ..declared::<bool>(None) };
        assert!(!take(&secret, SettingValue::Text("hunter2".into())).contains("hunter2"));
    }

    #[test]
    fn only_what_has_no_default_and_is_no_option_is_required() {
        assert!(spec(&declared::<u64>(None)).required);
        assert!(!spec(&declared::<Option<u64>>(None)).required);
        let with = declared::<u64>(Some(|| 7));
        assert!(matches!(spec(&with).default, Some(SettingValue::Integer(7))));
        assert_eq!(with.take(&mut vec![]).unwrap(), 7);
        let missing = declared::<u64>(None).take(&mut vec![]).unwrap_err();
        assert_eq!(missing.message(), "setting `step` is missing");
    }
}
