//! TLS on the one port of the registry.

use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use invoker_registry::{Options, Server, Store, Tls, TlsError, Tokens};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::registry::Registry;

/// A connection that speaks `protocol`, to a server whose certificate is trusted alone.
async fn connect(
    registry: &Registry,
    certificate: &CertificateDer<'static>,
    protocol: &[u8],
) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(registry.client.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol));
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_served_over_tls() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tls = Tls { certificates: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&tls.certificates, made.cert.pem()).unwrap();
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).unwrap();
    let tokens = Some(Tokens::read("").unwrap());
    let registry = Registry::with(Options { tls: Some(tls), tokens, ..Options::default() });
    let mut stream = connect(&registry, made.cert.der(), b"http/1.1").await;
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("realm=\"https://localhost/token\""), "{answer}");
    let stream = connect(&registry, made.cert.der(), b"h2").await;
    let io = TokioIo::new(stream);
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = axum::http::Request::get("https://localhost/healthz").body(String::new()).unwrap();
    let response = send.send_request(request).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, axum::http::Version::HTTP_2));
    drop((send, response));
    connection.await.unwrap().unwrap();
    // Without TLS there is no answer.
    assert!(registry.client.try_send("GET", "/healthz", &[], b"").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_no_certificate_and_key_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let tls = Tls { certificates: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    let refused = async |tls: &Tls| {
        let options = Options { tls: Some(tls.clone()), ..Options::default() };
        Server::bind("127.0.0.1:0".parse().unwrap(), Store::memory(), options).await.unwrap_err().to_string()
    };
    assert!(refused(&tls).await.contains("cert.pem"));
    std::fs::write(&tls.certificates, "").unwrap();
    assert_eq!(
        refused(&tls).await,
        format!("cannot serve TLS: {}", TlsError::Empty(tls.certificates.clone()))
    );
    std::fs::write(&tls.certificates, made.cert.pem()).unwrap();
    assert!(refused(&tls).await.contains("key.pem"));
    std::fs::write(&tls.key, other.signing_key.serialize_pem()).unwrap();
    assert!(refused(&tls).await.contains("certificate and the key cannot be used"));
}
