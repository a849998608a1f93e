//! Requests to one registry: where they go, who they come from, what a refusal means. Owns the connection and the
//! tokens; which requests are made in which order is the business of the modules that push, pull and list.

use std::collections::HashMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Request, Response, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, ResponseExt as _, SendBody};

use crate::Progress;
use crate::address::Address;
use crate::auth::{self, Refusal};
use crate::credentials::Credentials;
use crate::error::Error;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest silence of a registry that is expected to say or take something.
const SILENCE: Duration = Duration::from_secs(30);
/// Largest answer that is no blob, bytes.
pub(crate) const ANSWER_BYTES: u64 = 8 << 20;
/// Largest part of a message of a registry that is shown, characters.
const MESSAGE: usize = 2000;

/// One registry.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) address: Address,
    credentials: Credentials,
    agent: OnceLock<Agent>,
    /// What to send as `Authorization`, by scope.
    tokens: Mutex<HashMap<String, String>>,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    /// A path, or a whole address.
    pub(crate) place: &'a str,
    /// `repository:team/split:pull`, for the token.
    pub(crate) scope: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<Sent<'a>>,
}

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) struct Sent<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) progress: Option<Progress<'a>>,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(place: &'a str, scope: &'a str) -> Self {
        Self { method: "GET", place, scope, headers: &[], body: None }
    }
}

impl Client {
    pub(crate) fn new(address: Address, credentials: Credentials) -> Self {
        Self { address, credentials, agent: OnceLock::new(), tokens: Mutex::default() }
    }

    /// What the registry is called in messages.
    pub(crate) fn shown(&self) -> String {
        self.address.base().to_owned()
    }

    /// Asks, and proves who asks where that is wanted. An error if nobody answers, or it is not allowed.
    pub(crate) fn ask(&self, ask: Ask<'_>) -> Result<Response<Body>, Error> {
        let url = self.url(ask.place);
        let known = self.tokens().get(ask.scope).cloned();
        let mut response = self.send(&url, ask, known.as_deref())?;
        // Who was led elsewhere is asked by somebody else.
        if response.status() == 401 && self.is_here(&response.get_uri().to_string()) {
            let token = self.authorise(ask, &response)?;
            response = self.send(&url, ask, Some(&token))?;
            if response.status() != 401 {
                self.tokens().insert(ask.scope.to_owned(), token);
            }
        }
        match response.status().as_u16() {
            401 | 403 => Err(self.unauthorised(ask.scope, message(&mut response))),
            status @ (408 | 429 | 500..) => {
                let why = format!("it answered {status}: {}", message(&mut response));
                Err(Error::Away { registry: self.shown(), why })
            }
            _ => Ok(response),
        }
    }

    /// What a registry answered that nobody foresaw.
    pub(crate) fn refused(&self, what: impl Into<String>, mut response: Response<Body>) -> Error {
        let status = response.status().as_u16();
        Error::Refused { registry: self.shown(), what: what.into(), status, message: message(&mut response) }
    }

    pub(crate) fn away(&self, error: impl std::fmt::Display) -> Error {
        Error::Away { registry: self.shown(), why: error.to_string() }
    }

    /// All of a body, of at most this many bytes.
    pub(crate) fn body(&self, response: &mut Response<Body>, limit: u64) -> Result<Vec<u8>, Error> {
        response.body_mut().with_config().limit(limit).read_to_vec().map_err(|error| self.away(error))
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, HashMap<String, String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, place: &str) -> String {
        if place.starts_with('/') { format!("{}{place}", self.address.base()) } else { place.to_owned() }
    }

    /// Whether an address is one of this registry: others are not told who asks.
    fn is_here(&self, url: &str) -> bool {
        url.strip_prefix(self.address.base()).is_some_and(|rest| rest.starts_with('/'))
    }

    fn authorise(&self, ask: Ask<'_>, response: &Response<Body>) -> Result<String, Error> {
        let challenge = response.headers().get(header::WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let login = self.credentials.get(self.address.login_key())?;
        let secure = self.address.base().starts_with("https:");
        let answer = auth::answer(self.agent(), challenge, ask.scope, login.as_ref(), secure);
        answer.map_err(|refusal| match refusal {
            Refusal::Away(why) => self.away(why),
            Refusal::Refused(why) => self.unauthorised(ask.scope, why),
        })
    }

    fn unauthorised(&self, scope: &str, why: String) -> Error {
        let mut parts = scope.splitn(3, ':');
        let what = match (parts.next(), parts.next(), parts.next()) {
            (Some("repository"), Some(name), Some(right)) => {
                let right = if right.contains("push") { "push to" } else { right };
                format!("to {right} {name:?}", right = if right == "pull" { "pull from" } else { right })
            }
            _ => "access".to_owned(),
        };
        let has_login = matches!(self.credentials.get(self.address.login_key()), Ok(Some(_)));
        let registry = self.address.host().to_owned();
        Error::Unauthorised { registry, what, why, has_login }
    }

    fn send(&self, url: &str, ask: Ask<'_>, token: Option<&str>) -> Result<Response<Body>, Error> {
        let mut request = Request::builder().method(ask.method).uri(url);
        for (name, value) in ask.headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = token.filter(|_| self.is_here(url)) {
            request = request.header(header::AUTHORIZATION, token);
        }
        let invalid = |error: ureq::http::Error| self.away(error);
        let sent = match ask.body {
            None => self.agent().run(request.body(()).map_err(invalid)?),
            Some(sent) => {
                request = request.header(header::CONTENT_LENGTH, sent.bytes.len());
                let mut counted = Counted { rest: sent.bytes, of: sent.bytes.len(), progress: sent.progress };
                self.agent().run(request.body(SendBody::from_reader(&mut counted)).map_err(invalid)?)
            }
        };
        sent.map_err(|error| self.away(error))
    }

    fn agent(&self) -> &Agent {
        self.agent.get_or_init(|| {
            let mut config = Agent::config_builder()
                .http_status_as_error(false)
                .redirect_auth_headers(RedirectAuthHeaders::SameHost)
                .user_agent(concat!("invoker/", env!("CARGO_PKG_VERSION")))
                .timeout_connect(Some(CONNECT))
                .timeout_per_read(Some(SILENCE))
                .timeout_per_write(Some(SILENCE))
                .timeout_recv_response(Some(2 * SILENCE))
                // Always: plain HTTP may lead to a token service or to blobs on HTTPS.
                .tls_config(tls());
            if self.address.is_loopback() {
                config = config.proxy(None);
            }
            config.build().new_agent()
        })
    }
}

/// The certificates of this system, or those of `SSL_CERT_FILE`.
fn tls() -> TlsConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a certificate of this system cannot be read");
    }
    let certificates = found.certs.iter().map(|it| Certificate::from_der(it).to_owned());
    let crypto = Arc::new(rustls::crypto::ring::default_provider());
    TlsConfig::builder()
        .root_certs(RootCerts::from(certificates))
        .unversioned_rustls_crypto_provider(crypto)
        .build()
}

/// What the registry says for itself.
pub(crate) fn message(response: &mut Response<Body>) -> String {
    let body = response.body_mut().with_config().limit(1 << 20).read_to_vec().unwrap_or_default();
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let error = json.as_ref().and_then(|json| json.get("errors")?.get(0));
    let field = |name: &str| error.and_then(|error| error.get(name)?.as_str());
    let text = field("message").filter(|text| !text.is_empty()).or(field("code"));
    let text = text.map_or_else(|| String::from_utf8_lossy(&body).into_owned(), str::to_owned);
    text.trim().chars().take(MESSAGE).collect()
}

/// Bytes that say how many of them are gone.
struct Counted<'a> {
    rest: &'a [u8],
    of: usize,
    progress: Option<Progress<'a>>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.rest.read(buffer)?;
        if let Some(progress) = self.progress {
            progress((self.of - self.rest.len()) as u64, self.of as u64);
        }
        Ok(read)
    }
}
