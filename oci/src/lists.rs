//! What a registry has: functions, their tags. Owns paging; also moving and deleting tags.

use invoker_core::function_name::{FunctionName, Pick, highest};
use serde::Deserialize;
use ureq::Body;
use ureq::http::{Response, header};

use crate::artifact::MANIFEST_TYPE;
use crate::client::{ANSWER_BYTES, Ask, Client, Sent};
use crate::error::Error;
use crate::{Address, Registries};

/// Entries of a page that is asked for.
const PAGE: usize = 1000;
/// Pages that are read at most, so that a registry which goes round in circles ends.
pub(crate) const PAGES: usize = 1000;

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

impl Registries {
    /// The functions of the configured registry, sorted.
    pub fn functions(&self) -> Result<Vec<String>, Error> {
        let client = self.usual()?;
        let all = client.repositories()?;
        Ok(all.iter().filter_map(|it| client.address.name_of(it)).map(str::to_owned).collect())
    }

    /// The tags of a function, as the registry sorts them.
    pub fn tags(&self, name: &FunctionName) -> Result<Vec<String>, Error> {
        let (client, repository) = self.client(name)?;
        match client.tags(&repository)? {
            Some(tags) => Ok(tags),
            None => Err(client.no_function(name)),
        }
    }

    /// The name with its highest version, or its last tag, where it has none picked.
    pub fn picked(&self, name: &FunctionName) -> Result<FunctionName, Error> {
        if name.pick.is_some() {
            return Ok(name.clone());
        }
        let tags = self.tags(name)?;
        let any = semver::VersionReq::STAR;
        let tag = highest(tags.iter().map(String::as_str), &any).or(tags.last().map(String::as_str));
        match tag {
            Some(tag) => Ok(name.with(Pick::Tag(tag.to_owned()))),
            None => Err(Error::NoPick { name: name.to_string() }),
        }
    }

    /// Points a tag to what a name leads to; the digest of that.
    pub fn tag(&self, name: &FunctionName, tag: &str) -> Result<String, Error> {
        let found = self.find_now(name)?;
        let (client, repository) = self.client(name)?;
        client.put_manifest(&name.with(Pick::Tag(tag.to_owned())), &repository, tag, &found.bytes)?;
        Ok(found.digest)
    }

    /// Deletes a tag, or a manifest with all its tags.
    pub fn delete(&self, name: &FunctionName) -> Result<(), Error> {
        let (client, repository) = self.client(name)?;
        let reference = match &name.pick {
            Some(Pick::Tag(tag)) => tag,
            Some(Pick::Digest(digest)) => digest,
            Some(Pick::Range(_)) | None => return Err(Error::NoPick { name: name.to_string() }),
        };
        let (place, scope) =
            (format!("/v2/{repository}/manifests/{reference}"), format!("repository:{repository}:delete"));
        let response = client.ask(Ask { method: "DELETE", ..Ask::get(&place, &scope) })?;
        match response.status().as_u16() {
            202 | 200 | 204 => Ok(()),
            404 => Err(client.no_version(name, &repository)?),
            _ => Err(client.refused(format!("delete \"{name}\""), response)),
        }
    }

    /// Whether a registry answers, with this login or without one.
    pub fn check_login(address: &Address, credentials: &crate::Credentials) -> Result<(), Error> {
        let client = Client::new(address.clone(), credentials.clone());
        let response = client.ask(Ask::get("/v2/", ""))?;
        if response.status() == 200 {
            Ok(())
        } else {
            Err(client.refused("speak OCI distribution", response))
        }
    }
}

impl Client {
    /// The tags of a repository; `None` where there is no such repository.
    pub(crate) fn tags(&self, repository: &str) -> Result<Option<Vec<String>>, Error> {
        let scope = format!("repository:{repository}:pull");
        let (mut place, mut all) = (format!("/v2/{repository}/tags/list?n={PAGE}"), Vec::new());
        for _ in 0..PAGES {
            let mut response = self.ask(Ask::get(&place, &scope))?;
            match response.status().as_u16() {
                200 => {}
                404 => return Ok(None),
                _ => return Err(self.refused("list tags", response)),
            }
            let page: Tags = self.json(&mut response)?;
            all.extend(page.tags.unwrap_or_default());
            match next(&response) {
                Some(next) => place = next,
                None => break,
            }
        }
        Ok(Some(all))
    }

    fn repositories(&self) -> Result<Vec<String>, Error> {
        let (mut place, mut all) = (format!("/v2/_catalog?n={PAGE}"), Vec::new());
        for _ in 0..PAGES {
            let mut response = self.ask(Ask::get(&place, "registry:catalog:*"))?;
            if response.status() != 200 {
                return Err(self.refused("list what it has", response));
            }
            let page: Catalog = self.json(&mut response)?;
            all.extend(page.repositories.unwrap_or_default());
            match next(&response) {
                Some(next) => place = next,
                None => break,
            }
        }
        Ok(all)
    }

    fn json<T: serde::de::DeserializeOwned>(&self, response: &mut Response<Body>) -> Result<T, Error> {
        let body = self.body(response, ANSWER_BYTES)?;
        serde_json::from_slice(&body)
            .map_err(|error| self.away(format!("its answer cannot be read: {error}")))
    }

    /// Writes a manifest under a tag.
    pub(crate) fn put_manifest(
        &self,
        name: &FunctionName,
        repository: &str,
        tag: &str,
        manifest: &[u8],
    ) -> Result<(), Error> {
        let place = format!("/v2/{repository}/manifests/{tag}");
        let scope = format!("repository:{repository}:pull,push");
        let headers = [(header::CONTENT_TYPE.as_str(), MANIFEST_TYPE)];
        let body = Some(Sent { bytes: manifest, progress: None });
        let ask = Ask { method: "PUT", place: &place, scope: &scope, headers: &headers, body };
        let mut response = self.ask(ask)?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            409 => Err(Error::Taken { name: name.to_string() }),
            400 => {
                let message = crate::client::message(&mut response);
                Err(Error::Invalid { registry: self.shown(), name: name.to_string(), message })
            }
            _ => Err(self.refused(format!("take \"{name}\""), response)),
        }
    }

    /// There is no such repository; the one that may have been meant.
    pub(crate) fn no_function(&self, name: &FunctionName) -> Error {
        // Where the catalog is not for everybody, nothing is proposed.
        let known = self.repositories().unwrap_or_default();
        let names = known.iter().filter_map(|it| self.address.name_of(it));
        let near = invoker_core::topology::nearest(&name.repository, names).map(str::to_owned);
        Error::NoFunction { name: name.to_string(), registry: self.shown(), near }
    }

    /// There is no such tag or digest; the one that may have been meant.
    pub(crate) fn no_version(&self, name: &FunctionName, repository: &str) -> Result<Error, Error> {
        let Some(has) = self.tags(repository)? else { return Ok(self.no_function(name)) };
        let near = match &name.pick {
            Some(Pick::Tag(tag)) => invoker_core::topology::nearest(tag, has.iter().map(String::as_str)),
            _ => None,
        };
        let near = near.map(str::to_owned);
        Ok(Error::NoVersion { name: name.to_string(), registry: self.shown(), near, has })
    }
}

/// The next page, where there is one: `Link: </v2/…>; rel="next"`.
pub(crate) fn next(response: &Response<Body>) -> Option<String> {
    let link = response.headers().get(header::LINK)?.to_str().ok()?;
    let (place, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    rest.contains("rel=\"next\"").then(|| place.to_owned())
}
