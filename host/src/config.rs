//! The configuration folder of a host: `host.yaml` or `host.json`, and `secrets/NAME/KEY` beside it. Owns how it is
//! read and what is wrong with it; the rules of the document are those of `core`.

use std::io;
use std::path::{Path, PathBuf};

use invoker_core::document::{self, HostDocument};
use invoker_core::message::Message;
use invoker_core::topology::Problems;

use crate::secrets::Secrets;
use crate::services::Services;

/// Names that the document may have.
const NAMES: [&str; 2] = ["host.yaml", "host.json"];
/// Folder of the secrets in that of the document.
const SECRETS: &str = "secrets";

/// Why a folder holds no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read configuration folder {folder:?}")]
    Folder {
        folder: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("configuration folder {folder:?} holds no host document")]
    NoDocument { folder: PathBuf },
    #[error("configuration folder {folder:?} holds two host documents")]
    TwoDocuments { folder: PathBuf },
    #[error("cannot read host document {path:?}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{0}")]
    Invalid(Problems),
}

impl ConfigError {
    /// What, why and what to do; several where several fields are wrong.
    pub fn messages(&self) -> Vec<Message> {
        let why = || std::error::Error::source(self).map(ToString::to_string).unwrap_or_default();
        let (why, help) = match self {
            Self::Invalid(problems) => return problems.0.iter().map(Message::from).collect(),
            Self::Folder { .. } => (why(), "give the folder of a host.yaml"),
            Self::NoDocument { .. } => {
                ("it is looked for as host.yaml or host.json".to_owned(), "put the document there")
            }
            Self::TwoDocuments { .. } => (
                "host.yaml and host.json are both there, and only one can hold".to_owned(),
                "remove one of them",
            ),
            Self::Unreadable { .. } => (why(), "check the file and who may read it"),
        };
        vec![Message::new(self.to_string(), why, help)]
    }
}

/// A document, and the folder that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub folder: PathBuf,
    pub document: HostDocument,
}

/// The text of the document in a folder, and its path. What is in it is not looked at.
pub fn text(folder: &Path) -> Result<(PathBuf, Vec<u8>), ConfigError> {
    folder.read_dir().map_err(|source| ConfigError::Folder { folder: folder.to_owned(), source })?;
    let mut found = NAMES.iter().map(|name| folder.join(name)).filter(|path| path.exists());
    let path = found.next().ok_or_else(|| ConfigError::NoDocument { folder: folder.to_owned() })?;
    if found.next().is_some() {
        return Err(ConfigError::TwoDocuments { folder: folder.to_owned() });
    }
    match std::fs::read(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(ConfigError::Unreadable { path, source }),
    }
}

impl Config {
    /// Reads and checks the text of a document that stands at `path`.
    pub fn parse(path: &Path, text: &[u8]) -> Result<Self, ConfigError> {
        let document = document::read(&path.display().to_string(), text).map_err(ConfigError::Invalid)?;
        Ok(Self { folder: path.parent().map_or_else(PathBuf::new, Path::to_owned), document })
    }

    /// Reads and checks the document of a folder.
    pub fn read(folder: &Path) -> Result<Self, ConfigError> {
        let (path, text) = text(folder)?;
        Self::parse(&path, &text)
    }

    /// The secrets beside the document.
    pub fn secrets(&self) -> Secrets {
        Secrets::below(self.folder.join(SECRETS))
    }

    /// The services that the document names.
    pub fn services(&self) -> Services {
        Services {
            kafka: self.document.kafka.clone(),
            redis: self.document.redis.clone(),
            looks: false,
            prefix: self.document.prefix.clone(),
            secrets: self.secrets(),
        }
    }

    /// The folder of what is embedded, where anything is.
    pub fn data(&self) -> Option<PathBuf> {
        let data = self.document.data.as_ref().filter(|_| self.services().need_data())?;
        Some(self.folder.join(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_holds_one_document() {
        let dir = tempfile::tempdir().unwrap();
        let said = |folder: &Path| text(folder).unwrap_err().messages()[0].to_string();
        assert!(said(&dir.path().join("none")).contains("none\"\nwhy: No such file"));
        assert!(
            said(dir.path())
                .contains("holds no host document\nwhy: it is looked for as host.yaml or host.json")
        );
        std::fs::write(dir.path().join("host.yaml"), "").unwrap();
        std::fs::write(dir.path().join("host.json"), "").unwrap();
        assert!(said(dir.path()).contains("two host documents"));
    }

    #[test]
    fn data_lies_beside_the_document() {
        let text = b"{ generation: 1, deployment: d, host: h, data: data, entities: [] }";
        let config = Config::parse(Path::new("/etc/invoker/host.yaml"), text).unwrap();
        assert_eq!(config.data(), Some(PathBuf::from("/etc/invoker/data")));
    }
}
