//! Eviction, and budgets that caches share.

use super::*;

#[test]
fn the_cache_keeps_within_its_budget() {
    let mut rig = Rig::new(64 << 10);
    for round in 0..50 {
        let keys: Vec<_> = (0..100).map(|i| format!("{round} {i}")).collect();
        rig.begin(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        rig.cache.keep(&[]);
        assert!(rig.cache.bytes() <= 64 << 10, "{} bytes in round {round}", rig.cache.bytes());
    }
    assert!(rig.cache.bytes() > 32 << 10, "{} bytes", rig.cache.bytes());
    assert_eq!(rig.cache.bytes(), rig.cache.account.budget.used());
}

#[test]
fn keys_in_use_outlive_keys_that_came_once() {
    let mut rig = Rig::new(64 << 10);
    for round in 0..50 {
        let once: Vec<_> = (0..20).map(|i| format!("{round} {i}")).collect();
        let mut keys = vec!["often"];
        keys.extend(once.iter().map(String::as_str));
        rig.cache.begin(&keys.iter().map(|key| Some(key.as_bytes())).collect(), 0);
        let mut reads = Vec::new();
        let _ = rig.cache.missing(&mut reads);
        assert_eq!(reads[0].keys.get(0) == Some(b"often"), round == 0, "round {round}");
        drop(reads);
        rig.cache.load(&rig.store).unwrap();
        rig.cache.keep(&[]);
    }
}

#[test]
fn keys_of_the_batch_in_hand_stay() {
    let mut rig = Rig::new(1);
    rig.set("k", "1");
    rig.commit();
    rig.promote();
    rig.begin(&["k"], 0);
    rig.cache.relieve();
    rig.cache.relieve();
    assert_eq!(rig.cache.get_many(&rig.store, COUNT, &[0], usize::MAX).unwrap(), column(&[Some("1")]));
}

#[test]
fn clean_fields_of_a_key_in_use_are_given_back() {
    let mut rig = Rig::new(16 << 10);
    for round in 0..40 {
        rig.begin(&["k"], 0);
        let names: Vec<_> = (0..10).map(|i| format!("{round} {i}")).collect();
        names.iter().for_each(|name| assert_eq!(rig.field(PLAIN, 0, name), None));
        rig.set_field(SORTED, 0, &names[0], Some("kept"));
        rig.cache.keep(&[]);
        assert!(rig.cache.bytes() <= 16 << 10, "{} bytes in round {round}", rig.cache.bytes());
    }
    assert_eq!(rig.cache.changes().state.len(), 40);
    assert_eq!(rig.cache.bytes(), rig.cache.weighed());
}

#[test]
fn changes_that_fill_the_budget_ask_for_a_commit() {
    let mut rig = Rig::new(32 << 10);
    let long = "x".repeat(100);
    let mut sets = 0;
    while !rig.cache.wants_commit() {
        rig.set(&format!("{sets}"), &long);
        sets += 1;
        assert!(sets < 1000);
    }
    assert!(sets > 50, "{sets}");
    assert_eq!(rig.cache.changes().state.len(), sets);
    rig.commit();
    assert!(!rig.cache.wants_commit());
    rig.set("k", "1");
    rig.cache.abort();
    assert_eq!(rig.cache.account.budget.uncommitted(), 0);
}

#[test]
fn caches_share_a_budget_and_give_it_back() {
    let budget = Budget::new(64 << 10);
    let (mut one, mut two) = (Rig::of(budget.clone(), 0), Rig::of(budget.clone(), 1));
    let fill = |rig: &mut Rig, rounds| {
        for round in 0..rounds {
            let keys: Vec<_> = (0..100).map(|i| format!("{round} {i}")).collect();
            rig.begin(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 0);
            rig.cache.keep(&[]);
        }
    };
    fill(&mut one, 20);
    fill(&mut two, 20);
    assert!(two.cache.bytes() > 16 << 10, "a share although the other has filled the budget");
    one.cache.relieve();
    assert!(!budget.is_exceeded());
    assert_eq!(budget.used(), one.cache.bytes() + two.cache.bytes());
    two.set("k", "1");
    drop(two);
    assert_eq!((budget.used(), budget.uncommitted()), (one.cache.bytes(), 0));
}
