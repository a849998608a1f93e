//! A registry behind HTTPS.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Served, command};
use crate::invocation::{Folder, ended, guest};

/// A certificate for `localhost` that trusts itself, and its key.
fn certificate(folder: &Folder) -> Arc<ServerConfig> {
    let mut openssl = Command::new("openssl");
    openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(' '));
    openssl.args("-keyout key.pem -out certificate.pem -subj /CN=localhost".split(' '));
    openssl
        .args("-addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE".split(' '));
    let made = ended(openssl.current_dir(folder.path("")).output().unwrap());
    assert_eq!(made.code, 0, "{made:?}");
    let certificate = CertificateDer::from_pem_file(folder.path("certificate.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(folder.path("key.pem")).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(ring).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate], key).unwrap())
}

/// Speaks HTTPS in front of a registry; its port.
fn proxy(config: Arc<ServerConfig>, registry: SocketAddr) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let server = TcpStream::connect(registry).unwrap();
            let tls = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), client);
            std::thread::spawn(move || carry(tls, server));
        }
    });
    port
}

/// Hands on what comes on either side, until one of them ends.
fn carry(mut tls: StreamOwned<ServerConnection, TcpStream>, mut server: TcpStream) {
    let turn = Some(Duration::from_millis(5));
    tls.sock.set_read_timeout(turn).unwrap();
    server.set_read_timeout(turn).unwrap();
    while pass(&mut tls, &mut server) && pass(&mut server, &mut tls) {}
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut buffer = vec![0; 64 << 10];
    match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(length) => to.write_all(buffer.get(..length).unwrap()).and_then(|()| to.flush()).is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[test]
fn https_is_spoken_with_who_the_system_trusts_and_nobody_else() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    let port = proxy(certificate(&folder), registry.address);
    let component = guest("wordcount_split");
    let at = format!("https://localhost:{port}");
    let run = |args: &[&str], trusted: bool| {
        let mut command = command(&folder, &registry, args);
        command.args(["--registry", &at]);
        if trusted {
            command.env("SSL_CERT_FILE", folder.path("certificate.pem"));
        }
        ended(command.output().unwrap())
    };
    let push = ["push", "team/split:1.0.0", "--from", component.to_str().unwrap()];
    run(&push, false).failed(10, &["cannot reach registry", "certificate"]);
    run(&push, true).succeeded();
    run(&["pull", "team/split:1.0.0", "--file", "a.wasm"], true).succeeded();
    assert!(std::fs::read(folder.path("a.wasm")).unwrap() == std::fs::read(component).unwrap());
}
