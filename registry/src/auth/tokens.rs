//! The tokens that count now. Owns that they can change while requests are answered; what a file says is read in `table`.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::table::{Table, TokenFileError};
use super::{Access, Scope};

/// Who may do what.
///
/// ```toml
/// anonymousPull = true
/// sessionKey = "…"                    # 64 hexadecimal digits; the same for all replicas
///
/// [[token]]
/// name = "ci"
/// sha256 = "…"                        # of the secret: printf %s "$SECRET" | sha256sum
/// expires = "2030-01-01T00:00:00Z"    # optional
/// grants = [{ namespace = "team", right = "push" }]
/// ```
///
/// Clones share what counts, so that [`Tokens::follow`] of one changes it for all.
#[derive(Clone)]
pub struct Tokens {
    table: Arc<RwLock<Arc<Table>>>,
}

impl Tokens {
    pub fn file(path: &Path) -> Result<Self, TokenFileError> {
        Self::read(&std::fs::read_to_string(path)?)
    }

    pub fn read(text: &str) -> Result<Self, TokenFileError> {
        Ok(Self { table: Arc::new(RwLock::new(Arc::new(Table::read(text, None)?))) })
    }

    /// Reads the file again and again, and takes what it says once that is something else two times running. A file that cannot be read
    /// or is not as it should be is logged once, and what counted before counts on.
    ///
    /// It is read rather than watched: so a file that is replaced through a link, as Kubernetes does it, is seen as well.
    pub async fn follow(self, path: &Path, every: Duration) {
        let (mut taken, mut before) = (None, None);
        loop {
            let read = tokio::fs::read_to_string(path).await;
            let now = Some(read.map_err(|error| error.to_string()));
            // Twice the same: a file that is being written may be half of what it will be.
            if now == before && now != taken {
                if let Some(read) = &now {
                    self.take(path, read.as_deref(), taken.is_none());
                }
                taken = now.clone();
            }
            before = now;
            tokio::time::sleep(every).await;
        }
    }

    fn take(&self, path: &Path, read: Result<&str, &String>, is_first: bool) {
        let key = self.table().key();
        let file = path.display();
        match read
            .map_err(String::clone)
            .and_then(|text| Table::read(text, Some(key)).map_err(|error| error.to_string()))
        {
            Ok(table) => {
                if !is_first {
                    tracing::info!(%file, tokens = table.len(), "the token file changed");
                }
                *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
            }
            Err(error) => {
                tracing::error!(%file, error, "the token file cannot be used; the tokens from before count on");
            }
        }
    }

    fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn anonymous(&self) -> Access {
        self.table().anonymous()
    }

    /// The access of who knows a secret, whole.
    pub(crate) fn by_secret(&self, name: Option<&str>, secret: &str, now: DateTime<Utc>) -> Option<Access> {
        self.table().by_secret(name, secret, now)
    }

    /// The access of a bearer token: a secret, or a session.
    pub(crate) fn by_bearer(&self, token: &str, now: DateTime<Utc>) -> Option<Access> {
        self.table().by_bearer(token, now)
    }

    /// A session token for what `access` may do of `scopes`.
    pub(crate) fn session(&self, access: &Access, scopes: Vec<Scope>, now: DateTime<Utc>) -> String {
        self.table().session(access, scopes, now)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("tokens", &self.table().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_leaves_what_counted() {
        let tokens = Tokens::read("anonymousPull = true").unwrap();
        let path = Path::new("tokens.toml");
        let may_pull = || matches!(tokens.anonymous(), Access::Anonymous { may_pull: true });
        tokens.take(path, Ok("tokens = 1"), false);
        assert!(may_pull());
        tokens.take(path, Err(&"gone".to_owned()), false);
        assert!(may_pull());
        tokens.take(path, Ok(""), false);
        assert!(!may_pull());
    }
}
