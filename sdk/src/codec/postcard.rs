//! postcard, a compact binary form, through serde.

use super::{Codec, Decode, Encode};
use crate::error::{Error, Result};
use serde::{Serialize, de::DeserializeOwned};
use std::marker::PhantomData;

/// postcard: small and quick, but only a program that knows `T` can read it. `Value<Postcard<Session>>`.
#[derive(Debug)]
pub struct Postcard<T>(PhantomData<T>);

impl<T: Serialize + 'static> Encode for Postcard<T> {
    type Ref<'a> = &'a T;

    fn encode(value: &T, into: &mut Vec<u8>) -> Result {
        postcard::to_io(value, into).map_err(|error| Error::reject("bad-postcard", error))?;
        Ok(())
    }
}

impl<T: DeserializeOwned + 'static> Decode for Postcard<T> {
    type Item = T;

    fn decode(bytes: &[u8]) -> Result<T> {
        postcard::from_bytes(bytes).map_err(|error| Error::reject("bad-postcard", error))
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Codec for Postcard<T> {
    const VERSIONED: bool = true;

    fn view(item: &T) -> &T {
        item
    }
}
