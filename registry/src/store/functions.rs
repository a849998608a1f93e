//! What functions declare, as found when they were pushed.

use invoker_core::function::Description;
use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Paths, Store, StoreError};
use crate::digest::Digest;
use crate::name::Repository;

/// What validation found out about a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionRecord {
    /// Version of the contract `invoker:udf` that it was built for.
    pub contract_version: String,
    pub description: Description,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    pub language: Option<String>,
    pub sdk: Option<String>,
    /// Bytes of the component.
    pub size: u64,
}

impl Store {
    /// What a component declares; `None` if it was not pushed as a function.
    pub async fn function(
        &self,
        repository: &Repository,
        component: &Digest,
    ) -> Result<Option<FunctionRecord>, StoreError> {
        let path = Paths(repository).function(component);
        let record = match self.objects.get(&path).await {
            Err(error) if StoreError::is_missing(&error) => return Ok(None),
            found => found?.bytes().await?,
        };
        let broken =
            |error: serde_json::Error| StoreError::Record { path: path.to_string(), why: error.to_string() };
        serde_json::from_slice(&record).map(Some).map_err(broken)
    }

    pub(crate) async fn write_function(
        &self,
        repository: &Repository,
        component: &Digest,
        function: &FunctionRecord,
    ) -> Result<(), StoreError> {
        let path = Paths(repository).function(component);
        let record = serde_json::to_vec(function)
            .map_err(|error| StoreError::Record { path: path.to_string(), why: error.to_string() })?;
        self.objects.put(&path, record.into()).await?;
        Ok(())
    }
}
