//! What a function declares, beside its component: written into the manifest when it is pushed, and read from there when
//! it is looked at, so that looking takes one small request.

use invoker_core::function::Description;
use invoker_engine::Function;
use invoker_oci::{FUNCTION_ANNOTATION, Manifest};
use serde::{Deserialize, Serialize};

/// Longest annotation, bytes: registries bound manifests.
const MOST: usize = 256 << 10;

/// What is known of a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Declared {
    pub(crate) contract_version: String,
    pub(crate) description: Description,
    pub(crate) imports: Vec<String>,
    pub(crate) language: Option<String>,
    pub(crate) sdk: Option<String>,
    /// Bytes of the component.
    pub(crate) size: u64,
}

impl Declared {
    pub(crate) fn of(function: &Function) -> Self {
        Self {
            contract_version: function.contract_version().to_owned(),
            description: (**function.description()).clone(),
            imports: function.imports().to_vec(),
            language: function.language().map(str::to_owned),
            sdk: function.sdk().map(str::to_owned),
            size: function.size() as u64,
        }
    }

    /// As an annotation; `None` where it would be too long for one.
    pub(super) fn annotation(&self) -> Option<(String, String)> {
        let text = serde_json::to_string(self).ok().filter(|text| text.len() <= MOST)?;
        Some((FUNCTION_ANNOTATION.to_owned(), text))
    }

    /// As the manifest of a function has it; `None` where it was pushed by another tool.
    pub(super) fn in_manifest(manifest: &Manifest) -> Option<Self> {
        serde_json::from_str(manifest.annotations.get(FUNCTION_ANNOTATION)?).ok()
    }
}
