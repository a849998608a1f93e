//! Facts about take, raise, finish, check and release.

use super::*;
use crate::state::Meta;

pub fn take_is_a_compare_and_set(open: Open<'_>) {
    let (store, scope) = (open(), scope("take"));
    assert_eq!(store.owner(&scope).unwrap(), None);
    let first = Owner::take(&*store, &scope, "a").token;
    assert_eq!(store.owner(&scope).unwrap(), Some(first));
    assert_eq!(store.take(&scope, first.nonce ^ 1, "b", None).unwrap(), Take::Moved);
    let wrong = Token { epoch: first.epoch + 1, ..first };
    assert_eq!(store.take(&scope, first.nonce ^ 1, "b", Some(wrong)).unwrap(), Take::Moved);
    assert_eq!(store.owner(&scope).unwrap(), Some(first), "who did not take changed nothing");
    let second = Owner::take(&*store, &scope, "b").token;
    assert!(second.epoch > first.epoch, "{second:?} after {first:?}");
}

pub fn take_sent_again_answers_the_same(open: Open<'_>) {
    let (store, scope) = (open(), scope("again"));
    let mut first = Owner::fresh(&*store, &scope);
    let done = first.commit(&change("k", Some("1")));
    let waiting = first.stage(&change("k", Some("2")));
    let seen = Some(first.token);
    let take = || store.take(&scope, 77, "b", seen).unwrap();
    let answer = take();
    let Take::Taken { token, old_ids, pending, applied: at } = answer.clone() else { panic!("moved") };
    assert_eq!(token, Token { epoch: first.token.epoch + 1, nonce: 77 });
    assert_eq!((old_ids, pending, at), (vec!["t".to_owned()], vec![waiting], Some(applied(done))));
    assert_eq!(take(), answer);
    assert_eq!(store.owner(&scope).unwrap(), Some(token));
}

pub fn a_raised_epoch_counts_for_the_next_take(open: Open<'_>) {
    let (store, scope) = (open(), scope("raise"));
    let first = Owner::take(&*store, &scope, "a").token;
    assert_eq!(store.raise(&scope, first, 40).unwrap(), Answer::Ok);
    let raised = Token { epoch: 40, ..first };
    assert_eq!(store.owner(&scope).unwrap(), Some(raised));
    assert_eq!(store.check(&[(&scope, raised), (&scope, first)]).unwrap(), [Answer::Ok, Answer::Refused]);
    assert_eq!(store.raise(&scope, first, 41).unwrap(), Answer::Refused);
    assert_eq!(Owner::take(&*store, &scope, "b").token.epoch, 41);
}

pub fn transactional_ids_gather_until_finish(open: Open<'_>) {
    let (store, scope) = (open(), scope("ids"));
    let ids = |owner: &Owner<'_>| {
        let mut ids = owner.old_ids.clone();
        ids.sort();
        ids
    };
    assert_eq!(ids(&Owner::take(&*store, &scope, "a")), [""; 0]);
    assert_eq!(ids(&Owner::take(&*store, &scope, "b")), ["a"]);
    assert_eq!(ids(&Owner::take(&*store, &scope, "a")), ["a", "b"]);
    let third = Owner::take(&*store, &scope, "c");
    assert_eq!(ids(&third), ["a", "b"]);
    assert_eq!(store.finish(&scope, third.token, None).unwrap(), Some(None));
    assert_eq!(ids(&Owner::take(&*store, &scope, "d")), ["c"]);
}

pub fn finish_promotes_what_was_committed_and_drops_the_rest(open: Open<'_>) {
    let (store, scope) = (open(), scope("finish"));
    let mut first = Owner::fresh(&*store, &scope);
    let base = first.commit(&change("k", Some("0")));
    let one = first.stage(&change("k", Some("1")));
    let two = first.next_id();
    assert_eq!(first.send(two, &change("k", Some("2")), Some(base), Some(one)), Answer::Ok, "pipelined");
    let second = Owner::take(&*store, &scope, "b");
    assert_eq!(store.finish(&scope, second.token, Some(one)).unwrap(), Some(Some(applied(one))));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
    assert_eq!(
        store.finish(&scope, second.token, Some(one)).unwrap(),
        Some(Some(applied(one))),
        "sent again"
    );
    assert!(matches!(second.promote(two), Answer::StateLost { applied: Some(at) } if at == applied(one)));
}

pub fn finish_drops_everything_where_nothing_was_committed(open: Open<'_>) {
    let (store, scope) = (open(), scope("dropped"));
    let mut first = Owner::fresh(&*store, &scope);
    let waiting = first.stage(&change("k", Some("1")));
    let second = Owner::start(&*store, &scope, "b", None);
    assert_eq!(second.committed, None);
    assert_eq!(value(&*store, &scope, "k"), None);
    assert_eq!(second.promote(waiting), Answer::StateLost { applied: None });
}

pub fn finish_leaves_what_its_own_token_staged(open: Open<'_>) {
    let (store, scope) = (open(), scope("own"));
    let mut owner = Owner::fresh(&*store, &scope);
    let waiting = owner.stage(&change("k", Some("1")));
    assert_eq!(store.finish(&scope, owner.token, None).unwrap(), Some(None), "a late repetition");
    assert_eq!(owner.promote(waiting), Answer::Ok);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
}

pub fn a_stale_token_is_refused_everywhere(open: Open<'_>) {
    let (store, scope) = (open(), scope("stale"));
    let mut stale = Owner::fresh(&*store, &scope);
    let done = stale.commit(&change("k", Some("old")));
    let owner = Owner::start(&*store, &scope, "b", Some(done));
    let next = stale.next_id();
    let new = change("k", Some("new"));
    assert_eq!(stale.send(next, &new, Some(done), Some(done)), Answer::Refused);
    assert_eq!(stale.apply(Some(done), next, &new), Answer::Refused);
    assert_eq!(stale.promote(done), Answer::Refused);
    assert_eq!(store.check(&[(&scope, stale.token)]).unwrap(), [Answer::Refused]);
    assert_eq!(store.raise(&scope, stale.token, 99).unwrap(), Answer::Refused);
    assert_eq!(store.finish(&scope, stale.token, Some(done)).unwrap(), None);
    assert_eq!(store.release(&scope, stale.token).unwrap(), Answer::Refused);
    assert_eq!(store.set_meta(&scope, stale.token, &Meta::default()).unwrap(), Answer::Refused);
    assert_eq!(store.check(&[(&scope, owner.token)]).unwrap(), [Answer::Ok]);
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("old"));
    assert_eq!(store.meta(&scope).unwrap(), None);
}

pub fn after_a_release_there_is_nobody_to_fence(open: Open<'_>) {
    let (store, scope) = (open(), scope("release"));
    let mut first = Owner::fresh(&*store, &scope);
    let done = first.commit(&change("k", Some("1")));
    assert_eq!(store.release(&scope, first.token).unwrap(), Answer::Ok);
    assert_eq!(store.release(&scope, first.token).unwrap(), Answer::Ok, "sent again");
    let second = Owner::start(&*store, &scope, "b", Some(done));
    assert_eq!(second.old_ids, [""; 0]);
    assert_eq!(second.committed, Some(done));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("1"));
}
