//! TLS: from files to what connections are accepted with. HTTP/2 and HTTP/1.1 are offered.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::options::Tls;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot read {path:?} as PEM: {error}")]
    File { path: PathBuf, error: pem::Error },
    #[error("{0:?} has no certificate")]
    Empty(PathBuf),
    #[error("the certificate and the key cannot be used: {0}")]
    Config(#[from] rustls::Error),
}

pub(super) fn config(files: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let failed = |path: &Path, error| TlsError::File { path: path.to_owned(), error };
    let read = CertificateDer::pem_file_iter(&files.certificates).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| failed(&files.certificates, error))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty(files.certificates.clone()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| failed(&files.key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
