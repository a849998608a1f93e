//! What a manifest says: its kind, what it refers to, and whether it is a function. Owns reading it; the bytes are kept as
//! they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, shown};

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Config of a function, as the WebAssembly working group of the CNCF lays it out.
pub(crate) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Layer of a function.
pub(crate) const WASM_LAYER: &str = "application/wasm";

/// Beginnings of the media types of layers whose content is fetched from other places by intent, and need not be here.
const ELSEWHERE: [&str; 2] =
    ["application/vnd.oci.image.layer.nondistributable.", "application/vnd.docker.image.rootfs.foreign."];

/// Kinds whose fields must be what they should be.
const KNOWN: [&str; 4] = [
    IMAGE,
    INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Longest media type, bytes.
const MEDIA_TYPE_BYTES: usize = 255;

/// A manifest that is not stored.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not JSON of a manifest: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the media type {0:?} is not of the form TYPE/SUBTYPE")]
    MediaType(String),
    #[error("the header Content-Type says {header:?}, but `mediaType` of the manifest {field:?}")]
    Differs { header: String, field: String },
    #[error(
        "the manifest has both `manifests` and `config` or `layers`\n\
         what it is would depend on who reads it\n\
         push an index and an image by themselves"
    )]
    Both,
    #[error(
        "the function has no layer of the type application/wasm\n\
         its config says that it is a function, and its components are such layers\n\
         push the component as a layer, or give the config another media type"
    )]
    NoComponent,
    #[error("`{field}` has the digest {digest:?}, which is none: {error}")]
    Digest { field: String, digest: String, error: crate::digest::DigestError },
}

/// What a manifest refers to. Fields that are not needed are not read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    pub(crate) media_type: String,
    pub(crate) digest: String,
    pub(crate) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The fields of manifests and indexes. `None` = absent or null.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

/// The one field of a manifest of a kind that is not known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    media_type: Option<String>,
}

/// A reference to something that must be there.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// A manifest, read.
#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) media_type: String,
    pub(crate) subject: Option<Digest>,
    /// As the list of referrers shows it.
    pub(crate) artifact_type: Option<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Config and layers.
    pub(crate) blobs: Vec<Link>,
    /// Manifests of an index.
    pub(crate) manifests: Vec<Link>,
    /// Components of a function of ours. Empty = a foreign artifact.
    pub(crate) components: Vec<Link>,
}

impl Manifest {
    /// Reads a manifest that came with the media type `header`.
    pub(crate) fn read(header: Option<&str>, bytes: &[u8]) -> Result<Self, ManifestError> {
        let document = document(header, bytes)?;
        let media_type = media_type(header, &document)?;
        if document.manifests.is_some() && (document.config.is_some() || document.layers.is_some()) {
            return Err(ManifestError::Both);
        }
        let subject = document.subject.as_ref().map(|found| digest("subject", found)).transpose()?;
        let is_function = document.config.as_ref().is_some_and(|config| config.media_type == WASM_CONFIG);
        let config = document.config.iter().map(|found| ("config".to_owned(), found));
        let layers = document.layers.iter().flatten().enumerate();
        let mut blobs = Vec::new();
        let mut components = Vec::new();
        for (field, found) in config.chain(layers.map(|(at, found)| (format!("layers[{at}]"), found))) {
            let link = Link { digest: digest(&field, found)?, size: found.size };
            if is_function && found.media_type == WASM_LAYER {
                components.push(link.clone());
            }
            let is_elsewhere =
                field != "config" && ELSEWHERE.iter().any(|kind| found.media_type.starts_with(kind));
            if !is_elsewhere {
                blobs.push(link);
            }
        }
        if is_function && components.is_empty() {
            return Err(ManifestError::NoComponent);
        }
        let mut manifests = Vec::new();
        for (at, found) in document.manifests.iter().flatten().enumerate() {
            let link = Link { digest: digest(&format!("manifests[{at}]"), found)?, size: found.size };
            manifests.push(link);
        }
        let artifact_type = document
            .artifact_type
            .filter(|found| !found.is_empty())
            .or_else(|| document.config.map(|config| config.media_type));
        let annotations = document.annotations.unwrap_or_default();
        Ok(Self { media_type, subject, artifact_type, annotations, blobs, manifests, components })
    }
}

/// Reads the fields. What is of no kind that we know may have others of the same names; of it only the kind is read.
fn document(header: Option<&str>, bytes: &[u8]) -> Result<Document, ManifestError> {
    let error = match serde_json::from_slice(bytes) {
        Ok(document) => return Ok(document),
        Err(error) => error,
    };
    let Ok(Kind { media_type: field }) = serde_json::from_slice(bytes) else { return Err(error.into()) };
    let document = Document { media_type: field, ..Document::default() };
    let kind = media_type(header, &document)?;
    if KNOWN.contains(&kind.as_str()) { Err(error.into()) } else { Ok(document) }
}

fn digest(field: &str, found: &Descriptor) -> Result<Digest, ManifestError> {
    found.digest.parse().map_err(|error| ManifestError::Digest {
        field: field.to_owned(),
        digest: shown(&found.digest),
        error,
    })
}

/// The media type by header or field; parameters of the header do not count.
fn media_type(header: Option<&str>, document: &Document) -> Result<String, ManifestError> {
    let header = header.map(|header| header.split(';').next().unwrap_or_default().trim());
    let header = header.filter(|header| !header.is_empty());
    let found = match (header, document.media_type.as_deref()) {
        (Some(header), Some(field)) if header != field => {
            return Err(ManifestError::Differs { header: shown(header), field: shown(field) });
        }
        (Some(found), _) | (None, Some(found)) => found,
        (None, None) if document.manifests.is_some() => INDEX,
        (None, None) => IMAGE,
    };
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    let ok = found.split_once('/').is_some_and(|(kind, sub)| is_word(kind) && is_word(sub));
    if ok && found.len() <= MEDIA_TYPE_BYTES {
        Ok(found.to_owned())
    } else {
        Err(ManifestError::MediaType(shown(found)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(kind: &str, content: &[u8]) -> serde_json::Value {
        let digest = Digest::of(crate::Algorithm::Sha256, content).to_string();
        json!({"mediaType": kind, "digest": digest, "size": content.len()})
    }

    fn read(value: &serde_json::Value) -> Manifest {
        Manifest::read(None, value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_function_is_known_by_its_config_whatever_pushed_it() {
        let function = json!({"schemaVersion": 2, "mediaType": IMAGE,
            "config": descriptor(WASM_CONFIG, b"{}"), "layers": [descriptor(WASM_LAYER, b"x")]});
        let manifest = read(&function);
        assert_eq!(manifest.components.len(), 1);
        assert_eq!(manifest.blobs.len(), 2);
        assert_eq!(manifest.artifact_type.as_deref(), Some(WASM_CONFIG));
        let foreign = json!({"config": descriptor("a/b", b"{}"), "layers": [descriptor(WASM_LAYER, b"x")]});
        assert!(read(&foreign).components.is_empty());
    }

    #[test]
    fn layers_that_lie_elsewhere_need_not_be_here() {
        let mut elsewhere = descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", b"x");
        elsewhere["urls"] = json!(["https://example.com/x"]);
        let mut here = descriptor("application/vnd.oci.image.layer.v1.tar", b"x");
        here["urls"] = elsewhere["urls"].clone();
        let image = json!({"config": elsewhere, "layers": [elsewhere, here]});
        assert_eq!(read(&image).blobs.len(), 2);
    }

    #[test]
    fn a_function_without_a_component_is_refused() {
        let function = json!({"config": descriptor(WASM_CONFIG, b"{}"), "layers": [descriptor("a/b", b"x")]});
        let refused = Manifest::read(None, function.to_string().as_bytes());
        assert!(matches!(refused, Err(ManifestError::NoComponent)));
    }

    #[test]
    fn what_is_an_image_and_an_index_at_once_is_refused() {
        for field in ["layers", "config"] {
            let value = if field == "layers" { json!([]) } else { descriptor("a/b", b"{}") };
            let both = json!({"manifests": [], field: value}).to_string();
            assert!(matches!(Manifest::read(None, both.as_bytes()), Err(ManifestError::Both)));
        }
    }

    #[test]
    fn header_and_field_must_agree_and_parameters_do_not_count() {
        let image = json!({"mediaType": IMAGE}).to_string();
        let read = |header: &str| Manifest::read(Some(header), image.as_bytes());
        assert_eq!(read(&format!("{IMAGE}; charset=utf-8")).unwrap().media_type, IMAGE);
        assert!(matches!(read(INDEX), Err(ManifestError::Differs { .. })));
        let text = json!({"mediaType": "a/b\nc"}).to_string();
        assert!(matches!(Manifest::read(None, text.as_bytes()), Err(ManifestError::MediaType(_))));
    }

    #[test]
    fn a_descriptor_with_a_broken_digest_is_named() {
        let image = json!({"layers": [{"mediaType": "a/b", "digest": "sha256:../..", "size": 1}]});
        let error = Manifest::read(None, image.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("`layers[0]` has the digest \"sha256:../..\""), "{error}");
    }
}
