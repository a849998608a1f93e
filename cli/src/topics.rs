//! `invoker topics`: what topics there are. It counts offsets, which costs nothing; one in each partition
//! per commit is a marker and no record.

use invoker_host::log::TopicPartition;
use serde_json::json;

use crate::data::log_failed;
use crate::error::Error;
use crate::looking::Records;
use crate::print::Printer;
use crate::reader::Reader;

/// Lists topics, partitions and how many offsets each holds.
pub(crate) fn list(records: &Records, printer: &mut Printer) -> Result<(), Error> {
    let reader = Reader::of(&*records.log)?;
    let mut rows = Vec::new();
    let all = records.log.topics().list().map_err(|error| log_failed("cannot list topics", &error))?;
    let belongs = |name: &String| records.topics.as_ref().is_none_or(|topics| topics.contains(name));
    for topic in all.into_iter().filter(|topic| belongs(&topic.name)) {
        let mut bounds = Vec::new();
        for partition in 0..topic.partitions {
            let place = TopicPartition { topic: topic.name.clone(), partition };
            bounds.push(reader.bounds(&place)?);
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
