//! What a function left in its state under one key.

use std::collections::BTreeMap;

use invoker_core::function::StateKind;
use invoker_core::records::Column;
use invoker_host::state::{Read, Scan, Scope, StateStore};

use super::outcome::Stored;
use super::world::NAME;
use crate::error::{Error, chain};

/// The value of a key, or all fields of it; `None` where nothing is.
pub(super) fn stored(
    store: &dyn StateStore,
    state: &str,
    kind: StateKind,
    key: &[u8],
) -> Result<Option<Stored>, Error> {
    let failed = |error: invoker_host::state::Error| Error::internal("cannot read the state", chain(&error));
    let scope = Scope { deployment: NAME.to_owned(), entity: NAME.to_owned(), partition: 0 };
    if kind == StateKind::Value {
        let keys: Column = [Some(key)].into_iter().collect();
        let read = Read { scope: &scope, state, kind, keys: &keys, fields: &Column::default() };
        let values = store.read(&[read]).map_err(failed)?;
        let value = values.first().and_then(|values| values.values.get(0));
        return Ok(value.map(|value| Stored::Value(value.to_vec())));
    }
    let (mut fields, mut start) = (BTreeMap::new(), None::<Vec<u8>>);
    loop {
        let scan = Scan {
            scope: &scope,
            state,
            kind,
            key: Some(key),
            prefix: b"",
            start: start.as_deref(),
            limit: 1000,
        };
        let page = store.scan(scan).map_err(failed)?;
        for (field, value) in page.fields.iter().zip(page.values.iter()) {
            let field = String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
            fields.insert(field, value.unwrap_or_default().to_vec());
        }
        match page.next {
            Some(next) => start = Some(next),
            None => break,
        }
    }
    Ok((!fields.is_empty()).then_some(Stored::Fields(fields)))
}
