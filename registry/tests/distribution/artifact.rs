//! Artifacts, and the usual way to push them.

use invoker_registry::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::registry::{Client, Reply};

pub const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

pub fn sha256(bytes: &[u8]) -> String {
    Digest::of(Algorithm::Sha256, bytes).to_string()
}

pub fn sha512(bytes: &[u8]) -> String {
    Digest::of(Algorithm::Sha512, bytes).to_string()
}

pub fn descriptor(kind: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": kind, "digest": sha256(bytes), "size": bytes.len()})
}

/// A manifest whose config is `{}`.
pub fn image(layers: &[&[u8]], note: &str) -> Value {
    let layers: Vec<_> = layers.iter().map(|layer| descriptor("application/octet-stream", layer)).collect();
    json!({"schemaVersion": 2, "mediaType": IMAGE, "config": descriptor(EMPTY, b"{}"), "layers": layers,
        "annotations": {"note": note}})
}

/// Bytes of which no part looks like another.
pub fn noise(length: usize) -> Vec<u8> {
    use rand::RngExt;
    let mut bytes = vec![0; length];
    rand::rng().fill(&mut bytes[..]);
    bytes
}

impl Client {
    pub fn push_blob(&self, repository: &str, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let reply = self.send("POST", &path, &[], bytes);
        assert_eq!(reply.status, 201, "{reply:?}");
        digest
    }

    pub fn push_manifest(&self, repository: &str, reference: &str, manifest: &Value) -> Reply {
        let kind = manifest["mediaType"].as_str().unwrap_or(IMAGE).to_owned();
        let path = format!("/v2/{repository}/manifests/{reference}");
        self.send("PUT", &path, &[("content-type", &kind)], manifest.to_string().as_bytes())
    }

    /// Config, layers, manifest. Returns the digest of the manifest.
    pub fn push_image(&self, repository: &str, tag: &str, layers: &[&[u8]]) -> String {
        self.push_blob(repository, b"{}");
        layers.iter().for_each(|layer| drop(self.push_blob(repository, layer)));
        let reply = self.push_manifest(repository, tag, &image(layers, ""));
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.header("docker-content-digest").to_owned()
    }

    /// Begins an upload; its address.
    pub fn begin(&self, repository: &str) -> String {
        let reply = self.send("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        assert_eq!(reply.status, 202);
        reply.header("location").to_owned()
    }

    pub fn chunk(&self, location: &str, first: usize, bytes: &[u8]) -> Reply {
        let range = format!("{first}-{}", first + bytes.len() - 1);
        self.send("PATCH", location, &[("content-range", &range)], bytes)
    }
}
