//! Keyed state through a real component: what reaches the host's store, and what never does.

mod support;

use std::collections::HashMap;

use invoker_core::records::Column;
use invoker_engine::{CallError, InstanceOptions, ScanLimit, ScanPage, StateAccess, StateError};
use support::{Log, call, call_with, hostile, instance};

/// State of one batch in memory. It trusts its arguments, as the engine promises.
struct Memory {
    calls: usize,
    fails: bool,
    /// Of every key.
    value: Vec<u8>,
    fields: HashMap<(u32, Vec<u8>), Vec<u8>>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { calls: 0, fails: false, value: b"kept".to_vec(), fields: HashMap::new() }
    }
}

impl Memory {
    fn called(&mut self) -> Result<(), StateError> {
        self.calls += 1;
        if self.fails {
            return Err(StateError::new("connection refused", true));
        }
        Ok(())
    }
}

impl StateAccess for Memory {
    fn get_many(&mut self, state: u16, keys: &[u32], most: usize) -> Result<Column, StateError> {
        self.called()?;
        assert_eq!(state, 2);
        if keys.len() * self.value.len() > most {
            return Err(StateError::too_large(most));
        }
        Ok(keys.iter().map(|_| Some(&self.value[..])).collect())
    }

    fn map_get_many(
        &mut self,
        _: u16,
        keys: &[u32],
        fields: &Column,
        _: usize,
    ) -> Result<Column, StateError> {
        self.called()?;
        let wanted = keys.iter().zip(fields.iter().flatten());
        Ok(wanted.map(|(key, field)| self.fields.get(&(*key, field.to_vec())).map(Vec::as_slice)).collect())
    }

    fn map_set_many(
        &mut self,
        _: u16,
        keys: &[u32],
        fields: &Column,
        values: &Column,
    ) -> Result<(), StateError> {
        self.called()?;
        for ((key, field), value) in keys.iter().zip(fields.iter().flatten()).zip(values.iter()) {
            self.fields.insert((*key, field.to_vec()), value.unwrap_or_default().to_vec());
        }
        Ok(())
    }

    fn map_scan(
        &mut self,
        _: u16,
        key: u32,
        prefix: &[u8],
        _: Option<&[u8]>,
        _: ScanLimit,
    ) -> Result<ScanPage, StateError> {
        self.called()?;
        let found = || self.fields.iter().filter(|((of, field), _)| *of == key && field.starts_with(prefix));
        Ok(ScanPage {
            fields: found().map(|((_, field), _)| Some(field.as_slice())).collect(),
            values: found().map(|(_, value)| Some(value.as_slice())).collect(),
            next: None,
        })
    }
}

#[test]
fn a_function_reads_and_writes_the_state_of_its_batch() {
    let log = Log::default();
    let mut instance = hostile().instantiate(&log.options()).expect("starts");
    let (result, mut state) =
        call_with(&mut instance, &["a", "state:get", "state:map"], Box::<Memory>::default());
    result.expect("result");
    assert_eq!(log.take()[0].message, format!("got {:?}", Some(b"kept")));
    let fields = [Some(&b"field"[..])].into_iter().collect();
    let values = state.map_get_many(1, &[2], &fields, usize::MAX).expect("given back");
    assert_eq!(values.get(0), Some(&b"value"[..]), "the state that was lent holds what was written");
}

#[test]
fn a_store_that_is_away_ends_the_call_and_is_given_back() {
    let mut instance = instance();
    let away = Box::new(Memory { fails: true, ..Memory::default() });
    let (result, mut state) = call_with(&mut instance, &["state:get"], away);
    let error = result.expect_err("the store is away");
    assert!(matches!(&error, CallError::State(_)) && error.is_retryable(), "{error}");
    assert_eq!(error.to_string(), "state is not available: connection refused");
    assert!(!instance.usable());
    assert!(state.get_many(2, &[], usize::MAX).is_err(), "the same store came back");
}

#[test]
fn wrong_arguments_never_reach_the_store() {
    let wrong = [
        ("no-state", "`get-many` names state 77, but the function declares 3"),
        ("not-a-value", "`get-many` asks for state \"fields\", which is a map"),
        ("not-a-map", "`map-get-many` asks for state \"totals\", which holds one value per key"),
        ("prefetched", "`get-many` asks for state \"counts\", which is handed over with the batch"),
        ("no-key", "`keys[1]` of `get-many` is 4000000, but the batch has 2 keys"),
        ("scan-no-key", "`keys[0]` of `map-scan` is 4000000, but the batch has 2 keys"),
        ("absent-field", "`fields[0]` of `map-set-many` is absent, but a field has a name"),
        ("few-fields", "`fields` of `map-get-many` has 1 items, but `keys` has 2"),
        ("few-values", "`values` of `map-set-many` has 0 items, but `keys` has 1"),
        ("bad-column", "`fields` of `map-get-many`: item 0 ends at byte 9, but there are 5 bytes"),
    ];
    for (what, wanted) in wrong {
        let command = format!("state:{what}");
        // A store that fails whatever it is asked: had it been asked, the error would be its own.
        let store = Box::new(Memory { fails: true, ..Memory::default() });
        let (result, _) = call_with(&mut instance(), &["a", &command], store);
        let error = result.expect_err(what);
        assert!(matches!(error, CallError::BadArgument(_)), "{what}: {error}");
        assert_eq!(
            error.to_string(),
            format!("the function called the host with a wrong argument: {wanted}")
        );
    }
}

#[test]
fn a_function_that_was_lent_no_state_is_told_so() {
    let error = call(&["state:get"]).expect_err("no state");
    assert_eq!(error.to_string(), "state is not available: this function was given no state");
    assert!(!error.is_retryable());
}

#[test]
fn what_a_call_writes_to_its_maps_is_bounded_as_a_whole() {
    let options = InstanceOptions { output_bytes: 4 << 20, ..InstanceOptions::default() };
    let mut instance = hostile().instantiate(&options).expect("starts");
    let (result, _) = call_with(&mut instance, &["a", "state:hoard"], Box::<Memory>::default());
    let error = result.expect_err("it never stops by itself");
    assert!(matches!(error, CallError::OutputTooLarge { limit } if limit == 4 << 20), "{error}");
}

#[test]
fn more_state_than_the_memory_of_an_instance_is_not_put_together() {
    let store = Memory { value: vec![7; 1 << 20], ..Memory::default() };
    let (result, _) = call_with(&mut instance(), &["a", "state:ask"], Box::new(store));
    let error = result.expect_err("a thousand times a MiB");
    let limit = InstanceOptions::default().memory_bytes;
    assert!(matches!(error, CallError::Memory { limit: is, .. } if is == limit), "{error}");
}
