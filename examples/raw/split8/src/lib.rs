//! Cuts a record into eight pieces of equal length.

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::invoker::udf::function::Guest;
use invoker::udf::types::*;

struct Split8;

impl Guest for Split8 {
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
        let mut sources = Vec::with_capacity(8 * records);
        let mut values = Column {
            ends: Vec::with_capacity(8 * records),
            data: Vec::with_capacity(batch.values.data.len()),
        };
        let mut start = 0;
        for (record, &end) in batch.values.ends.iter().enumerate() {
            let stop = if end < 0 { -1 - end } else { end } as usize;
            let value = &batch.values.data[start..stop];
            for piece in 0..8 {
                values.data.extend_from_slice(&value[value.len() * piece / 8..value.len() * (piece + 1) / 8]);
                values.ends.push(values.data.len() as i32);
                sources.push(record as u32);
            }
            start = stop;
        }
        Ok(BatchResult {
            consumed: records as u32,
            stopped: None,
            outputs: OutputBatch {
                sources,
                ports: vec![],
                keys: None,
                values,
                event_times: vec![],
                partitions: vec![],
                headers: None,
            },
            states: vec![],
            rejects: vec![],
        })
    }
}

export!(Split8);
