//! What a user may choose about each record, and about what goes wrong. Types only; what they mean is done by the host.

use serde::{Deserialize, Serialize};

/// What a user is promised about each record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Offsets, outputs and state commit together: each record counts once.
    #[default]
    ExactlyOnce,
    /// Outputs are visible at once; after a failure some come again.
    AtLeastOnce,
    /// Offsets commit first; after a failure some records are lost. Stateless entities only.
    AtMostOnce,
}

/// What happens to a record that cannot be processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It is written to the dead-letter topic and the partition goes on.
    #[default]
    DeadLetter,
    /// It is counted and dropped.
    Skip,
    /// The partition stops in front of it.
    Stop,
}

/// What happens when state and committed offsets disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnStateLoss {
    /// The partition stops and both positions are reported.
    #[default]
    Fail,
    /// Go back to the position that the state belongs to: state right, outputs repeated.
    Rewind,
    /// Go on from the committed offsets with the state as it is.
    Accept,
}

/// What happens when an input topic of an entity with state grows. One without state takes the new partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnPartitionChange {
    /// The entity stops, and both counts are reported.
    #[default]
    Stop,
    /// It goes on; keys that moved start with empty state.
    Accept,
}

/// What happens when the log no longer holds the position that an input has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnOffsetOutOfRange {
    /// The partition stops, and what the log holds is reported.
    #[default]
    Stop,
    /// It goes on with the first record that is there; those before it are counted as passed over.
    Earliest,
    /// It goes on with what comes from now on; all records before that are counted as passed over.
    Latest,
}
