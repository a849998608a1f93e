//! From a topology file to what a host runs: reads and checks the topology, loads its functions, plans.

use std::collections::BTreeMap;
use std::path::Path;
use invoker_core::document::HostDocument;
use invoker_engine::Function;
use invoker_host::log::Log;
use crate::environment::Environment;
use crate::error::Error;
use crate::deployments::Deployment;

pub const FILE: &str = "topology.yaml";

#[derive(Debug)]
pub struct Plan { pub document: HostDocument, pub functions: BTreeMap<String, Function>, pub topics: BTreeMap<String, u32> }
impl Plan {
    pub fn load(_path: &Path, _e: &Environment) -> Result<Self, Error> { todo!() }
    pub fn check_topic(&self, _t: &str, _o: &str) -> Result<(), Error> { todo!() }
    pub fn create_topics(&self, _l: &dyn Log) -> Result<(), Error> { todo!() }
    pub fn readers(&self) -> impl Iterator<Item = (String, &String)> { std::iter::empty() }
    pub fn notes(&self) -> &[String] { &[] }
    pub fn start_failed(&self, _e: &invoker_host::StartError) -> Error { todo!() }
    pub fn programs(&self) -> BTreeMap<String, std::sync::Arc<dyn invoker_host::program::Program>> { todo!() }
    pub fn deployment(&self) -> Deployment { todo!() }
}
