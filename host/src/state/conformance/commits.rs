//! Facts about stage, promote and apply.

use super::*;

pub fn a_stage_sent_again_counts_once(open: Open<'_>) {
    let (store, scope) = (open(), scope("again"));
    let mut owner = Owner::fresh(&*store, &scope);
    let one = owner.stage(&change("k", Some("1")));
    assert_eq!(owner.send(one, &change("k", Some("1")), None, None), Answer::Ok);
    assert_eq!(owner.promote(one), Answer::Ok);
    assert_eq!(owner.promote(one), Answer::Ok);
    owner.committed = Some(one);
    let two = owner.stage(&change("k", Some("2")));
    assert_eq!(owner.send(two, &change("k", Some("2")), Some(one), Some(one)), Answer::Ok);
    assert_eq!(owner.promote(two), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("2"));
}

pub fn a_used_sequence_is_refused(open: Open<'_>) {
    let (store, scope) = (open(), scope("sequence"));
    let mut owner = Owner::fresh(&*store, &scope);
    let one = owner.commit(&change("k", Some("1")));
    let aborted = owner.stage(&change("k", Some("2")));
    let three = owner.stage(&change("k", Some("3")));
    let send = |id| owner.send(id, &change("k", Some("x")), Some(one), Some(one));
    assert_eq!((send(one), send(aborted)), (Answer::RefusedOld, Answer::RefusedOld));
    assert_eq!(owner.promote(three), Answer::Ok, "the refused ones dropped nothing");
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("3"));
    let mut next = Owner::start(&*store, &scope, "b", Some(three));
    next.commit(&change("k", Some("4")));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("4"), "another token counts from the start");
}

pub fn a_stage_promotes_what_is_committed_and_drops_the_rest(open: Open<'_>) {
    let (store, scope) = (open(), scope("stage"));
    let mut owner = Owner::fresh(&*store, &scope);
    let one = owner.stage(&change("a", Some("1")));
    owner.committed = Some(one);
    let aborted = owner.stage(&change("b", Some("2")));
    assert_eq!(value(&*store, &scope, "a").as_deref(), Some("1"), "promoted by the stage behind it");
    let three = owner.stage(&change("c", Some("3")));
    assert_eq!(owner.promote(aborted), Answer::StateLost { applied: Some(applied(one)) }, "dropped");
    assert_eq!(owner.promote(three), Answer::Ok);
    let values = ["a", "b", "c"].map(|key| value(&*store, &scope, key));
    assert_eq!(values, [Some("1".to_owned()), None, Some("3".to_owned())]);
}

pub fn a_pipelined_stage_leaves_the_one_before(open: Open<'_>) {
    let (store, scope) = (open(), scope("pipelined"));
    let mut owner = Owner::fresh(&*store, &scope);
    let base = owner.commit(&change("k", Some("0")));
    let one = owner.stage(&change("k", Some("1")));
    let (two, three) = (owner.next_id(), owner.next_id());
    assert_eq!(owner.send(two, &change("k", Some("2")), Some(base), Some(one)), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("0"), "neither is known committed");
    assert_eq!(owner.send(three, &change("k", Some("3")), Some(one), Some(two)), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
    assert_eq!(owner.promote(three), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("3"));
}

pub fn a_broken_chain_is_state_lost_and_changes_nothing(open: Open<'_>) {
    let (store, scope) = (open(), scope("chain"));
    let mut owner = Owner::fresh(&*store, &scope);
    let unknown = id(owner.token, 99);
    let first = owner.next_id();
    let new = change("k", Some("new"));
    assert_eq!(owner.send(first, &new, Some(unknown), Some(unknown)), Answer::StateLost { applied: None });
    let one = owner.commit(&change("k", Some("1")));
    let waiting = owner.stage(&change("k", Some("2")));
    let next = owner.next_id();
    let lost = Answer::StateLost { applied: Some(applied(one)) };
    assert_eq!(owner.send(next, &new, None, None), lost, "the store stands further than it is told");
    assert_eq!(owner.send(next, &new, Some(unknown), Some(unknown)), lost);
    assert_eq!(owner.send(next, &new, Some(one), Some(unknown)), lost, "pipelined behind nothing");
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
    assert_eq!(owner.promote(waiting), Answer::Ok, "what waited still waits");
    let next = owner.next_id();
    assert_eq!(owner.send(next, &new, Some(waiting), Some(waiting)), Answer::Ok, "no sequence was used up");
}

pub fn promote_makes_it_the_state_in_order(open: Open<'_>) {
    let (store, scope) = (open(), scope("promote"));
    let mut owner = Owner::fresh(&*store, &scope);
    assert_eq!(owner.promote(id(owner.token, 1)), Answer::StateLost { applied: None });
    let one = owner.stage(&change("k", Some("1")));
    let two = owner.next_id();
    assert_eq!(owner.send(two, &change("k", Some("2")), None, Some(one)), Answer::Ok);
    assert_eq!(owner.promote(one), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"), "up to the id and no further");
    assert_eq!(owner.promote(two), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("2"));
    assert_eq!(owner.promote(one), Answer::StateLost { applied: Some(applied(two)) });
    let taken = Owner::start(&*store, &scope, "b", Some(two));
    assert_eq!(taken.promote(two), Answer::Ok, "an id of an older token");
}

pub fn an_empty_stage_moves_the_position(open: Open<'_>) {
    let (store, scope) = (open(), scope("empty"));
    let mut owner = Owner::fresh(&*store, &scope);
    let one = owner.commit(&change("k", Some("1")));
    let two = owner.commit(&Changes::default());
    assert_ne!(one, two);
    assert_eq!(store.finish(&scope, owner.token, None).unwrap(), Some(Some(applied(two))));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
}

pub fn apply_writes_at_once_on_its_base(open: Open<'_>) {
    let (store, scope) = (open(), scope("apply"));
    let mut owner = Owner::fresh(&*store, &scope);
    let (one, two, three) = (owner.next_id(), owner.next_id(), owner.next_id());
    assert_eq!(owner.apply(None, one, &change("k", Some("1"))), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
    assert_eq!(owner.apply(Some(one), two, &change("k", Some("2"))), Answer::Ok);
    assert_eq!(owner.apply(Some(one), two, &change("k", Some("again"))), Answer::Ok, "sent again");
    let lost = Answer::StateLost { applied: Some(Applied { id: two, next: vec![1] }) };
    assert_eq!(owner.apply(Some(one), three, &change("k", Some("3"))), lost);
    assert_eq!(owner.apply(None, three, &change("k", Some("3"))), lost);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("2"));
    let taken = Owner::start(&*store, &scope, "b", None);
    assert_eq!(taken.committed, Some(two), "kept whatever the log knows");
}

pub fn a_stage_that_relies_on_a_promotion_finds_it_undone(open: Open<'_>) {
    let (store, scope) = (open(), scope("undone"));
    let mut owner = Owner::fresh(&*store, &scope);
    let one = owner.stage(&change("k", Some("1")));
    let stage = |id, changes, promoted| Stage {
        scope: &scope,
        token: owner.token,
        id,
        next: &[7],
        changes,
        committed: Some(one),
        previous: Some(one),
        promoted,
    };
    let (two, changes) = (id(owner.token, 2), change("k", Some("2")));
    // What a store looks like that promoted `one`, said so, and went back.
    assert_eq!(store.stage(&[stage(two, &changes, true)]).unwrap(), [Answer::StateLost { applied: None }]);
    assert_eq!(value(&*store, &scope, "k"), None);
    assert_eq!(owner.promote(one), Answer::Ok);
    assert_eq!(store.stage(&[stage(two, &changes, true)]).unwrap(), [Answer::Ok]);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
}

pub fn stages_of_one_call_are_independent(open: Open<'_>) {
    let store = open();
    let scopes = [scope("good"), scope("stale"), scope("lost"), scope("late")];
    let mut owners = scopes.each_ref().map(|scope| Owner::fresh(&*store, scope));
    Owner::take(&*store, &scopes[1], "thief");
    let new = change("k", Some("1"));
    let ids = owners.each_mut().map(Owner::next_id);
    let unknown = Some(id(owners[2].token, 9));
    let stage = |at: usize, committed| Stage {
        scope: &scopes[at],
        token: owners[at].token,
        id: ids[at],
        next: &[1],
        changes: &new,
        committed,
        previous: committed,
        promoted: false,
    };
    let stages = [stage(0, None), stage(1, None), stage(2, unknown), stage(3, None)];
    let lost = Answer::StateLost { applied: None };
    let answers = [Answer::Ok, Answer::Refused, lost.clone(), Answer::Ok];
    assert_eq!(store.stage(&stages).unwrap(), answers);
    let promotes: Vec<_> = (0..4).map(|at| (&scopes[at], owners[at].token, ids[at])).collect();
    assert_eq!(store.promote(&promotes).unwrap(), answers);
    let values = scopes.each_ref().map(|scope| value(&*store, scope, "k").is_some());
    assert_eq!(values, [true, false, false, true]);
    assert_eq!(store.stage(&[]).unwrap(), []);
}
