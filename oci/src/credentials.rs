//! Logins, in the file that Docker keeps them in, or a secret of its shape. Owns where they are read and written; what
//! is done with them is the business of [`auth`](crate::auth).

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// A file of logins, or none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    file: Option<PathBuf>,
    /// For any registry, in place of those of the file.
    given: Option<Login>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Who asks.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    Password {
        name: String,
        secret: String,
    },
    /// A token that is traded for others.
    Identity(String),
}

impl Credentials {
    /// Logins in this file, of the shape of Docker's `config.json`. It need not be there.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self { file: Some(file.into()), given: None }
    }

    /// One login, whichever registry asks for it.
    pub fn of(name: &str, secret: &str) -> Self {
        let given = Login::Password { name: name.to_owned(), secret: secret.to_owned() };
        Self { file: None, given: Some(given) }
    }

    /// Where they are.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The login for a registry, where there is one. Credential helpers that the file names are asked.
    pub(crate) fn get(&self, key: &str) -> Result<Option<Login>, Error> {
        let Some(path) = &self.file else { return Ok(self.given.clone()) };
        let failed = |why: String| Error::Credentials { path: path.clone(), why };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error.to_string())),
        };
        match get_credential_from_reader(file, key) {
            Ok(DockerCredential::UsernamePassword(name, secret)) => {
                Ok(Some(Login::Password { name, secret }))
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Login::Identity(token))),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
            // Helpers answer so for a registry that they have no login for.
            Err(CredentialRetrievalError::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found") =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Keeps a login, with the helper that the file names or in the file itself, which only its owner may read. The
    /// rest of the file stays as it is.
    pub fn store(&self, key: &str, name: &str, secret: &str) -> Result<(), Error> {
        let Some(path) = &self.file else {
            let why = "there is neither DOCKER_CONFIG nor HOME to keep it below".to_owned();
            return Err(Error::Credentials { path: PathBuf::new(), why });
        };
        let failed = |why: String| Error::Credentials { path: path.clone(), why };
        let mut config = match fs::read(path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(failed(error.to_string())),
        };
        let by_host = config.get("credHelpers").and_then(|helpers| helpers.get(key));
        let helper = by_host.or_else(|| config.get("credsStore")).and_then(Value::as_str);
        if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
            return helped(helper, key, name, secret).map_err(failed);
        }
        let auths = config.entry("auths").or_insert_with(|| json!({}));
        let auths = auths.as_object_mut().ok_or_else(|| failed("`auths` is no object".to_owned()))?;
        auths.insert(key.to_owned(), json!({"auth": STANDARD.encode(format!("{name}:{secret}"))}));
        let text = serde_json::to_string_pretty(&config).unwrap_or_default();
        write(path, &text).map_err(|source| Error::Write { path: path.clone(), source })
    }
}

/// Hands a login to a credential helper.
fn helped(helper: &str, key: &str, name: &str, secret: &str) -> Result<(), String> {
    let program = format!("docker-credential-{helper}");
    let failed = |error: io::Error| format!("{program}: {error}");
    let mut child = Command::new(&program)
        .arg("store")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let login = json!({"ServerURL": key, "Username": name, "Secret": secret}).to_string();
    let given = child.stdin.take().map(|mut input| input.write_all(login.as_bytes())).transpose();
    let ended = child.wait().map_err(failed)?;
    given.map_err(failed)?;
    if ended.success() { Ok(()) } else { Err(format!("{program} does not keep it")) }
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A link, as people have it in their home, stays one.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&temporary, &path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_login_is_kept_beside_what_is_there_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker/config.json");
        let credentials = Credentials::in_file(&path);
        assert!(credentials.get("r.example").unwrap().is_none());
        credentials.store("r.example", "ci", "se:cret").unwrap();
        credentials.store("localhost:5000", "me", "x").unwrap();
        let login = Login::Password { name: "ci".to_owned(), secret: "se:cret".to_owned() };
        assert!(credentials.get("r.example").unwrap() == Some(login));
        assert!(credentials.get("other.example").unwrap().is_none());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        fs::write(&path, "{ nonsense").unwrap();
        let credentials = Credentials::in_file(&path);
        let error = credentials.get("r.example").map(|_| ()).unwrap_err().message().to_string();
        assert!(error.contains("config.json"), "{error}");
        let error = credentials.store("r.example", "a", "b").unwrap_err().message().to_string();
        assert!(error.contains("config.json"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{ nonsense");
    }
}
