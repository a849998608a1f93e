//! Each record's value is a list of things to do, one word each. What it does is what `tests/tests/sdk.rs` expects.

use invoker_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Visit {
    times: u32,
}

#[function(headers = "read")]
fn through(
    record: Record<'_>,
    /// Added by `count`.
    total: &mut Value<u64>,
    #[state(prefetch = false, version = 3)] visit: &mut Value<Json<Visit>>,
    #[state(ttl = "1h")] fields: &mut SortedMap<u64>,
    /// What `count` adds.
    #[setting(default = 1)]
    step: &u64,
    #[setting] name: &Option<String>,
    out: &mut Output<String>,
    numbers: &mut Output<u64>,
) -> Result {
    for word in record.text()?.split(' ') {
        match word.split_once(':').unwrap_or((word, "")) {
            ("echo", text) => out.send(text)?,
            ("name", _) => out.send(name.as_deref().unwrap_or("nobody"))?,
            ("header", text) => {
                out.with().key("own").timestamp(7).partition(1).header("said", text).send(text)?
            }
            ("gone", _) => out.with().tombstone()?,
            ("count", _) => {
                let total = total.or_default()?;
                *total += step;
                numbers.send(*total)?;
            }
            ("visit", _) => {
                let visit = visit.or_default()?;
                visit.times += 1;
                numbers.send(visit.times.into())?;
            }
            ("set", field) => fields.set(field, 1)?,
            ("add", field) => *fields.or_default(field)? += 1,
            ("remove", field) => fields.remove(field)?,
            ("scan", prefix) => {
                let found: Vec<_> = fields.scan(prefix)?.collect::<Result<_>>()?;
                let found = found.iter().map(|(field, n)| format!("{}={n}", String::from_utf8_lossy(field)));
                out.send(&found.collect::<Vec<_>>().join(" "))?;
            }
            ("log", text) => warn!("{text}"),
            ("fail", code) => return Err(Error::reject(code.to_owned(), "told to")),
            ("retry", code) => return Err(Error::transient(code.to_owned(), "told to")),
            ("panic", text) => panic!("{text}"),
            _ => return Err(Error::reject("unknown", word)),
        }
    }
    Ok(())
}
