//! Passes every record on as it is.

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::invoker::udf::function::Guest;
use invoker::udf::types::*;

struct Identity;

impl Guest for Identity {
    fn describe() -> Description {
        Description {
            inputs: vec![],
            outputs: vec![Port { name: "out".into(), content_type: None, schema: None, doc: String::new() }],
            states: vec![],
            settings: vec![],
            headers: HeaderUse::Forward,
            max_records: None,
            record_deadline: None,
            properties: vec![],
        }
    }

    fn init(_: InstanceInfo) -> Result<(), Failure> {
        Ok(())
    }

    fn process(batch: InputBatch) -> Result<BatchResult, Failure> {
        let records = batch.offset_deltas.len();
        Ok(BatchResult {
            consumed: records as u32,
            stopped: None,
            outputs: OutputBatch {
                sources: (0..records as u32).collect(),
                ports: vec![],
                keys: None,
                values: batch.values,
                event_times: vec![],
                partitions: vec![],
                headers: None,
            },
            states: vec![],
            rejects: vec![],
        })
    }
}

export!(Identity);
