//! Names in shared services: groups, transactional ids, topics that the platform makes.

/// Consumer group of an entity.
pub fn group(prefix: &str, deployment: &str, entity: &str) -> String {
    format!("{prefix}.{deployment}.{entity}")
}

/// Transactional id of a lane. The incarnation of the process is part of it, so that a fence cannot hit a successor.
pub fn transactional_id(
    prefix: &str,
    deployment: &str,
    entity: &str,
    host: &str,
    incarnation: u64,
    lane: u32,
) -> String {
    format!("{prefix}.{deployment}.{entity}.{host}.{incarnation:016x}.{lane}")
}

/// Where an entity's dead letters go unless the topology names a topic.
pub fn dead_letter_topic(deployment: &str, entity: &str) -> String {
    format!("{deployment}.{entity}.dead-letter")
}

/// What the names begin with that a run keeps its files' positions under.
pub fn of_run(prefix: &str, deployment: &str) -> String {
    format!("{prefix}-run.{deployment}")
}

/// Consumer group whose positions say which dead letters of a topic were sent back. Without a prefix, which whoever
/// looks at the topic need not know: under another name, everything would be sent again.
pub fn replayed_group(topic: &str) -> String {
    format!("invoker-dlq.{topic}.replayed")
}

/// Transactional id of who sends dead letters of a topic back: one at a time.
pub fn replayer_id(topic: &str) -> String {
    format!("invoker-dlq.{topic}.replay")
}
