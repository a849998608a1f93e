//! Counts the records of each key, and sends the count.

wit_bindgen::generate!({ path: "../../../wit", world: "udf" });

use exports::invoker::udf::function::Guest;
use invoker::udf::types::*;

struct Count;

/// One count per key of the batch.
struct Counts {
    of: Vec<u64>,
    seen: Vec<bool>,
    changed: Vec<u32>,
}

impl Counts {
    fn read(column: &Column) -> Self {
        let mut start = 0;
        let read = |&end: &i32| {
            let stop = if end < 0 { -1 - end } else { end } as usize;
            let text = std::str::from_utf8(&column.data[start..stop]).unwrap_or_default();
            start = stop;
            text.parse().unwrap_or(0)
        };
        let of: Vec<u64> = column.ends.iter().map(read).collect();
        Self { seen: vec![false; of.len()], changed: Vec::with_capacity(of.len()), of }
    }

    fn write(self) -> StateUpdate {
        let mut values = Column { ends: Vec::with_capacity(self.changed.len()), data: Vec::new() };
        for &key in &self.changed {
            push(&mut values, self.of[key as usize]);
        }
        StateUpdate { state: 0, keys: self.changed, values }
    }
}

fn push(column: &mut Column, number: u64) {
    column.data.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    column.ends.push(column.data.len() as i32);
}

impl Guest for Count {
    fn describe() -> Description {
        Description {
            inputs: vec![],
            outputs: vec![Port {
                name: "counts".into(),
                content_type: None,
                schema: None,
                doc: String::new(),
            }],
            states: vec![StateSpec {
                name: "total".into(),
                kind: StateKind::Value,
                prefetch: true,
                ttl: None,
                version: 1,
                reads: vec![],
                doc: String::new(),
            }],
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
        let mut counts = Counts::read(&batch.states[0]);
        let mut values = Column { ends: Vec::with_capacity(records), data: Vec::new() };
        for &key in &batch.key_of {
            let key = key as usize;
            counts.of[key] += 1;
            if !counts.seen[key] {
                counts.seen[key] = true;
                counts.changed.push(key as u32);
            }
            push(&mut values, counts.of[key]);
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
            states: vec![counts.write()],
            rejects: vec![],
        })
    }
}

export!(Count);
