//! From a path under `/api` to what it means.

use percent_encoding::percent_decode_str;

use super::super::error::ApiError;
use super::PATH;
use crate::functions::FunctionError;
use crate::name::Repository;

/// What a path names. References are read by who looks them up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route {
    Document,
    Functions,
    Versions(Repository),
    Version(Repository, String),
    Deprecation(Repository, String),
    Resolve(Repository),
}

impl Route {
    /// Reads a path as it came. A name may have its slashes encoded or not, so it is read from its end.
    pub(super) fn read(path: &str) -> Result<Self, ApiError> {
        let unknown = || ApiError::not_found("no end point has this path; /api/openapi.json lists them");
        let rest = path.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')).ok_or_else(unknown)?;
        let parts: Vec<&str> = rest.split('/').collect();
        let parts = match parts.as_slice() {
            ["openapi.json"] => return Ok(Self::Document),
            ["functions"] => return Ok(Self::Functions),
            ["functions", parts @ ..] => parts,
            _ => return Err(unknown()),
        };
        let text =
            |part: &str| percent_decode_str(part).decode_utf8().map(String::from).map_err(|_| unknown());
        let name = |parts: &[&str]| -> Result<Repository, ApiError> {
            Ok(FunctionError::read("name", &text(&parts.join("/"))?)?)
        };
        match parts {
            [front @ .., "versions", reference, "deprecation"] if !front.is_empty() => {
                Ok(Self::Deprecation(name(front)?, text(reference)?))
            }
            [front @ .., "versions", reference] if !front.is_empty() => {
                Ok(Self::Version(name(front)?, text(reference)?))
            }
            [front @ .., "versions"] if !front.is_empty() => Ok(Self::Versions(name(front)?)),
            [front @ .., "resolve"] if !front.is_empty() => Ok(Self::Resolve(name(front)?)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_slashes_and_the_words_of_paths() {
        let name = |text: &str| text.parse::<Repository>().unwrap();
        for (path, route) in [
            ("functions/a/b/versions", Route::Versions(name("a/b"))),
            ("functions/a%2Fb/versions", Route::Versions(name("a/b"))),
            ("functions/a/versions/%5E1.2", Route::Version(name("a"), "^1.2".to_owned())),
            ("functions/versions/versions", Route::Versions(name("versions"))),
            ("functions/a/versions/versions", Route::Version(name("a"), "versions".to_owned())),
            ("functions/a%2Fversions/versions", Route::Versions(name("a/versions"))),
            ("functions/a/versions/1/deprecation", Route::Deprecation(name("a"), "1".to_owned())),
            ("functions/a/b/resolve", Route::Resolve(name("a/b"))),
            ("functions", Route::Functions),
        ] {
            assert_eq!(Route::read(&format!("/api/{path}")).unwrap(), route, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_or_name_is_refused() {
        let status = |path: &str| Route::read(path).unwrap_err().status.as_u16();
        for path in
            ["/api", "/api/", "/api/functions/", "/api/functions/versions", "/api/x", "/apix/functions"]
        {
            assert_eq!(status(path), 404, "{path}");
        }
        for path in
            ["/api/functions/../versions", "/api/functions/%2e%2e%2fa/versions", "/api/functions/A/resolve"]
        {
            assert_eq!(status(path), 400, "{path}");
        }
    }
}
