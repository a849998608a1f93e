//! How a run stands at one moment.

use std::sync::Arc;
use std::time::Duration;

use invoker_host::HostStatus;
use serde_json::{Value, json};

use super::feed::{InputProgress, InputState};
use super::sink::OutputProgress;

/// Inputs, entities and outputs at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub inputs: Vec<InputRow>,
    pub status: HostStatus,
    pub outputs: Vec<OutputRow>,
}

#[derive(Clone, Debug)]
pub struct InputRow {
    pub topic: String,
    pub place: String,
    pub records: u64,
    pub bytes: u64,
    pub state: InputState,
}

#[derive(Clone, Debug)]
pub struct OutputRow {
    pub topic: String,
    pub place: String,
    pub records: u64,
}

impl Snapshot {
    pub fn take(inputs: &[Arc<InputProgress>], status: HostStatus, outputs: &[Arc<OutputProgress>]) -> Self {
        let inputs = inputs.iter().map(|input| InputRow {
            topic: input.topic.clone(),
            place: input.source.clone(),
            records: input.records(),
            bytes: input.bytes(),
            state: input.state(),
        });
        let outputs = outputs.iter().map(|output| OutputRow {
            topic: output.topic.clone(),
            place: output.target.clone(),
            records: output.records(),
        });
        Self { inputs: inputs.collect(), status, outputs: outputs.collect() }
    }

    pub fn to_json(&self, elapsed: Duration) -> Value {
        let inputs: Vec<_> = self
            .inputs
            .iter()
            .map(|i| json!({"topic": i.topic, "from": i.place, "records": i.records, "bytes": i.bytes}))
            .collect();
        let outputs: Vec<_> = self
            .outputs
            .iter()
            .map(|o| json!({"topic": o.topic, "to": o.place, "records": o.records}))
            .collect();
        let seconds = elapsed.as_millis() as f64 / 1000.0;
        json!({"seconds": seconds, "inputs": inputs, "entities": self.status.entities, "outputs": outputs})
    }
}

/// Entity, partition and reason of every partition that stopped.
pub fn stopped(status: &HostStatus) -> impl Iterator<Item = (&str, u32, &str)> {
    status.entities.iter().flat_map(|entity| {
        entity.partitions.iter().filter_map(|at| Some((entity.id.as_str(), at.partition, at.state.ended()?)))
    })
}
