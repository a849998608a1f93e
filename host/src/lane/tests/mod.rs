//! Lanes over the embedded log and state, driven by a function in plain Rust.

/// What a log that stands in front of another, `self.log`, hands on as it is.
macro_rules! passed_on {
    () => {
        fn fence(&self, ids: &[String]) -> Result<(), crate::log::Error> {
            self.log.fence(ids)
        }

        fn delete_group(&self, group: &str) -> Result<(), crate::log::Error> {
            self.log.delete_group(group)
        }

        fn group(
            &self,
            group: &str,
        ) -> Result<Vec<(crate::log::TopicPartition, crate::log::Committed)>, crate::log::Error> {
            self.log.group(group)
        }
    };
}

mod changes;
mod group;
mod growth;
mod letters;
mod native;
mod positions;
mod range;
mod rules;
mod sim;
mod stall;
mod upkeep;
