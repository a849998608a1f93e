//! Payments into euros, by rates that the deployment gives. A currency without a rate is a reject: its records wait in
//! the dead-letter topic until somebody gives the rate and replays them.

use std::collections::BTreeMap;

use invoker_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// A payment. Its key is the account.
#[derive(Deserialize)]
struct Payment {
    cents: u64,
    currency: String,
}

/// A payment in euros.
#[derive(Serialize)]
struct Converted {
    euro_cents: u64,
    /// Of all payments of the account.
    total: u64,
}

/// Converts payments and adds them up by account.
#[function]
fn convert(
    record: Record<'_>,
    /// Euro cents of all payments of an account.
    total: &mut Value<u64>,
    /// Euros that one of each currency is worth.
    #[setting]
    rates: &Json<BTreeMap<String, f64>>,
    /// Each payment in euros.
    converted: &mut Output<Json<Converted>>,
) -> Result {
    let Payment { cents, currency } = record.json()?;
    let Some(rate) = rates.get(&currency) else {
        return Err(Error::reject("no-rate", format_args!("there is no rate for \"{currency}\"")));
    };
    let euro_cents = (cents as f64 * rate).round() as u64;
    let total = total.or_default()?;
    *total += euro_cents;
    converted.send(&Converted { euro_cents, total: *total })
}
