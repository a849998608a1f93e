//! Looks whether the document of a folder is another one. By its contents, not by times or events: a cluster replaces
//! files by moving links, and the document is small.

use std::path::PathBuf;

use crate::config::{self, Config, ConfigError};

/// A folder, and what was last seen in it.
pub(super) struct Watch {
    folder: PathBuf,
    /// `None` = there was no document to be read.
    seen: Option<Vec<u8>>,
}

impl Watch {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, seen: None }
    }

    /// What is in the folder, if it is not what was seen before. The same trouble is told once.
    pub(super) fn look(&mut self) -> Option<Result<Config, ConfigError>> {
        match config::text(&self.folder) {
            Ok((_, text)) if self.seen.as_ref() == Some(&text) => None,
            Ok((path, text)) => {
                let config = Config::parse(&path, &text);
                self.seen = Some(text);
                Some(config)
            }
            Err(error) => self.seen.take().map(|_| Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("host.yaml");
        let write = |generation: u64| {
            let text =
                format!("generation: {generation}\ndeployment: d\nhost: h\ndata: data\nentities: []\n");
            std::fs::write(&path, text).unwrap();
        };
        write(1);
        let mut watch = Watch::new(dir.path().to_owned());
        assert_eq!(watch.look().unwrap().unwrap().document.generation, 1);
        assert!(watch.look().is_none());
        write(2);
        assert_eq!(watch.look().unwrap().unwrap().document.generation, 2);
        std::fs::write(&path, "nonsense: 1").unwrap();
        assert!(matches!(watch.look(), Some(Err(ConfigError::Invalid(_)))));
        assert!(watch.look().is_none());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(watch.look(), Some(Err(ConfigError::NoDocument { .. }))));
        assert!(watch.look().is_none());
        write(2);
        assert!(watch.look().is_some());
    }
}
