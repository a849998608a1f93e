//! What a function declares about itself: the answer of `describe` in the WIT contract, in the same shape.

use serde::{Deserialize, Serialize};

/// What a function needs and gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Empty = one input of any bytes.
    pub inputs: Vec<Port>,
    /// Empty = no output.
    pub outputs: Vec<Port>,
    pub states: Vec<StateSpec>,
    pub settings: Vec<SettingSpec>,
    pub headers: HeaderUse,
    /// Most records per call; `None` = the host's choice.
    pub max_records: Option<u32>,
    /// Milliseconds that one record may take; `None` = the host's.
    pub record_deadline: Option<u32>,
    pub properties: Vec<(String, String)>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Port {
    pub name: String,
    /// Media type; `None` = bytes.
    pub content_type: Option<String>,
    pub schema: Option<String>,
    pub doc: String,
}

/// A keyed state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StateSpec {
    pub name: String,
    pub kind: StateKind,
    /// Value states only: handed over with the batch.
    pub prefetch: bool,
    /// Time to live since the last write, milliseconds.
    pub ttl: Option<u64>,
    /// Version of the stored encoding.
    pub version: u32,
    /// Older versions that this code still reads.
    pub reads: Vec<u32>,
    pub doc: String,
}

/// How a state is laid out and scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StateKind {
    /// One value per key.
    Value,
    /// Fields to values per key, scanned in no order.
    Map,
    /// Fields to values per key, scanned in byte order.
    SortedMap,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SettingSpec {
    pub name: String,
    pub kind: SettingKind,
    pub required: bool,
    pub default: Option<SettingValue>,
    /// Given by reference only, never shown.
    pub secret: bool,
    pub doc: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    Text,
    Integer,
    Number,
    Boolean,
    Json,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum SettingValue {
    Text(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    /// JSON text.
    Json(String),
}

/// What happens to headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum HeaderUse {
    /// Outputs start without headers.
    Drop,
    /// Outputs carry their source's headers; the function sees none.
    #[default]
    Forward,
    /// Handed over with the batch.
    Read,
}
