//! The text forms as JSON Schema.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Bytes, Millis, PartitionRange, Quantity, Start};

macro_rules! text_schema {
    ($($type:ident $pattern:literal),*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

text_schema! {
    Millis "^[0-9]+(ms|s|m|h|d)$",
    Bytes "^[0-9]+(B|KiB|MiB|GiB)$",
    Start "^(earliest|latest|timestamp:.+|offsets:[0-9]+=[0-9]+( *, *[0-9]+=[0-9]+)*)$"
}

macro_rules! number_or_text_schema {
    ($($type:ident $pattern:literal),*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "anyOf": [{ "type": "integer" }, { "type": "string" }],
                    "pattern": $pattern,
                    "x-kubernetes-int-or-string": true
                })
            }
        }
    )*};
}

number_or_text_schema! {
    PartitionRange "^[0-9]+(-[0-9]+)?$",
    Quantity "^[+-]?[0-9.]+([eE][+-]?[0-9]+|[numkMGTPE]i?)?$"
}
