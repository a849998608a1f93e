//! Registers a component: makes the artifact that an OCI client would push, and pushes it by the same rules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream;
use serde_json::json;

use super::{FunctionError, find::Found};
use crate::digest::{Algorithm, Digest};
use crate::manifest::{IMAGE, Link, WASM_CONFIG, WASM_LAYER};
use crate::name::{Reference, Repository, Tag};
use crate::store::{Body, Push, Received, Store};
use crate::validation::Validator;

/// A component that is registered.
pub(crate) struct Registration<'a> {
    pub(crate) name: &'a Repository,
    pub(crate) tag: &'a Tag,
    /// More tags that point to it.
    pub(crate) tags: &'a [Tag],
    /// What the bytes must have; `None` = any.
    pub(crate) digest: Option<Digest>,
    pub(crate) size: Option<u64>,
    pub(crate) annotations: BTreeMap<String, String>,
    /// Whether a version may be registered again with other content.
    pub(crate) overwrite: bool,
    pub(crate) validator: &'a Validator,
    /// Most bytes of a component.
    pub(crate) limit: u64,
}

/// Stores a component, checks it, and points its tags to it. Whoever is cut off leaves nothing that is seen.
pub(crate) async fn register(
    store: &Store,
    registration: &Registration<'_>,
    body: Body,
) -> Result<Found, FunctionError> {
    let Registration { name, tag, .. } = *registration;
    if let Some(size) = registration.size.filter(|size| *size > registration.limit) {
        let why = format!("is {size}, and at most {} bytes are taken", registration.limit);
        return Err(FunctionError::field("metadata.component_size", why));
    }
    let component = component(store, registration, body).await?;
    registration.validator.check(store, name, std::slice::from_ref(&component)).await?;
    let config = config(store, name, &component).await?;
    let manifest = manifest(registration, &component, &config);
    let push = Push {
        repository: name,
        reference: &Reference::Tag(tag.clone()),
        tags: registration.tags,
        content_type: Some(IMAGE),
        content: manifest.into(),
        overwrite: registration.overwrite,
        validator: registration.validator,
    };
    let pushed = store.push(&push).await?;
    Ok(Found { tag: Some(tag.clone()), digest: pushed.digest })
}

/// Writes the bytes. Those of an unknown digest go through an upload, because a blob is written under its digest.
async fn component(
    store: &Store,
    registration: &Registration<'_>,
    body: Body,
) -> Result<Link, FunctionError> {
    let Registration { name, limit, .. } = *registration;
    let link = if let Some(digest) = registration.digest.clone() {
        let size = store.write_blob(name, &digest, body, limit).await?;
        Link { digest, size }
    } else {
        let id = store.start_upload(name).await?;
        let hasher = Arc::new(Mutex::new(Algorithm::Sha256.hasher()));
        let heard = Arc::clone(&hasher);
        let body = body.inspect(move |bytes| {
            if let Ok(bytes) = bytes {
                heard.lock().unwrap_or_else(PoisonError::into_inner).update(bytes);
            }
        });
        let received = Received { body: body.boxed(), range: None };
        let written = store.append(name, id, received, limit).await;
        if let Err(error) = written {
            // What cannot be deleted now is garbage later.
            let _ = store.cancel_upload(name, id).await;
            return Err(error.into());
        }
        let digest = hasher.lock().unwrap_or_else(PoisonError::into_inner).clone().finish();
        let nothing = Received { body: stream::empty().boxed(), range: None };
        let size = store.finish_upload(name, id, &digest, nothing, limit).await?;
        Link { digest, size }
    };
    match registration.size {
        Some(declared) if declared != link.size => {
            let why = format!("is {declared}, and {} bytes came", link.size);
            Err(FunctionError::field("metadata.component_size", why))
        }
        _ => Ok(link),
    }
}

/// Writes the config of a component, which is the same for the same component.
async fn config(store: &Store, name: &Repository, component: &Link) -> Result<Link, FunctionError> {
    let record = store.function(name, &component.digest).await?;
    let record = record.ok_or_else(|| FunctionError::Foreign(format!("component {}", component.digest)))?;
    let config = json!({
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [component.digest.to_string()],
        "component": {
            "exports": [format!("invoker:udf/function@{}", record.contract_version)],
            "imports": record.imports,
        },
    });
    let bytes = Bytes::from(config.to_string());
    let (digest, size) = (Digest::of(Algorithm::Sha256, &bytes), bytes.len() as u64);
    let body = stream::iter([Ok(bytes)]).boxed();
    store.write_blob(name, &digest, body, size).await?;
    Ok(Link { digest, size })
}

fn manifest(registration: &Registration<'_>, component: &Link, config: &Link) -> String {
    let descriptor = |kind: &str, link: &Link| json!({"mediaType": kind, "digest": link.digest.to_string(), "size": link.size});
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": descriptor(WASM_CONFIG, config),
        "layers": [descriptor(WASM_LAYER, component)],
    });
    if let Some(fields) = manifest.as_object_mut().filter(|_| !registration.annotations.is_empty()) {
        fields.insert("annotations".to_owned(), json!(registration.annotations));
    }
    manifest.to_string()
}
