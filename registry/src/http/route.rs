//! From a path to what it means. Owns the form of paths; refuses every name that is none.

use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::error::ApiError;
use crate::digest::Digest;
use crate::name::{NameError, Reference, Repository};

/// What a path under `/v2/` names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: whether this is a registry, and who is asking.
    Base,
    Catalog,
    Blob(Repository, Digest),
    Uploads(Repository),
    Upload(Repository, Uuid),
    Manifest(Repository, Reference),
    Tags(Repository),
    Referrers(Repository, Digest),
}

impl Route {
    /// Reads a path as it came, percent-encoded.
    ///
    /// Names of repositories may hold the words that separate them from the rest, so it is read from its end.
    pub(crate) fn read(path: &str) -> Result<Self, ApiError> {
        let unknown = || ApiError::not_found("no end point of the distribution specification has this path");
        let path = percent_decode_str(path).decode_utf8().map_err(|_| unknown())?;
        let path = path.strip_prefix("/v2").ok_or_else(unknown)?;
        let rest = match path {
            "" | "/" => return Ok(Self::Base),
            "/_catalog" => return Ok(Self::Catalog),
            _ => path.strip_prefix('/').ok_or_else(unknown)?,
        };
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return Ok(Self::Tags(name.parse()?));
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads/").or(rest.strip_suffix("/blobs/uploads")) {
            return Ok(Self::Uploads(name.parse()?));
        }
        let (front, last) = rest.rsplit_once('/').ok_or_else(unknown)?;
        let (name, kind) = front.rsplit_once('/').ok_or_else(unknown)?;
        match kind {
            "blobs" => Ok(Self::Blob(name.parse()?, last.parse().map_err(NameError::Digest)?)),
            "manifests" => Ok(Self::Manifest(name.parse()?, last.parse()?)),
            "referrers" => Ok(Self::Referrers(name.parse()?, last.parse().map_err(NameError::Digest)?)),
            "uploads" => {
                let name = name.strip_suffix("/blobs").ok_or_else(unknown)?;
                let id = last.parse().map_err(|_| unknown_upload())?;
                Ok(Self::Upload(name.parse()?, id))
            }
            _ => Err(unknown()),
        }
    }

    pub(crate) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Manifest(name, _)
            | Self::Tags(name)
            | Self::Referrers(name, _) => Some(name),
        }
    }
}

fn unknown_upload() -> ApiError {
    let (status, code) = (axum::http::StatusCode::NOT_FOUND, super::error::Code::BlobUploadUnknown);
    ApiError::new(status, code, "no upload has an address like this one")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn status(path: &str) -> u16 {
        Route::read(path).unwrap_err().status.as_u16()
    }

    #[test]
    fn names_may_hold_the_words_of_paths() {
        let name: Repository = "a/blobs/uploads".parse().unwrap();
        assert_eq!(Route::read("/v2/a/blobs/uploads/tags/list").unwrap(), Route::Tags(name.clone()));
        let digest: Digest = format!("sha256:{HEX}").parse().unwrap();
        let path = format!("/v2/a/blobs/uploads/blobs/sha256%3A{HEX}");
        assert_eq!(Route::read(&path).unwrap(), Route::Blob(name, digest));
    }

    #[test]
    fn ways_out_of_the_store_are_refused() {
        for path in [
            "/v2/../manifests/latest",
            "/v2/a/../../b/manifests/latest",
            "/v2/%2e%2e%2f%2e%2e/manifests/latest",
            "/v2/a/manifests/..",
            "/v2/a/manifests/%2e%2e%2fb",
            "/v2/a/blobs/sha256:..%2f..%2fetc",
            "/v2/_tags/manifests/latest",
            "/v2/a%00b/tags/list",
        ] {
            let status = status(path);
            assert!(status == 400 || status == 404, "{path}: {status}");
        }
        assert_eq!(status("/v2/a/blobs/uploads/..%2f..%2fx"), 404);
        assert_eq!(status("/v2/a/b"), 404);
        assert_eq!(status("/v1/"), 404);
    }
}
