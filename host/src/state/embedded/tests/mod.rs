//! The conformance suite in memory and on disk, and what holds for this store alone.

mod damage;

use std::sync::Arc;

use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;

use super::*;
use crate::db::Durability;
use crate::state::{Changes, StateKind};

fn memory(journal: Journal) -> Arc<dyn StateStore> {
    Arc::new(EmbeddedState::open(Database::memory(), journal).unwrap())
}

fn at(dir: &std::path::Path) -> EmbeddedState {
    EmbeddedState::open(Database::open(dir, Durability::Commit).unwrap(), Journal::Own).unwrap()
}

crate::state_conformance!(in_memory, || memory(Journal::Shared));

mod on_disk {
    use super::*;

    thread_local! {
        /// Directories of the stores that this test opened.
        static DIRS: std::cell::RefCell<Vec<tempfile::TempDir>> = const { std::cell::RefCell::new(Vec::new()) };
    }

    fn open() -> Arc<dyn StateStore> {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(dir.path(), Durability::Process).unwrap();
        DIRS.with_borrow_mut(|dirs| dirs.push(dir));
        Arc::new(EmbeddedState::open(db, Journal::Own).unwrap())
    }

    crate::state_conformance!(facts, open);
}

fn scope() -> Scope {
    Scope { deployment: "d".into(), entity: "e".into(), partition: 3 }
}

fn take(state: &EmbeddedState, nonce: u64) -> Token {
    match state.take(&scope(), nonce, "t", state.owner(&scope()).unwrap()).unwrap() {
        Take::Taken { token, .. } => token,
        Take::Moved => panic!("moved"),
    }
}

fn changes(key: &[u8], value: &[u8]) -> Changes {
    Changes {
        states: vec![("v".into(), StateKind::Value)],
        state: vec![0],
        keys: [Some(key)].into_iter().collect(),
        fields: [None].into_iter().collect(),
        values: [Some(value)].into_iter().collect(),
        expires: vec![-1],
    }
}

fn stage(state: &EmbeddedState, id: CommitId, committed: Option<CommitId>, changes: &Changes) -> Answer {
    let scope = scope();
    let stage = Stage {
        scope: &scope,
        token: id.token,
        id,
        next: &[id.sequence],
        changes,
        committed,
        previous: committed,
        promoted: false,
    };
    state.stage(&[stage]).unwrap().remove(0)
}

fn read(state: &EmbeddedState, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let (scope, keys) = (scope(), [Some(key)].into_iter().collect());
    let fields = Column::default();
    let read = Read { scope: &scope, state: "v", kind: StateKind::Value, keys: &keys, fields: &fields };
    Ok(state.read(&[read])?.remove(0).values.get(0).map(<[u8]>::to_vec))
}

#[test]
fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let state = at(dir.path());
    let token = take(&state, 1);
    state.finish(&scope(), token, None).unwrap();
    let ids = [1, 2].map(|sequence| CommitId { token, sequence });
    assert_eq!(stage(&state, ids[0], None, &changes(b"k", b"1")), Answer::Ok);
    assert_eq!(stage(&state, ids[1], Some(ids[0]), &changes(b"k", b"2")), Answer::Ok);
    let meta = Meta { format: 1, partition_count: 6, ..Meta::default() };
    assert_eq!(state.set_meta(&scope(), token, &meta).unwrap(), Answer::Ok);
    drop(state);
    let state = at(dir.path());
    assert_eq!(state.owner(&scope()).unwrap(), Some(token));
    assert_eq!(state.meta(&scope()).unwrap(), Some(meta));
    assert_eq!(state.scopes().unwrap(), [scope()]);
    assert_eq!(read(&state, b"k").unwrap().as_deref(), Some(&b"1"[..]));
    assert_eq!(stage(&state, ids[1], Some(ids[0]), &changes(b"k", b"2")), Answer::Ok, "sent again");
    let Take::Taken { token, old_ids, pending, applied } = state.take(&scope(), 2, "u", Some(token)).unwrap()
    else {
        panic!("moved")
    };
    assert_eq!((old_ids, pending), (vec!["t".to_owned()], vec![ids[1]]));
    assert_eq!(applied, Some(Applied { id: ids[0], next: vec![1] }));
    let applied = state.finish(&scope(), token, Some(ids[1])).unwrap();
    assert_eq!(applied, Some(Some(Applied { id: ids[1], next: vec![2] })));
    assert_eq!(read(&state, b"k").unwrap().as_deref(), Some(&b"2"[..]), "from the rows on disk");
    let other = Scope { partition: 4, ..scope() };
    assert!(matches!(state.take(&other, 3, "t", None).unwrap(), Take::Taken { .. }));
    assert_eq!(
        read(&state, b"k").unwrap().as_deref(),
        Some(&b"2"[..]),
        "a new scope has a number of its own"
    );
}

/// A store with the value "1" of "k" promoted and "2" staged, and the id of the stage.
fn used() -> (EmbeddedState, CommitId) {
    let state = EmbeddedState::open(Database::memory(), Journal::Shared).unwrap();
    let token = take(&state, 1);
    let ids = [1, 2].map(|sequence| CommitId { token, sequence });
    assert_eq!(stage(&state, ids[0], None, &changes(b"k", b"1")), Answer::Ok);
    assert_eq!(stage(&state, ids[1], Some(ids[0]), &changes(b"k", b"2")), Answer::Ok);
    (state, ids[1])
}

#[test]
fn a_sweep_removes_what_expired_and_goes_on_where_it_ended() {
    let state = EmbeddedState::open(Database::memory(), Journal::Shared).unwrap();
    let token = take(&state, 1);
    let mut all = Changes { states: vec![("v".into(), StateKind::Value)], ..Changes::default() };
    for i in 0..20u8 {
        all.state.push(0);
        all.keys.push(Some(&[i]));
        all.fields.push(None);
        all.values.push(Some(b"x"));
        all.expires.push([-1, 999, 1_000, 1_001][usize::from(i) % 4]);
    }
    let id = CommitId { token, sequence: 1 };
    assert_eq!(stage(&state, id, None, &all), Answer::Ok);
    assert_eq!(state.promote(&[(&scope(), token, id)]).unwrap(), [Answer::Ok]);
    let sweep = || state.sweep(&scope(), token, 1_000, 8).unwrap();
    let mut steps = vec![sweep()];
    while !steps.last().unwrap().at_end {
        steps.push(sweep());
    }
    assert_eq!(steps.iter().map(|swept| swept.removed).collect::<Vec<_>>(), [2, 2, 1]);
    let left: Vec<_> = (0..20u8).filter(|i| read(&state, &[*i]).unwrap().is_some()).collect();
    assert_eq!(left, (0..20).filter(|i| i % 4 != 1).collect::<Vec<_>>());
    assert_eq!(sweep(), Swept { removed: 0, at_end: false }, "it begins anew");
}

#[test]
fn nothing_is_kept_of_a_stage_that_was_promoted_or_dropped() {
    let (state, staged) = used();
    let held = |state: &EmbeddedState| {
        (state.pending.range(b"", None).count(), scopes::lock(&state.scopes.get(&scope())).rows.len())
    };
    assert_eq!(held(&state), (1, 1), "the first was promoted by the second");
    let first = CommitId { sequence: 1, ..staged };
    let third = CommitId { sequence: 3, ..staged };
    assert_eq!(stage(&state, third, Some(first), &changes(b"k", b"3")), Answer::Ok);
    assert_eq!(held(&state), (1, 1), "the second was dropped");
    let token = take(&state, 2);
    state.finish(&scope(), token, None).unwrap();
    assert_eq!(held(&state), (0, 0));
}

const CHILD: &str = "INVOKER_STATE_TEST_DIR";

/// What the child of the next test does: commits one after another, and says which it was told are staged.
fn commit_for_ever(dir: &std::path::Path) {
    let state = at(dir);
    let token = take(&state, rand::random());
    let mut committed = state.finish(&scope(), token, None).unwrap().unwrap().map(|applied| applied.id);
    for sequence in 1.. {
        let id = CommitId { token, sequence };
        let text = id.to_string();
        assert_eq!(stage(&state, id, committed, &changes(b"k", text.as_bytes())), Answer::Ok);
        println!("staged {text}");
        committed = Some(id);
    }
}

#[test]
fn what_was_staged_outlives_a_killed_process() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return commit_for_ever(std::path::Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    for kill_after in [1, 7, 40] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "state::embedded::tests::what_was_staged_outlives_a_killed_process",
            ])
            .env(CHILD, dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        let mut staged = lines
            .map_while(Result::ok)
            .filter_map(|line| line.rsplit_once("staged ").and_then(|(_, id)| id.parse::<CommitId>().ok()));
        let seen = staged.by_ref().nth(kill_after).unwrap();
        child.kill().unwrap();
        let last = staged.last().unwrap_or(seen);
        child.wait().unwrap();
        let state = at(dir.path());
        let nonce = rand::random();
        let Take::Taken { token, pending, applied, .. } =
            state.take(&scope(), nonce, "t", state.owner(&scope()).unwrap()).unwrap()
        else {
            panic!("moved")
        };
        let newest = pending.last().copied().or(applied.map(|applied| applied.id)).unwrap();
        assert!(newest >= last, "{last} was staged, {newest} is the newest there");
        state.finish(&scope(), token, Some(newest)).unwrap();
        assert_eq!(read(&state, b"k").unwrap(), Some(newest.to_string().into_bytes()));
    }
}
