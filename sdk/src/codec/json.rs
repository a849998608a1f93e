//! JSON, through serde.

use super::{Codec, Decode, Encode};
use crate::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::ops::{Deref, DerefMut};

/// JSON: as a codec, `Output<Json<Alert>>` and `Value<Json<Session>>`; as a setting, `#[setting] rules: &Json<Rules>`.
///
/// ```
/// use invoker_sdk::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Order<'a> {
///     shop: &'a str,
///     cents: u64,
/// }
///
/// #[derive(Serialize)]
/// struct Bill {
///     cents: u64,
/// }
///
/// #[function]
/// fn bill(record: Record<'_>, bills: &mut Output<Json<Bill>>) -> Result {
///     let order: Order<'_> = record.json()?;
///     bills.send_keyed(order.shop, &Bill { cents: order.cents })
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Serialize + 'static> Encode for Json<T> {
    type Ref<'a> = &'a T;

    const CONTENT_TYPE: Option<&'static str> = Some("application/json");

    fn encode(value: &T, into: &mut Vec<u8>) -> Result {
        serde_json::to_writer(into, value).map_err(|error| Error::reject("bad-json", error))
    }
}

impl<T: DeserializeOwned + 'static> Decode for Json<T> {
    type Item = T;

    const CONTENT_TYPE: Option<&'static str> = Some("application/json");

    fn decode(bytes: &[u8]) -> Result<T> {
        serde_json::from_slice(bytes).map_err(|error| Error::reject("bad-json", error))
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Codec for Json<T> {
    const VERSIONED: bool = true;

    fn view(item: &T) -> &T {
        item
    }
}
