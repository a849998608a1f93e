//! What becomes of a running host when its document changes.

use std::time::Duration;

use invoker_core::document::{Delivery, HostDocument};

use super::native::{Bench, PARTITIONS, up_to, wait};
use crate::state::Scope;
use crate::{Change, Host, PartitionState, StartError};

const DEADLINE: Duration = Duration::from_secs(10);
/// One per partition.
const KEYS: [&str; 3] = ["a", "b", "c"];

fn round() -> Vec<(&'static str, &'static str)> {
    KEYS.iter().flat_map(|key| std::iter::repeat_n((*key, "word"), 50)).collect()
}

fn running(host: &Host) -> Vec<u32> {
    let entity = host.status().entities.remove(0);
    let runs = entity.partitions.into_iter().filter(|at| at.state == PartitionState::Running);
    runs.map(|at| at.partition).collect()
}

fn apply(host: &mut Host, bench: &Bench, change: impl FnOnce(&mut HostDocument)) -> Change {
    let mut document = bench.document(host.document().generation + 1);
    change(&mut document);
    host.apply(document, bench.programs(), DEADLINE).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_changed_entity_starts_anew_and_counts_on() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", round());
    let mut host = bench.start();
    wait(|| bench.is_done());
    let change = apply(&mut host, &bench, |document| document.entities[0].commit_interval_ms = 7);
    assert_eq!(change, Change { restarted: names(&["counter"]), ..Change::default() });
    bench.feed("in", round());
    wait(|| bench.is_done());
    assert_eq!(host.status().entities[0].records_in, 300, "totals go on");
    host.stop(DEADLINE).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(bench.outputs()[*key], up_to(100)));
}

#[test]
fn what_did_not_change_is_not_touched() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let mut host = bench.start();
    wait(|| running(&host) == [0, 1, 2]);
    let owner = |partition| {
        let (deployment, entity) = ("test".to_owned(), "counter".to_owned());
        bench.state.owner(&Scope { deployment, entity, partition }).unwrap()
    };
    let before: Vec<_> = (0..PARTITIONS).map(owner).collect();
    let change = apply(&mut host, &bench, |_| {});
    assert_eq!(change, Change { kept: names(&["counter"]), ..Change::default() });
    assert_eq!((0..PARTITIONS).map(owner).collect::<Vec<_>>(), before, "nobody took anything again");
    host.stop(DEADLINE).unwrap();
}

#[test]
fn partitions_come_and_go_while_the_others_run() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let mut host = bench.start();
    wait(|| running(&host) == [0, 1, 2]);
    let owner = |partition| {
        let (deployment, entity) = ("test".to_owned(), "counter".to_owned());
        bench.state.owner(&Scope { deployment, entity, partition }).unwrap()
    };
    let stays = owner(0);
    let change = apply(&mut host, &bench, |document| document.entities[0].partitions = vec![0, 2]);
    assert_eq!(change, Change { reassigned: names(&["counter"]), ..Change::default() });
    assert_eq!(running(&host), [0, 2]);
    assert_eq!(owner(0), stays);
    apply(&mut host, &bench, |document| document.entities[0].partitions = vec![0]);
    apply(&mut host, &bench, |_| {});
    bench.feed("in", round());
    wait(|| bench.is_done());
    assert_eq!(running(&host), [0, 1, 2]);
    assert_eq!(owner(0), stays, "it ran on all the while");
    host.stop(DEADLINE).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(bench.outputs()[*key], up_to(50)));
}

#[test]
fn partitions_move_under_load_without_loss_or_repeat() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let mut host = bench.start();
    for round_number in 0..20u32 {
        bench.feed("in", round());
        apply(&mut host, &bench, |document| {
            let entity = &mut document.entities[0];
            entity.lanes = 1 + round_number % 3;
            entity.partitions.retain(|partition| *partition != round_number % PARTITIONS);
        });
    }
    apply(&mut host, &bench, |_| {});
    wait(|| bench.is_done());
    host.stop(DEADLINE).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(bench.outputs()[*key], up_to(1000), "{key}"));
}

#[test]
fn an_entity_that_is_gone_lets_go_of_its_partitions() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let mut host = bench.start();
    wait(|| running(&host) == [0, 1, 2]);
    let change = apply(&mut host, &bench, |document| document.entities.clear());
    assert_eq!(change, Change { ended: names(&["counter"]), ..Change::default() });
    assert!(host.status().entities.is_empty());
    bench.feed("in", round());
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(50));
    host.stop(DEADLINE).unwrap();
}

#[test]
fn nonsense_and_old_documents_are_refused_and_what_runs_goes_on() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let mut host = bench.start();
    apply(&mut host, &bench, |_| {});
    let mut refuse = |change: &dyn Fn(&mut HostDocument)| {
        let mut document = bench.document(3);
        change(&mut document);
        let error = host.apply(document, bench.programs(), DEADLINE).unwrap_err();
        assert_eq!(host.document().generation, 2);
        error
    };
    assert!(matches!(
        refuse(&|document| document.generation = 1),
        StartError::OldGeneration { given: 1, running: 2 }
    ));
    let other = refuse(&|document| {
        document.generation = 2;
        document.entities.clear();
    });
    assert!(matches!(other, StartError::SameGeneration { generation: 2 }));
    let topic = refuse(&|document| document.entities[0].inputs[0].topic = "none".to_owned());
    assert!(matches!(topic, StartError::NoTopic { topic, .. } if topic == "none"));
    let partition = refuse(&|document| document.entities[0].partitions = vec![PARTITIONS]);
    assert!(matches!(partition, StartError::NoPartition { partition: PARTITIONS, .. }));
    let ground = refuse(&|document| document.prefix = "other".to_owned());
    assert!(matches!(ground, StartError::OtherGround));
    bench.feed("in", round());
    wait(|| bench.is_done());
    host.stop(DEADLINE).unwrap();
}
