//! Judges each payment of a card by those before it: is it much larger than usual, one of too many in a short time, or
//! made where its owner cannot have travelled to since the last one?

use invoker_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// A payment. Its key is the card, its timestamp when it was made.
#[derive(Deserialize)]
struct Payment {
    cents: u64,
    country: String,
}

/// What is known of a card.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Card {
    payments: u64,
    /// Of all payments; with their number, it gives the mean.
    cents: u64,
    /// Of the last payment.
    country: String,
    time: i64,
    /// Times of the last payments, oldest first, no more than may be made within the window.
    recent: Vec<i64>,
}

/// What was found about a payment.
#[derive(Serialize)]
struct Scored {
    cents: u64,
    country: String,
    /// Number of reasons to doubt it.
    risk: usize,
}

/// A payment that somebody should look at.
#[derive(Serialize)]
struct Alert {
    reasons: Vec<&'static str>,
    cents: u64,
    /// Cents that the card was usually charged with until then.
    mean: u64,
    /// Where it was used before, and now.
    from: String,
    to: String,
}

/// Scores payments by card.
#[function]
fn score(
    record: Record<'_>,
    /// What is known of a card; forgotten when it was not used for so long.
    #[state(ttl = "90d")]
    card: &mut Value<Json<Card>>,
    /// A payment of more than so many times the mean is doubted.
    #[setting(default = 8)]
    factor: &u64,
    /// So many payments tell what is usual for a card.
    #[setting(default = 5)]
    usual: &u64,
    /// More payments than this within `window` are doubted.
    #[setting(default = 5)]
    most: &usize,
    /// Milliseconds in which payments are counted.
    #[setting(default = 60_000)]
    window: &i64,
    /// Milliseconds that a card needs from one country to the next.
    #[setting(default = 3_600_000)]
    travel: &i64,
    /// Every payment, with the number of reasons to doubt it.
    scored: &mut Output<Json<Scored>>,
    /// Payments with such a reason.
    alerts: &mut Output<Json<Alert>>,
) -> Result {
    let Payment { cents, country } = record.json()?;
    if cents == 0 {
        return Err(Error::reject("no-amount", "the payment is of 0 cents"));
    }
    let now = record.timestamp().or_reject("no-time")?;
    let card = card.or_default()?;

    let mut reasons = Vec::new();
    if card.payments >= *usual && cents * card.payments > factor * card.cents {
        reasons.push("amount");
    }
    card.recent.retain(|&time| now - time < *window);
    if card.recent.len() >= *most {
        reasons.push("velocity");
        card.recent.remove(0);
    }
    if card.payments > 0 && card.country != country && now - card.time < *travel {
        reasons.push("country");
    }

    scored.send(&Scored { cents, country: country.clone(), risk: reasons.len() })?;
    if !reasons.is_empty() {
        let mean = card.cents / card.payments.max(1);
        let (from, to) = (card.country.clone(), country.clone());
        alerts.send(&Alert { reasons, cents, mean, from, to })?;
    }
    card.payments += 1;
    card.cents += cents;
    card.country = country;
    card.time = now;
    card.recent.push(now);
    Ok(())
}
