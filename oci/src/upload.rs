//! The upload of one blob. Owns what becomes of one that is cut off: it goes on where the registry says that it stands,
//! in this process or in the next one.

use std::time::Duration;

use ureq::Body;
use ureq::http::{Response, header};

use crate::Progress;
use crate::cache::Cache;
use crate::client::{Ask, Client, Sent};
use crate::error::Error;

/// Bytes of a chunk; what is smaller goes in one request.
const CHUNK: usize = 4 << 20;
/// How often a chunk is tried again, with growing pauses.
const RETRIES: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

pub(crate) struct Upload<'a> {
    pub(crate) client: &'a Client,
    pub(crate) repository: &'a str,
    pub(crate) scope: String,
    pub(crate) digest: String,
    pub(crate) bytes: &'a [u8],
    pub(crate) cache: Option<&'a Cache>,
    pub(crate) progress: Option<Progress<'a>>,
}

pub(crate) struct Uploaded {
    pub(crate) resumed_at: Option<u64>,
    pub(crate) was_there: bool,
}

/// An upload that is under way.
struct Session {
    location: String,
    /// Bytes that the registry has.
    offset: usize,
    chunk: usize,
}

impl Upload<'_> {
    pub(crate) fn run(&self) -> Result<Uploaded, Error> {
        if self.is_there()? {
            self.told(self.bytes.len());
            return Ok(Uploaded { resumed_at: None, was_there: true });
        }
        let earlier = self.earlier()?;
        let resumed_at = earlier.as_ref().map(|session| session.offset as u64).filter(|at| *at > 0);
        let mut session = match earlier {
            Some(session) => session,
            None => self.begin()?,
        };
        if self.bytes.len() > session.chunk || session.offset > 0 {
            self.keep(Some(&session.location));
            self.send_chunks(&mut session)?;
        }
        self.finish(&session)?;
        self.keep(None);
        self.told(self.bytes.len());
        Ok(Uploaded { resumed_at, was_there: false })
    }

    fn ask(&self, method: &str, place: &str) -> Result<Response<Body>, Error> {
        self.client.ask(Ask { method, ..Ask::get(place, &self.scope) })
    }

    fn is_there(&self) -> Result<bool, Error> {
        let response = self.ask("HEAD", &format!("/v2/{}/blobs/{}", self.repository, self.digest))?;
        Ok(response.status() == 200)
    }

    fn begin(&self) -> Result<Session, Error> {
        let place = format!("/v2/{}/blobs/uploads/", self.repository);
        let body = Some(Sent { bytes: &[], progress: None });
        let ask = Ask { method: "POST", place: &place, scope: &self.scope, headers: &[], body };
        let response = self.client.ask(ask)?;
        if response.status() != 202 {
            return Err(self.client.refused(format!("begin an upload to {:?}", self.repository), response));
        }
        let least =
            response.headers().get("OCI-Chunk-Min-Length").and_then(|it| it.to_str().ok()?.parse().ok());
        let chunk = CHUNK.max(least.unwrap_or(0));
        match location(&response) {
            Some(location) => Ok(Session { location, offset: 0, chunk }),
            None => Err(self.client.refused("say where an upload goes", response)),
        }
    }

    /// An upload of these bytes that was cut off before, as far as the registry still knows it.
    fn earlier(&self) -> Result<Option<Session>, Error> {
        let known = self.cache.and_then(|cache| cache.upload(&self.key()));
        let Some(location) = known else { return Ok(None) };
        let mut session = Session { location, offset: 0, chunk: CHUNK };
        if self.catch_up(&mut session)? { Ok(Some(session)) } else { Ok(None) }
    }

    /// Asks where an upload stands; `false` where the registry knows nothing of it.
    fn catch_up(&self, session: &mut Session) -> Result<bool, Error> {
        let response = self.ask("GET", &session.location)?;
        if !matches!(response.status().as_u16(), 200 | 204) {
            return Ok(false);
        }
        if let Some(location) = location(&response) {
            session.location = location;
        }
        session.offset = offset(&response).unwrap_or(0);
        Ok(session.offset <= self.bytes.len())
    }

    fn send_chunks(&self, session: &mut Session) -> Result<(), Error> {
        let mut failures = 0;
        while session.offset < self.bytes.len() {
            let before = session.offset;
            let failed = match self.send_chunk(session) {
                Ok(()) => None,
                Err(error @ Error::Away { .. }) if failures < RETRIES => Some(error),
                Err(error) => return Err(error),
            };
            if let Some(error) = failed {
                tracing::debug!(%error, offset = before, "a chunk did not arrive, trying again");
                std::thread::sleep(FIRST_PAUSE * 2_u32.pow(failures));
                failures += 1;
                // Where nobody answers, the next chunk tells.
                match self.catch_up(session) {
                    Ok(true) | Err(Error::Away { .. }) => {}
                    Ok(false) => *session = self.begin()?,
                    Err(error) => return Err(error),
                }
            } else if session.offset > before {
                failures = 0;
            }
        }
        Ok(())
    }

    fn send_chunk(&self, session: &mut Session) -> Result<(), Error> {
        let first = session.offset;
        let end = self.bytes.len().min(first + session.chunk);
        let bytes = self.bytes.get(first..end).unwrap_or_default();
        let range = format!("{first}-{}", end - 1);
        let headers = [
            (header::CONTENT_RANGE.as_str(), range.as_str()),
            (header::CONTENT_TYPE.as_str(), "application/octet-stream"),
        ];
        let progress = |sent: u64, _: u64| self.told(first + sent as usize);
        let body = Some(Sent { bytes, progress: Some(&progress) });
        let place = session.location.clone();
        let ask = Ask { method: "PATCH", place: &place, scope: &self.scope, headers: &headers, body };
        let response = self.client.ask(ask)?;
        match response.status().as_u16() {
            202 => {
                if let Some(location) = location(&response) {
                    session.location = location;
                    self.keep(Some(&session.location));
                }
                session.offset = offset(&response).filter(|at| *at > first).unwrap_or(end);
                Ok(())
            }
            // It stands somewhere else, or was given up: `catch_up` tells.
            404 | 416 => Err(self.client.away("the upload stands somewhere else")),
            _ => Err(self.client.refused("take a part of an upload", response)),
        }
    }

    /// Closes the upload; one that is small is sent with it.
    fn finish(&self, session: &Session) -> Result<(), Error> {
        let joint = if session.location.contains('?') { '&' } else { '?' };
        let place = format!("{}{joint}digest={}", session.location, self.digest);
        let bytes = self.bytes.get(session.offset..).unwrap_or_default();
        let headers = [(header::CONTENT_TYPE.as_str(), "application/octet-stream")];
        let progress = |sent: u64, _: u64| self.told(session.offset + sent as usize);
        let body = Some(Sent { bytes, progress: Some(&progress) });
        let ask = Ask { method: "PUT", place: &place, scope: &self.scope, headers: &headers, body };
        let response = self.client.ask(ask)?;
        match response.status().as_u16() {
            200..=299 => Ok(()),
            _ => {
                // What it has is not what was sent: the next push starts anew.
                self.keep(None);
                Err(self.client.refused("take an upload", response))
            }
        }
    }

    fn told(&self, done: usize) {
        if let Some(progress) = self.progress {
            progress(done as u64, self.bytes.len() as u64);
        }
    }

    fn keep(&self, location: Option<&str>) {
        if let Some(cache) = self.cache {
            cache.keep_upload(&self.key(), location);
        }
    }

    fn key(&self) -> String {
        format!("{}/{}@{}", self.client.address.base(), self.repository, self.digest)
    }
}

fn location(response: &Response<Body>) -> Option<String> {
    Some(response.headers().get(header::LOCATION)?.to_str().ok()?.to_owned())
}

/// Bytes that a registry has: `Range: 0-41` are 42.
fn offset(response: &Response<Body>) -> Option<usize> {
    let range = response.headers().get(header::RANGE)?.to_str().ok()?;
    let (_, last) = range.trim_start_matches("bytes=").split_once('-')?;
    // Nothing yet is `0-0` too; chunks are larger than a byte.
    last.parse::<usize>().ok().map(|last| if last == 0 { 0 } else { last + 1 })
}
