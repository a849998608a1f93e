//! Any sequence of batches, failures, commits and aborts under any budget, beside maps that say what must be seen.

use std::collections::{BTreeMap, BTreeSet};

use invoker_core::commit::CommitId;
use invoker_core::records::Column;
use proptest::prelude::*;

use super::tests::{COUNT, NOTE, PLAIN, Rig, SORTED, TTL, column, fields_at_most, update};
use crate::state::StateStore;

/// A write of a call: state, index of the key, field, value.
type Write = (u16, usize, usize, Option<usize>);

#[derive(Clone, Debug)]
enum Step {
    /// Records with these keys; the clock has moved on; the call writes, and counts or does not.
    Batch {
        keys: Vec<Option<usize>>,
        later: i64,
        writes: Vec<Write>,
        kept: bool,
    },
    Commit,
    Promote,
    Abort,
    /// The lane starts again.
    Recover,
    Relieve,
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0..4u16, 0..4usize, 0..FIELDS.len(), prop::option::weighted(0.8, 0..VALUES.len()));
    let batch = (
        prop::collection::vec(prop::option::weighted(0.9, 0..KEYS.len()), 1..6),
        prop_oneof![3 => Just(0i64), 1 => Just(400), 1 => Just(TTL as i64)],
        prop::collection::vec(write, 0..6),
        prop::bool::weighted(0.8),
    );
    prop_oneof![
        8 => batch.prop_map(|(keys, later, writes, kept)| Step::Batch { keys, later, writes, kept }),
        4 => Just(Step::Commit),
        2 => Just(Step::Promote),
        1 => Just(Step::Abort),
        1 => Just(Step::Recover),
        1 => Just(Step::Relieve),
    ]
}

const LONG: &str = "a key, a field or a value that is too long to lie inside";
const KEYS: [&str; 6] = ["", "a", "b", "c", "d", LONG];
/// In byte order.
const FIELDS: [&str; 5] = ["", "a", LONG, "ab", "b"];
const VALUES: [&str; 4] = ["", "1", "22", LONG];

type Place = (u16, &'static str, Option<&'static str>);
type Layer = BTreeMap<Place, (Option<&'static str>, i64)>;

/// Layers from old to new.
#[derive(Default)]
struct Model {
    committed: Layer,
    uncommitted: Layer,
    call: Layer,
    now: i64,
}

impl Model {
    fn value(&self, place: Place) -> Option<&'static str> {
        let layers = [&self.call, &self.uncommitted, &self.committed];
        let (value, expires) = layers.into_iter().find_map(|layer| layer.get(&place))?;
        value.filter(|_| *expires < 0 || *expires > self.now)
    }

    fn write(&mut self, place: Place, value: Option<&'static str>) {
        let expires = match place.0 {
            NOTE | SORTED if value.is_some() => self.now + TTL as i64,
            _ => -1,
        };
        self.call.insert(place, (value, expires));
    }

    fn fields(&self, state: u16, key: &'static str) -> Vec<(&'static str, &'static str)> {
        FIELDS.iter().filter_map(|field| Some((*field, self.value((state, key, Some(field)))?))).collect()
    }
}

struct Pair {
    rig: Rig,
    model: Model,
}

impl Pair {
    fn step(&mut self, step: Step) {
        match step {
            Step::Batch { keys, later, writes, kept } => self.batch(&keys, later, &writes, kept),
            Step::Commit => {
                self.changes_agree();
                self.rig.commit();
                self.model.committed.append(&mut self.model.uncommitted);
            }
            Step::Promote => self.rig.promote(),
            Step::Abort => {
                self.rig.cache.abort();
                self.model.uncommitted.clear();
            }
            Step::Recover => {
                self.rig.cache.clear();
                self.rig.promote();
                self.model.uncommitted.clear();
            }
            Step::Relieve => self.rig.cache.relieve(),
        }
        assert_eq!(self.rig.cache.bytes(), self.rig.cache.weighed());
        assert_eq!(self.rig.cache.account.uncommitted, self.rig.cache.weighed_uncommitted());
    }

    fn batch(&mut self, keys: &[Option<usize>], later: i64, writes: &[Write], kept: bool) {
        self.model.now += later;
        let keys: Vec<_> = keys.iter().map(|key| key.map(|at| KEYS[at])).collect();
        let mut distinct = Vec::new();
        for key in keys.iter().flatten() {
            if !distinct.contains(key) {
                distinct.push(*key);
            }
        }
        self.rig.cache.begin(&column(&keys), self.model.now);
        self.rig.cache.load(&self.rig.store).unwrap();
        let columns = self.rig.cache.take_columns();
        let index = |key: &&str| distinct.iter().position(|known| known == key).map_or(-1, |at| at as i32);
        assert_eq!(columns.key_of, keys.iter().map(|key| key.as_ref().map_or(-1, index)).collect::<Vec<_>>());
        assert_eq!(columns.states, [self.values(COUNT, &distinct)]);
        assert_eq!(columns.keys, distinct.iter().map(|key| Some(key.as_bytes())).collect());
        self.rig.cache.reuse(columns);
        self.reads_agree(&distinct);
        let mut updates: BTreeMap<(u16, u32), Option<&'static str>> = BTreeMap::new();
        for &(state, key, field, value) in writes.iter().filter(|write| write.1 < distinct.len()) {
            let value = value.map(|at| VALUES[at]);
            if state == PLAIN || state == SORTED {
                let (names, values) = (column(&[Some(FIELDS[field])]), column(&[value]));
                self.rig.cache.map_set_many(state, &[key as u32], &names, &values);
                self.model.write((state, distinct[key], Some(FIELDS[field])), value);
            } else {
                updates.insert((state, key as u32), value);
            }
        }
        self.reads_agree(&distinct);
        if kept {
            let of =
                |state| updates.iter().filter(|u| u.0.0 == state).map(|u| (u.0.1, *u.1)).collect::<Vec<_>>();
            self.rig.cache.keep(&[update(COUNT, &of(COUNT)), update(NOTE, &of(NOTE))]);
            for (&(state, key), &value) in &updates {
                self.model.write((state, distinct[key as usize], None), value);
            }
            self.model.uncommitted.append(&mut self.model.call);
        } else {
            self.rig.cache.drop_call();
            self.model.call.clear();
        }
    }

    fn values(&self, state: u16, keys: &[&'static str]) -> Column {
        keys.iter().map(|key| self.model.value((state, key, None)).map(str::as_bytes)).collect()
    }

    /// Every read that the call could make.
    fn reads_agree(&mut self, keys: &[&'static str]) {
        let all: Vec<u32> = (0..keys.len() as u32).collect();
        let notes = self.rig.cache.get_many(&self.rig.store, NOTE, &all, usize::MAX).unwrap();
        assert_eq!(notes, self.values(NOTE, keys));
        for state in [PLAIN, SORTED] {
            for (index, key) in all.iter().zip(keys) {
                // One field is read, the others are met by scans alone.
                let found = self.rig.field(state, *index, "a");
                assert_eq!(found.as_deref(), self.model.value((state, key, Some("a"))));
                self.scans_agree(state, *index, key);
            }
        }
    }

    fn scans_agree(&self, state: u16, index: u32, key: &'static str) {
        for (prefix, limit) in [("", 2), ("a", 1), ("", 50)] {
            let mut found: Vec<(String, String)> = Vec::new();
            let mut start: Option<Vec<u8>> = None;
            loop {
                let cache = &self.rig.cache;
                let page = cache
                    .map_scan(
                        &self.rig.store,
                        state,
                        index,
                        prefix.as_bytes(),
                        start.as_deref(),
                        fields_at_most(limit),
                    )
                    .unwrap();
                let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap().to_vec()).unwrap();
                found.extend(page.fields.iter().map(text).zip(page.values.iter().map(text)));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            if state == PLAIN {
                found.sort();
            }
            let mut expected = self.model.fields(state, key);
            expected.retain(|(field, _)| field.starts_with(prefix));
            let found: Vec<_> = found.iter().map(|(field, value)| (&field[..], &value[..])).collect();
            assert_eq!(found, expected);
        }
    }

    fn changes_agree(&self) {
        let changes = self.rig.cache.changes();
        let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        let found: Vec<_> = (0..changes.state.len())
            .map(|row| {
                let address =
                    (changes.state[row], text(changes.keys.get(row)), text(changes.fields.get(row)));
                (address, (text(changes.values.get(row)), changes.expires[row]))
            })
            .collect();
        let once: BTreeSet<_> = found.iter().map(|row| &row.0).collect();
        assert_eq!(once.len(), found.len(), "an address is there twice: {found:?}");
        let own = |text: &str| text.to_owned();
        let expected: BTreeMap<_, _> = self
            .model
            .uncommitted
            .iter()
            .map(|(&(state, key, field), &(value, expires))| {
                ((state, Some(own(key)), field.map(own)), (value.map(own), expires))
            })
            .collect();
        assert_eq!(found.into_iter().collect::<BTreeMap<_, _>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_sequence_of_batches_and_commits_agrees_with_the_model(
        budget in prop_oneof![Just(1usize), Just(2_000), Just(1 << 20)],
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut pair = Pair { rig: Rig::new(budget), model: Model::default() };
        for step in steps {
            pair.step(step);
        }
        // What a store alone says after the last commit is what the model knows as committed.
        pair.step(Step::Recover);
        let keys: Vec<_> = (0..KEYS.len()).map(Some).collect();
        pair.step(Step::Batch { keys, later: 0, writes: vec![], kept: false });
        let last: Option<CommitId> = pair.rig.committed;
        let applied = pair.rig.store.finish(pair.rig.cache.scope(), pair.rig.token, None).unwrap();
        prop_assert_eq!(applied.flatten().map(|applied| applied.id), last);
    }
}
