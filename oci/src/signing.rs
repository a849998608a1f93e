//! Where signatures are: beside what they are of, as artifacts that refer to it. Owns how they are written, read and kept
//! for when the registry is away, and what a policy that requires them means.

use std::collections::BTreeMap;

use invoker_core::function_name::{FunctionName, Pick};
use serde::Deserialize;
use serde_json::json;

use crate::Registries;
use crate::artifact::{MANIFEST_TYPE, sha256};
use crate::client::{ANSWER_BYTES, Ask, Client};
use crate::error::Error;
use crate::lists::PAGES;
use crate::pull::Found;
use crate::signature::{PublicKey, SecretKey, Signature};
use crate::upload::Upload;

/// Type of an artifact that is a signature.
const SIGNATURE_TYPE: &str = "application/vnd.invoker.signature.v1";
/// Media type of an empty config, and that config.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// Annotations of a signature: the public key, and the 64 bytes in base64.
const KEY: &str = "io.invoker.signature.key";
const VALUE: &str = "io.invoker.signature.value";
/// Signatures of one function that are looked at.
const MOST: usize = 1000;

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Referrer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Registries {
    /// Signs what a name leads to, and puts the signature beside it.
    pub fn sign(&self, name: &FunctionName, key: &SecretKey) -> Result<Found, Error> {
        let found = self.find_now(name)?;
        let (client, repository) = self.client(name)?;
        let scope = format!("repository:{repository}:pull,push");
        let digest = sha256(EMPTY.1);
        let (client, cache) = (&*client, self.cache.as_ref());
        let bytes = EMPTY.1;
        Upload { client, repository: &repository, scope, digest, bytes, cache, progress: None }.run()?;
        let manifest = manifest(&found, &key.sign(&found.digest)).to_string();
        let digest = sha256(manifest.as_bytes());
        let name = name.with(Pick::Digest(digest.clone()));
        client.put_manifest(&name, &repository, &digest, manifest.as_bytes())?;
        Ok(found)
    }

    /// Who signed what was found, each once. What is no signature of it does not count.
    pub fn signers(&self, found: &Found) -> Result<Vec<PublicKey>, Error> {
        let (client, repository) = self.client(&found.name)?;
        let signatures = match client.signatures(&repository, &found.digest) {
            Ok(signatures) => {
                if let Some(cache) = &self.cache {
                    cache.keep_signatures(&found.digest, &signatures);
                }
                signatures
            }
            // They prove themselves, wherever they come from.
            Err(error @ Error::Away { .. }) => {
                let kept = self.cache.as_ref().and_then(|cache| cache.signatures(&found.digest));
                kept.ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        let mut signers = Vec::new();
        for signer in signatures.iter().filter_map(|it| it.signer(&found.digest)) {
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
        Ok(signers)
    }

    /// An error unless the holder of one of these keys signed what was found.
    pub fn require(&self, found: &Found, keys: &[PublicKey]) -> Result<(), Error> {
        let signers = self.signers(found)?;
        if signers.iter().any(|signer| keys.contains(signer)) {
            return Ok(());
        }
        let signers = signers.iter().map(ToString::to_string).collect();
        Err(Error::Unsigned { name: found.name.to_string(), digest: found.digest.clone(), signers })
    }
}

fn manifest(found: &Found, signature: &Signature) -> serde_json::Value {
    let empty = json!({"mediaType": EMPTY.0, "digest": sha256(EMPTY.1), "size": EMPTY.1.len()});
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": SIGNATURE_TYPE,
        "config": empty,
        "layers": [empty],
        "subject": {"mediaType": MANIFEST_TYPE, "digest": found.digest, "size": found.bytes.len()},
        "annotations": {KEY: signature.key, VALUE: signature.value},
    })
}

impl Client {
    fn signatures(&self, repository: &str, digest: &str) -> Result<Vec<Signature>, Error> {
        let scope = format!("repository:{repository}:pull");
        let kind = SIGNATURE_TYPE.replace('+', "%2B");
        let mut next = Some(format!("/v2/{repository}/referrers/{digest}?artifactType={kind}"));
        let mut signatures = Vec::new();
        for _ in 0..PAGES {
            let Some(place) = next.filter(|_| signatures.len() < MOST) else { break };
            let mut response = self.ask(Ask::get(&place, &scope))?;
            match response.status().as_u16() {
                200 => {}
                // It keeps none, or knows no referrers at all.
                404 => return Ok(signatures),
                _ => return Err(self.refused("list signatures", response)),
            }
            next = crate::lists::next(&response);
            let body = self.body(&mut response, ANSWER_BYTES)?;
            let index: Index = serde_json::from_slice(&body)
                .map_err(|error| self.away(format!("its answer cannot be read: {error}")))?;
            // Not every registry filters.
            let ours =
                index.manifests.into_iter().filter(|it| it.artifact_type.as_deref() == Some(SIGNATURE_TYPE));
            signatures.extend(ours.filter_map(|mut it| {
                Some(Signature { key: it.annotations.remove(KEY)?, value: it.annotations.remove(VALUE)? })
            }));
        }
        Ok(signatures)
    }
}
