//! Clicks of a visitor into sessions: a session ends when no click came for a while, which the next click tells.

use std::collections::BTreeMap;

use invoker_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// A click. Its key is the visitor, its timestamp when it was made.
#[derive(Deserialize)]
struct Click {
    page: String,
}

/// The session that a visitor is in.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Open {
    start: i64,
    last: i64,
    clicks: u64,
}

/// A session that ended.
#[derive(Serialize)]
struct Session {
    start: i64,
    end: i64,
    clicks: u64,
    /// How often each page was seen.
    pages: BTreeMap<String, u64>,
}

/// Makes sessions of clicks.
#[function]
fn sessions(
    record: Record<'_>,
    /// The session that a visitor is in.
    open: &mut Value<Json<Open>>,
    /// The pages seen in it, and how often each.
    pages: &mut Map<u64>,
    /// Minutes without a click that end a session.
    #[setting(default = 30)]
    minutes: &i64,
    /// Sessions that ended, under their visitor, with the time of their last click.
    sessions: &mut Output<Json<Session>>,
) -> Result {
    let Click { page } = record.json()?;
    let now = record.timestamp().or_reject("no-time")?;
    let open = open.or_default()?;

    if open.clicks > 0 && now - open.last > minutes * 60_000 {
        let seen: Vec<_> = pages.scan("")?.collect::<Result<_>>()?;
        for (page, _) in &seen {
            pages.remove(page)?;
        }
        let named = seen.into_iter().map(|(page, views)| (String::from_utf8_lossy(&page).into_owned(), views));
        let Open { start, last: end, clicks } = std::mem::take(open);
        sessions.with().timestamp(end).send(&Session { start, end, clicks, pages: named.collect() })?;
    }

    if open.clicks == 0 {
        open.start = now;
    }
    open.last = now;
    open.clicks += 1;
    *pages.or_default(page)? += 1;
    Ok(())
}
