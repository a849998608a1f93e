//! From a name to a component: what a tag or a range leads to is asked once, every byte is verified, and what is known
//! already is not asked for. Owns when the cache stands in for a registry that is away.

use invoker_core::function_name::{FunctionName, Pick, highest};
use ureq::http::header;

use crate::artifact::{Manifest, sha256};
use crate::cache::{Cache, Remembered};
use crate::client::{ANSWER_BYTES, Ask, Client};
use crate::error::Error;
use crate::{Progress, Registries};

/// What is taken as a manifest.
const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
                      application/vnd.docker.distribution.manifest.v2+json";

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As it was asked for.
    pub name: FunctionName,
    /// The tag that was taken, where the name has one or a range.
    pub tag: Option<String>,
    /// Digest of the manifest.
    pub digest: String,
    pub manifest: Manifest,
    pub source: Source,
    pub(crate) bytes: Vec<u8>,
}

/// Who said what a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The registry, now.
    Registry,
    /// Nobody had to: the name is a digest that is in the cache.
    Cache,
    /// The registry at another time, as it is away.
    Memory,
}

/// A function that was pulled.
#[derive(Clone, Debug)]
pub struct Pulled {
    pub found: Found,
    pub component: Vec<u8>,
}

impl Registries {
    /// The same, and never what it led to at another time: for what is changed by it.
    pub(crate) fn find_now(&self, name: &FunctionName) -> Result<Found, Error> {
        let (client, repository) = self.client(name)?;
        let pull = Pull { client: &client, repository: &repository, name, cache: self.cache.as_ref() };
        match &name.pick {
            Some(pick @ (Pick::Tag(_) | Pick::Range(_))) => pull.resolve(pick),
            _ => pull.find(),
        }
    }

    /// What a name leads to, without its component.
    pub fn find(&self, name: &FunctionName) -> Result<Found, Error> {
        let (client, repository) = self.client(name)?;
        let pull = Pull { client: &client, repository: &repository, name, cache: self.cache.as_ref() };
        pull.find()
    }

    /// The function of a name. `progress` is told how much of the component has come.
    pub fn pull(&self, name: &FunctionName, progress: Option<Progress<'_>>) -> Result<Pulled, Error> {
        let (client, repository) = self.client(name)?;
        let pull = Pull { client: &client, repository: &repository, name, cache: self.cache.as_ref() };
        let found = pull.find()?;
        if !self.options.required.is_empty() {
            self.require(&found, &self.options.required)?;
        }
        let component = pull.component(&found, progress)?;
        // Only what could be used is what a name meant when its registry is away.
        if found.source == Source::Registry && found.tag.is_some() {
            pull.remember(&found);
        }
        Ok(Pulled { found, component })
    }
}

struct Pull<'a> {
    client: &'a Client,
    repository: &'a str,
    name: &'a FunctionName,
    cache: Option<&'a Cache>,
}

impl Pull<'_> {
    fn find(&self) -> Result<Found, Error> {
        let pick = self.name.pick.as_ref().ok_or_else(|| Error::NoPick { name: self.name.to_string() })?;
        if let Pick::Digest(digest) = pick {
            return match self.cache.and_then(|cache| cache.get(digest)) {
                Some(bytes) => self.found(None, bytes, Source::Cache),
                None => self.found(None, self.manifest(digest)?, Source::Registry),
            };
        }
        match self.resolve(pick) {
            Ok(found) => Ok(found),
            Err(error @ Error::Away { .. }) => self.recall(error),
            Err(error) => Err(error),
        }
    }

    /// Asks the registry what the name leads to now.
    fn resolve(&self, pick: &Pick) -> Result<Found, Error> {
        let tag = match pick {
            Pick::Tag(tag) | Pick::Digest(tag) => tag.clone(),
            Pick::Range(range) => {
                let tags = self.client.tags(self.repository)?;
                let tags = tags.ok_or_else(|| self.client.no_function(self.name))?;
                let highest = highest(tags.iter().map(String::as_str), range).map(str::to_owned);
                match highest {
                    Some(tag) => tag,
                    None => return Err(self.client.no_version(self.name, self.repository)?),
                }
            }
        };
        let bytes = self.manifest(&tag)?;
        self.found(Some(tag), bytes, Source::Registry)
    }

    fn found(&self, tag: Option<String>, bytes: Vec<u8>, source: Source) -> Result<Found, Error> {
        let manifest = Manifest::of_function(self.name, &bytes)?;
        Ok(Found { name: self.name.clone(), tag, digest: sha256(&bytes), manifest, source, bytes })
    }

    /// The bytes of a manifest by tag or digest; those of a digest are verified.
    fn manifest(&self, reference: &str) -> Result<Vec<u8>, Error> {
        let (place, scope) = (self.place("manifests", reference), self.scope());
        let headers = [(header::ACCEPT.as_str(), ACCEPT)];
        let mut response = self.client.ask(Ask { headers: &headers, ..Ask::get(&place, &scope) })?;
        match response.status().as_u16() {
            200 => {}
            404 => return Err(self.client.no_version(self.name, self.repository)?),
            _ => return Err(self.client.refused(format!("give \"{}\"", self.name), response)),
        }
        let bytes = self.client.body(&mut response, ANSWER_BYTES)?;
        let told = response.headers().get("Docker-Content-Digest").and_then(|value| value.to_str().ok());
        let digest = if reference.starts_with("sha256:") { Some(reference) } else { told };
        // Of a tag, other algorithms than ours may be told: the digest is that of the bytes then.
        if let Some(digest) = digest.filter(|digest| digest.starts_with("sha256:")) {
            self.verify(digest, &bytes)?;
        }
        if let Some(cache) = self.cache {
            cache.put(&sha256(&bytes), &bytes);
        }
        Ok(bytes)
    }

    fn component(&self, found: &Found, progress: Option<Progress<'_>>) -> Result<Vec<u8>, Error> {
        let layer = found.manifest.component().ok_or_else(|| Error::NotFunction {
            name: self.name.to_string(),
            why: "it has no component".to_owned(),
        })?;
        if let Some(bytes) = self.cache.and_then(|cache| cache.get(&layer.digest)) {
            return Ok(bytes);
        }
        let (place, scope) = (self.place("blobs", &layer.digest), self.scope());
        let mut response = self.client.ask(Ask::get(&place, &scope))?;
        if response.status() != 200 {
            return Err(self.client.refused(format!("give the component of \"{}\"", self.name), response));
        }
        let bytes = self.read(&mut response, layer.size, progress)?;
        self.verify(&layer.digest, &bytes)?;
        if let Some(cache) = self.cache {
            cache.put(&layer.digest, &bytes);
        }
        Ok(bytes)
    }

    /// A body of this size. One that is longer is as damaged as one that is shorter.
    fn read(
        &self,
        response: &mut ureq::http::Response<ureq::Body>,
        size: u64,
        progress: Option<Progress<'_>>,
    ) -> Result<Vec<u8>, Error> {
        use std::io::Read as _;
        const PIECE: usize = 256 << 10;
        let mut bytes = Vec::with_capacity(size as usize);
        let mut reader = response.body_mut().as_reader().take(size + 1);
        loop {
            let piece = reader.by_ref().take(PIECE as u64).read_to_end(&mut bytes);
            let piece = piece.map_err(|error| self.client.away(error))?;
            if let Some(progress) = progress {
                progress(bytes.len() as u64, size);
            }
            if piece < PIECE {
                return Ok(bytes);
            }
        }
    }

    fn verify(&self, digest: &str, bytes: &[u8]) -> Result<(), Error> {
        let found = sha256(bytes);
        if found == digest {
            return Ok(());
        }
        Err(Error::Damaged { registry: self.client.shown(), digest: digest.to_owned(), found })
    }

    fn remember(&self, found: &Found) {
        if let Some(cache) = self.cache {
            let (digest, tag) = (found.digest.clone(), found.tag.clone());
            cache.remember(&self.key(), &Remembered { name: self.name.to_string(), digest, tag });
        }
    }

    /// What the name led to the last time, as the registry is away.
    fn recall(&self, error: Error) -> Result<Found, Error> {
        let known = self.cache.and_then(|cache| {
            let remembered = cache.recall(&self.key())?;
            Some((cache.get(&remembered.digest)?, remembered))
        });
        let Some((bytes, remembered)) = known else { return Err(error) };
        let why = error.message().why;
        let (name, digest) = (self.name.to_string(), &remembered.digest);
        tracing::warn!(
            why,
            digest,
            "cannot ask the registry what {name:?} is: what it was the last time is used"
        );
        self.found(remembered.tag, bytes, Source::Memory)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.client.address.base(), self.name.with_repository(self.repository))
    }

    fn place(&self, kind: &str, reference: &str) -> String {
        format!("/v2/{}/{kind}/{reference}", self.repository)
    }

    fn scope(&self) -> String {
        format!("repository:{}:pull", self.repository)
    }
}
