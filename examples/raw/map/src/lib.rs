//! Upper-cases bytes 20 to 30 of each record.

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::invoker::udf::function::Guest;
use invoker::udf::types::*;

struct Map;

impl Guest for Map {
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
        let mut values =
            Column { ends: Vec::with_capacity(records), data: Vec::with_capacity(batch.values.data.len()) };
        let mut start = 0;
        for &end in &batch.values.ends {
            let stop = if end < 0 { -1 - end } else { end } as usize;
            let from = values.data.len();
            values.data.extend_from_slice(&batch.values.data[start..stop]);
            if let Some(field) = values.data[from..].get_mut(20..30) {
                field.make_ascii_uppercase();
            }
            let end_out = values.data.len() as i32;
            values.ends.push(if end < 0 { -1 - end_out } else { end_out });
            start = stop;
        }
        Ok(BatchResult {
            consumed: records as u32,
            stopped: None,
            outputs: OutputBatch {
                sources: (0..records as u32).collect(),
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

export!(Map);
