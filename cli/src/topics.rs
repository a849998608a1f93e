//! `invoker topics`: what topics a data directory holds. It counts offsets, which costs nothing; one in each partition
//! per commit is a marker and no record.

use invoker_host::log::{Log, TopicPartition};
use serde_json::json;

use crate::data::log_failed;
use crate::error::Error;
use crate::print::Printer;
use crate::reader;

/// Lists topics, partitions and how many offsets each holds.
pub(crate) fn list(log: &dyn Log, printer: &mut Printer) -> Result<(), Error> {
    let failed = |error| log_failed("cannot list topics", &error);
    let source = reader::source(log)?;
    let mut rows = Vec::new();
    for topic in log.topics().list().map_err(failed)? {
        let mut bounds = Vec::new();
        for partition in 0..topic.partitions {
            let place = TopicPartition { topic: topic.name.clone(), partition };
            bounds.push(source.bounds(&place).map_err(failed)?);
        }
        let offsets: u64 = bounds.iter().map(|(start, end)| end.saturating_sub(*start)).sum();
        rows.push((topic, offsets, bounds));
    }
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|(topic, offsets, _)| {
            vec![topic.name.clone(), topic.partitions.to_string(), offsets.to_string()]
        })
        .collect();
    printer.table(&["topic", "partitions", "offsets"], &cells)?;
    for (topic, offsets, bounds) in rows {
        let bounds: Vec<_> = bounds.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
        printer.object(|| json!({"topic": topic.name, "offsets": offsets, "partitions": bounds}))?;
    }
    Ok(())
}
