//! Scans over store and changes.

use super::*;
use crate::state::{Error, Page};

fn fields(page: &Page) -> Vec<String> {
    page.fields.iter().map(|field| text(field).unwrap()).collect()
}

#[test]
fn a_scan_lays_the_changes_over_the_store() {
    for state in [PLAIN, SORTED] {
        let mut rig = Rig::new(PLENTY);
        rig.begin(&["k", "other"], 0);
        for field in ["b", "d", "f", "h", "x"] {
            rig.set_field(state, 0, field, Some("store"));
        }
        rig.set_field(state, 1, "c", Some("another key's"));
        rig.cache.keep(&[]);
        rig.commit();
        rig.promote();
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "d", Some("pinned"));
        rig.set_field(state, 0, "e", Some("pinned"));
        rig.cache.keep(&[]);
        rig.commit();
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "f", None);
        rig.set_field(state, 0, "a", Some("kept"));
        rig.cache.keep(&[]);
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "i", Some("now"));
        rig.set_field(state, 0, "e", None);
        for limit in [1, 2, 3, 50] {
            let mut found = Vec::new();
            let mut start: Option<Vec<u8>> = None;
            loop {
                let page = rig
                    .cache
                    .map_scan(&rig.store, state, 0, b"", start.as_deref(), fields_at_most(limit))
                    .unwrap();
                assert!(page.fields.len() <= limit as usize);
                let pairs =
                    fields(&page).into_iter().zip(page.values.iter().map(|value| text(value).unwrap()));
                found.extend(pairs.map(|(field, value)| format!("{field} {value}")));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            if state == PLAIN {
                found.sort();
            }
            assert_eq!(
                found,
                ["a kept", "b store", "d pinned", "h store", "i now", "x store"],
                "limit {limit}"
            );
        }
        let prefixed = rig.cache.map_scan(&rig.store, state, 0, b"i", None, fields_at_most(9)).unwrap();
        assert_eq!((fields(&prefixed), prefixed.next), (vec!["i".to_owned()], None));
    }
}

#[test]
fn a_sorted_scan_starts_where_it_is_told() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["k"], 0);
    for field in ["a", "c", "e"] {
        rig.set_field(SORTED, 0, field, Some("1"));
    }
    rig.cache.keep(&[]);
    rig.commit();
    rig.promote();
    rig.begin(&["k"], 0);
    for field in ["b", "d", "f"] {
        rig.set_field(SORTED, 0, field, Some("2"));
    }
    let page = rig.cache.map_scan(&rig.store, SORTED, 0, b"", Some(b"b0"), fields_at_most(3)).unwrap();
    assert_eq!(
        (fields(&page), text(page.next.as_deref())),
        (["c", "d", "e"].map(str::to_owned).to_vec(), some("f"))
    );
}

#[test]
fn a_page_ends_before_it_has_too_many_bytes() {
    for state in [PLAIN, SORTED] {
        let mut rig = Rig::new(PLENTY);
        rig.begin(&["k"], 0);
        for field in ["a", "b", "c"] {
            rig.set_field(state, 0, field, Some("1234567"));
        }
        // Changes that the store does not show; a page of 8 bytes has one, of 7 one as well: it goes on.
        for bytes in [7, 8, 15] {
            let limit = ScanLimit { fields: 9, bytes };
            let page = rig.cache.map_scan(&rig.store, state, 0, b"", None, limit).unwrap();
            assert_eq!(fields(&page), ["a"], "{bytes}");
            let rest = rig.cache.map_scan(&rig.store, state, 0, b"", page.next.as_deref(), limit).unwrap();
            assert_eq!(fields(&rest), ["b"], "{bytes}");
        }
        rig.cache.keep(&[]);
        rig.commit();
        rig.promote();
        rig.cache.clear();
        rig.begin(&["k"], 0);
        let limit = ScanLimit { fields: 9, bytes: 23 };
        let page = rig.cache.map_scan(&rig.store, state, 0, b"", None, limit);
        // In no order the store's own page is the smallest there is.
        match state {
            SORTED => assert_eq!(fields(&page.unwrap()), ["a", "b"]),
            _ => assert!(matches!(page, Err(Error::TooLarge { most: 23 })), "{page:?}"),
        }
    }
}
