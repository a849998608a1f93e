//! The shape of a function as an artifact: the layout for WebAssembly that `wkg` and other tools use. Owns what is
//! written into it and how one is told from anything else.
//!
//! The same component is the same bytes of manifest and config wherever and whenever it is pushed, so its digest is the
//! same too: there is no time and no name of a version in them.

use std::collections::BTreeMap;

use invoker_core::function_name::{FunctionName, is_digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::error::Error;

/// Media type of the config of a WebAssembly artifact.
pub const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// Media type of a component.
pub const LAYER_TYPE: &str = "application/wasm";
/// Media type of the manifest of an artifact.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Annotation with what the function declares, as JSON, so that it can be looked at without the component.
pub const FUNCTION_ANNOTATION: &str = "io.invoker.function";
/// Largest component that is pulled, bytes.
const COMPONENT_BYTES: u64 = 256 << 20;

/// `sha256:` and the digest of these bytes.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// What a manifest says of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    pub media_type: String,
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// The manifest of an artifact, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub schema_version: u32,
    #[serde(default)]
    pub media_type: String,
    pub config: Descriptor,
    pub layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads the manifest of a function; an error for what is none.
    pub(crate) fn of_function(name: &FunctionName, bytes: &[u8]) -> Result<Self, Error> {
        let not = |why: String| Error::NotFunction { name: name.to_string(), why };
        let kind = serde_json::from_slice::<serde_json::Value>(bytes).ok();
        if kind.is_some_and(|json| json.get("manifests").is_some()) {
            return Err(not("it is an index of several artifacts".to_owned()));
        }
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| not(format!("its manifest cannot be read: {error}")))?;
        if manifest.config.media_type != CONFIG_TYPE {
            let kind = &manifest.config.media_type;
            return Err(not(format!("it is an artifact of the type {kind:?}, not {CONFIG_TYPE:?}")));
        }
        match manifest.layers.as_slice() {
            [one] if !is_digest(&one.digest) => {
                Err(not(format!("its component has the digest {:?}, which is none of SHA-256", one.digest)))
            }
            [one] if one.media_type == LAYER_TYPE && one.size <= COMPONENT_BYTES => Ok(manifest),
            [one] if one.media_type == LAYER_TYPE => {
                Err(not(format!("its component has {} bytes, and {COMPONENT_BYTES} are the most", one.size)))
            }
            [one] => Err(not(format!("its layer is of the type {:?}, not {LAYER_TYPE:?}", one.media_type))),
            layers => Err(not(format!("it has {} layers, and a function has one", layers.len()))),
        }
    }

    /// The component of a function.
    pub fn component(&self) -> Option<&Descriptor> {
        self.layers.first()
    }
}

/// A function as it is pushed.
#[derive(Clone, Debug)]
pub struct Artifact {
    pub(crate) component: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) manifest: Vec<u8>,
    digest: String,
}

impl Artifact {
    /// The artifact of a component; `imports` are those of the component.
    pub fn new(component: Vec<u8>, imports: &[String], annotations: BTreeMap<String, String>) -> Self {
        let layer = descriptor(LAYER_TYPE, &component);
        // The layout asks for a time; what is the same is to have the same digest.
        let config = json!({
            "created": "1970-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": {"exports": [], "imports": imports, "target": null},
        });
        let config = config.to_string().into_bytes();
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST_TYPE.to_owned(),
            config: descriptor(CONFIG_TYPE, &config),
            layers: vec![layer],
            annotations,
        };
        let manifest = serde_json::to_vec(&manifest).unwrap_or_default();
        let digest = sha256(&manifest);
        Self { component, config, manifest, digest }
    }

    /// Digest of the manifest: what names this content.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn descriptor(kind: &str, bytes: &[u8]) -> Descriptor {
    Descriptor { media_type: kind.to_owned(), digest: sha256(bytes), size: bytes.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> FunctionName {
        "team/split:1.0.0".parse().unwrap()
    }

    #[test]
    fn the_same_component_has_the_same_digest() {
        let artifact = || Artifact::new(b"\0asm".to_vec(), &["wasi:io".to_owned()], BTreeMap::new());
        assert_eq!(artifact().digest(), artifact().digest());
        let manifest = Manifest::of_function(&name(), &artifact().manifest).unwrap();
        assert_eq!(manifest.component().unwrap().digest, sha256(b"\0asm"));
    }

    #[test]
    fn what_is_no_function_says_what_it_is() {
        let layer = json!({"mediaType": LAYER_TYPE, "digest": sha256(b""), "size": 1});
        let config = json!({"mediaType": CONFIG_TYPE, "digest": sha256(b""), "size": 1});
        let image = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha256(b""), "size": 1});
        let path = json!({"mediaType": LAYER_TYPE, "digest": "sha256:/dev/zero", "size": 1});
        let manifest = |config: &serde_json::Value, layers: &[&serde_json::Value]| json!({"schemaVersion": 2, "config": config, "layers": layers});
        for (json, why) in [
            (json!({"schemaVersion": 2, "manifests": []}), "an index of several"),
            (json!({}), "cannot be read"),
            (manifest(&image, &[&layer]), "application/vnd.oci.image.config.v1+json"),
            (manifest(&config, &[]), "0 layers"),
            (manifest(&config, &[&layer, &layer]), "2 layers"),
            (manifest(&config, &[&image]), "its layer is of the type"),
            (manifest(&config, &[&path]), "its component has the digest \"sha256:/dev/zero\""),
        ] {
            let error = Manifest::of_function(&name(), json.to_string().as_bytes()).unwrap_err();
            let said = error.message().to_string();
            assert!(said.contains(why) && said.contains("\"team/split:1.0.0\" is not a function"), "{said}");
        }
    }
}
