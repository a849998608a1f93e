//! Numbers within their bounds and in proportion to each other, and what is not served yet.

use std::fmt::Display;

use super::Findings;
use super::partitions::MAX_PARTITIONS;
use crate::topology::entity::{Autoscale, Grants, LimitsSpec, RetryPolicy};
use crate::topology::units::{Bytes, Millis};
use crate::topology::yaml::path_of_field;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
/// Longest call and longest time between commits. A transaction stays open for both together, and a broker of Kafka
/// as it comes ends it after 15 minutes (`transaction.max.timeout.ms`).
const MAX_CALL: Millis = Millis(10 * MINUTE);
const MAX_COMMIT_INTERVAL: Millis = Millis(MINUTE);

pub(super) fn check(findings: &mut Findings<'_>) {
    let spec = &findings.resource().spec;
    within(findings, "spec.historyLimit", spec.history_limit, 0, 100);
    for (name, topic) in &spec.topics {
        let path = path_of_field("spec.topics", name);
        within(findings, &format!("{path}.partitions"), topic.partitions, 1, MAX_PARTITIONS);
        within(findings, &format!("{path}.replicationFactor"), topic.replication_factor, 1, 100);
    }
    for (path, entity) in findings.entities() {
        within(findings, &format!("{path}.parallelism"), entity.parallelism, 1, 1000);
        let field = format!("{path}.commitInterval");
        within(findings, &field, entity.commit_interval, Millis(1), MAX_COMMIT_INTERVAL);
        let field = format!("{path}.stallAfter");
        within(findings, &field, entity.stall_after, Millis(SECOND), Millis(24 * 60 * MINUTE));
        if let Some(limits) = &entity.limits {
            limits_fit(findings, &format!("{path}.limits"), limits);
        }
        if let Some(retry) = &entity.retry {
            retry_fits(findings, &format!("{path}.retry"), retry);
        }
        if let Some(autoscale) = &entity.autoscale {
            autoscale_fits(findings, &format!("{path}.autoscale"), autoscale);
        }
        if let Some(grants) = &entity.grants {
            no_grants(findings, &format!("{path}.grants"), grants);
        }
    }
}

fn within<T: PartialOrd + Display>(
    findings: &mut Findings<'_>,
    path: &str,
    given: Option<T>,
    low: T,
    high: T,
) {
    let Some(value) = given.filter(|value| *value < low || *value > high) else { return };
    let (why, help) = if value < low {
        (format!("it is at least {low}"), format!("write {low} or more"))
    } else {
        (format!("it is at most {high}"), format!("write {high} or less"))
    };
    findings.add(path, format!("{value} is out of range"), why, help);
}

fn limits_fit(findings: &mut Findings<'_>, path: &str, limits: &LimitsSpec) {
    let field = |name: &str| format!("{path}.{name}");
    within(findings, &field("deadline"), limits.deadline, Millis(1), MAX_CALL);
    within(findings, &field("batchDeadline"), limits.batch_deadline, Millis(1), MAX_CALL);
    within(findings, &field("memory"), limits.memory, Bytes(1 << 20), Bytes(4 << 30));
    within(findings, &field("output"), limits.output, Bytes(1 << 10), Bytes(1 << 30));
    within(findings, &field("batchRecords"), limits.batch_records, 1, 65_536);
    within(findings, &field("batchBytes"), limits.batch_bytes, Bytes(1 << 10), Bytes(256 << 20));
    within(findings, &field("stateCache"), limits.state_cache, Bytes(0), Bytes(64 << 30));
    if let (Some(one), Some(all)) = (limits.deadline, limits.batch_deadline)
        && one > all
    {
        let why = format!("one record may take {one} by `deadline`, so a call with one takes that long");
        let help = format!("write {one} or more, or a shorter `deadline`");
        findings.add(
            &field("batchDeadline"),
            format!("{all} is shorter than the deadline of one record"),
            why,
            help,
        );
    }
    if let (Some(memory), Some(batch)) = (limits.memory, limits.batch_bytes)
        && batch.0.saturating_mul(2) > memory.0
    {
        let why = format!("a batch of {batch} and what is made of it would not fit into {memory} of memory");
        let help = "write at most half of `memory`, or more `memory`";
        findings.add(&field("batchBytes"), format!("{batch} is more than half of the memory"), why, help);
    }
}

fn retry_fits(findings: &mut Findings<'_>, path: &str, retry: &RetryPolicy) {
    let longest = Millis(60 * MINUTE);
    within(findings, &format!("{path}.attempts"), retry.attempts, 0, 1000);
    within(findings, &format!("{path}.backoff"), retry.backoff, Millis(0), longest);
    within(findings, &format!("{path}.maxBackoff"), retry.max_backoff, Millis(0), longest);
    if let (Some(first), Some(most)) = (retry.backoff, retry.max_backoff)
        && first > most
    {
        let why = "it is the longest wait, and the first one is longer";
        let help = format!("write {first} or more, or a shorter `backoff`");
        findings.add(
            &format!("{path}.maxBackoff"),
            format!("{most} is shorter than backoff, {first}"),
            why,
            help,
        );
    }
}

fn autoscale_fits(findings: &mut Findings<'_>, path: &str, autoscale: &Autoscale) {
    within(findings, &format!("{path}.maxPods"), Some(autoscale.max_pods), 1, 1000);
    within(findings, &format!("{path}.targetLagSeconds"), autoscale.target_lag_seconds, 1, 86_400);
    within(findings, &format!("{path}.scaleDownDelaySeconds"), autoscale.scale_down_delay_seconds, 0, 86_400);
    if let Some(low) = autoscale.min_pods.filter(|low| *low > autoscale.max_pods) {
        let what = format!("{low} is more than maxPods, {}", autoscale.max_pods);
        let help = format!("write {} or less, or more `maxPods`", autoscale.max_pods);
        findings.add(&format!("{path}.minPods"), what, "there cannot be at least more than at most", help);
    }
}

fn no_grants(findings: &mut Findings<'_>, path: &str, grants: &Grants) {
    let given = [
        ("http", !grants.http.is_empty()),
        ("sockets", !grants.sockets.is_empty()),
        ("config", grants.config == Some(true)),
        ("logging", grants.logging == Some(true)),
    ];
    for (name, _) in given.into_iter().filter(|(_, given)| *given) {
        let why = "functions reach their records, state and settings, and nothing else for now";
        let help = format!("remove `{name}`, and use a function that does not import wasi:{name}");
        findings.add(&format!("{path}.{name}"), "not served yet", why, help);
    }
}
