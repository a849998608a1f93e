//! Secrets: files in a folder, `NAME/KEY`, as a cluster mounts them. Owns where they are looked for; what they are for
//! is said by who asks. Read anew each time, so that a secret that was changed is seen with the next document.

use std::io;
use std::path::{Path, PathBuf};

use invoker_core::topology::SecretRef;

/// A folder of secrets, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    folder: Option<PathBuf>,
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error("there is no folder of secrets to find {name:?} in")]
    NoFolder { name: String },
    #[error("the secret {name:?} with key {key:?} does not name a file in the folder of secrets")]
    BadName { name: String, key: String },
    #[error("cannot read the secret {path:?}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Secrets {
    /// Secrets are files below `folder`.
    pub fn below(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// The text of a secret, without the newline that an editor leaves at its end. `key` is used where the reference
    /// names none.
    pub fn get(&self, secret: &SecretRef, key: &str) -> Result<String, SecretError> {
        let path = self.path(secret, key)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned()),
            Err(source) => Err(SecretError::Unreadable { path, source }),
        }
    }

    /// As [`Secrets::get`]; `None` where the secret has no such key.
    pub fn find(&self, secret: &SecretRef, key: &str) -> Result<Option<String>, SecretError> {
        match self.get(secret, key) {
            Ok(text) => Ok(Some(text)),
            Err(SecretError::Unreadable { path, source })
                if source.kind() == io::ErrorKind::NotFound && path.parent().is_some_and(Path::is_dir) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn path(&self, secret: &SecretRef, key: &str) -> Result<PathBuf, SecretError> {
        let name = &secret.name;
        let key = secret.key.as_deref().unwrap_or(key);
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('/');
        if !plain(name) || !plain(key) {
            return Err(SecretError::BadName { name: name.clone(), key: key.to_owned() });
        }
        match &self.folder {
            Some(folder) => Ok(folder.join(name).join(key)),
            None => Err(SecretError::NoFolder { name: name.clone() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, key: Option<&str>) -> SecretRef {
        SecretRef { name: name.to_owned(), key: key.map(str::to_owned) }
    }

    #[test]
    fn a_secret_is_a_file_below_the_folder_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/api")).unwrap();
        std::fs::write(dir.path().join("in/api/token"), "s3cret\n").unwrap();
        std::fs::write(dir.path().join("outside"), "no").unwrap();
        let secrets = Secrets::below(dir.path().join("in"));
        assert_eq!(secrets.get(&secret("api", None), "token").unwrap(), "s3cret");
        assert_eq!(secrets.get(&secret("api", Some("token")), "other").unwrap(), "s3cret");
        assert_eq!(secrets.find(&secret("api", None), "other").unwrap(), None);
        assert!(matches!(secrets.find(&secret("none", None), "x"), Err(SecretError::Unreadable { .. })));
        assert!(matches!(secrets.get(&secret("..", None), "outside"), Err(SecretError::BadName { .. })));
        assert!(matches!(
            secrets.get(&secret("api", Some("../../outside")), ""),
            Err(SecretError::BadName { .. })
        ));
        assert!(matches!(
            Secrets::default().get(&secret("api", None), "token"),
            Err(SecretError::NoFolder { .. })
        ));
    }
}
