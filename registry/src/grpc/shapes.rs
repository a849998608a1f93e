//! From what is known of functions to messages.

use chrono::DateTime;
use invoker_core::function::{self, HeaderUse, SettingKind, SettingValue, StateKind};
use invoker_proto::registry::v1 as proto;

use crate::functions::{FunctionPage, Version, VersionPage};
use crate::store::{Compatibility, Deprecation, FunctionRecord};

pub(super) fn version(version: Version) -> proto::FunctionVersion {
    proto::FunctionVersion {
        name: version.name,
        tag: version.tag.unwrap_or_default(),
        digest: version.digest,
        component_digest: version.component,
        component_size: version.declaration.size,
        declaration: Some(declaration(version.declaration)),
        deprecation: version.deprecation.map(deprecation),
        compatibility: version.compatibility.map(compatibility),
        annotations: version.annotations.into_iter().collect(),
    }
}

pub(super) fn functions(page: FunctionPage) -> proto::ListFunctionsResponse {
    let summary = |function: crate::functions::FunctionSummary| proto::FunctionSummary {
        name: function.name,
        latest: function.latest.unwrap_or_default(),
    };
    proto::ListFunctionsResponse {
        functions: page.functions.into_iter().map(summary).collect(),
        next_page_token: page.next_page_token.unwrap_or_default(),
    }
}

pub(super) fn versions(page: VersionPage) -> proto::ListVersionsResponse {
    let summary = |version: crate::functions::VersionSummary| proto::VersionSummary {
        tag: version.tag,
        digest: version.digest,
        deprecation: version.deprecation.map(deprecation),
    };
    proto::ListVersionsResponse {
        versions: page.versions.into_iter().map(summary).collect(),
        next_page_token: page.next_page_token.unwrap_or_default(),
    }
}

pub(super) fn deprecation(deprecation: Deprecation) -> proto::Deprecation {
    let at = DateTime::parse_from_rfc3339(&deprecation.at).ok();
    let at = at.map(|at| prost_types::Timestamp { seconds: at.timestamp(), nanos: 0 });
    proto::Deprecation { message: deprecation.message, by: deprecation.by, at }
}

fn compatibility(compatibility: Compatibility) -> proto::Compatibility {
    let problem = |problem: crate::store::StateProblem| proto::StateIncompatibility {
        state: problem.state,
        message: problem.message,
        reason: problem.reason,
    };
    proto::Compatibility {
        against: compatibility.against,
        incompatibilities: compatibility.incompatibilities.into_iter().map(problem).collect(),
    }
}

fn declaration(record: FunctionRecord) -> proto::Declaration {
    let description = record.description;
    let property = |(name, value)| proto::Property { name, value };
    proto::Declaration {
        contract_version: record.contract_version,
        inputs: description.inputs.into_iter().map(port).collect(),
        outputs: description.outputs.into_iter().map(port).collect(),
        states: description.states.into_iter().map(state).collect(),
        settings: description.settings.into_iter().map(setting).collect(),
        imports: record.imports,
        language: record.language.unwrap_or_default(),
        sdk: record.sdk.unwrap_or_default(),
        headers: match description.headers {
            HeaderUse::Drop => "drop",
            HeaderUse::Forward => "forward",
            HeaderUse::Read => "read",
        }
        .to_owned(),
        max_records: description.max_records,
        record_deadline: description.record_deadline,
        properties: description.properties.into_iter().map(property).collect(),
    }
}

fn port(port: function::Port) -> proto::Port {
    proto::Port {
        name: port.name,
        content_type: port.content_type.unwrap_or_default(),
        schema: port.schema.unwrap_or_default(),
        doc: port.doc,
    }
}

fn state(state: function::StateSpec) -> proto::State {
    let kind = match state.kind {
        StateKind::Value => "value",
        StateKind::Map => "map",
        StateKind::SortedMap => "sorted-map",
    };
    proto::State {
        name: state.name,
        kind: kind.to_owned(),
        prefetch: state.prefetch,
        ttl: state.ttl,
        version: state.version,
        reads: state.reads,
        doc: state.doc,
    }
}

fn setting(setting: function::SettingSpec) -> proto::Setting {
    let kind = match setting.kind {
        SettingKind::Text => "text",
        SettingKind::Integer => "integer",
        SettingKind::Number => "number",
        SettingKind::Boolean => "boolean",
        SettingKind::Json => "json",
    };
    let json = |value: SettingValue| match value {
        SettingValue::Text(text) => serde_json::json!(text).to_string(),
        SettingValue::Integer(number) => number.to_string(),
        SettingValue::Number(number) => serde_json::json!(number).to_string(),
        SettingValue::Boolean(value) => value.to_string(),
        SettingValue::Json(json) => json,
    };
    proto::Setting {
        name: setting.name,
        kind: kind.to_owned(),
        required: setting.required,
        default: setting.default.map(json),
        secret: setting.secret,
        doc: setting.doc,
    }
}
