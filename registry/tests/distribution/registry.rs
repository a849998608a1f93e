//! A registry that runs in this process, and a client that says exactly what it is told.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use invoker_registry::{Options, Server, Store};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use ureq::http::{HeaderMap, Request};

pub struct Registry {
    pub client: Client,
    /// Where it keeps everything.
    pub folder: PathBuf,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
    _temporary: Option<TempDir>,
}

#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    agent: ureq::Agent,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Whether the body ended before it was whole.
    pub is_cut: bool,
}

impl Registry {
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    pub fn with(options: Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut registry = Self::over(folder.path(), options);
        registry._temporary = Some(folder);
        registry
    }

    /// One more over a folder.
    pub fn over(folder: &Path, options: Options) -> Self {
        Self::serving(Store::folder(folder).unwrap(), folder, options)
    }

    /// One that works on a handle of the caller's.
    pub fn serving(store: Store, folder: &Path, options: Options) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let (send, receive) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.unwrap().block_on(async move {
                let server = Server::bind("127.0.0.1:0".parse().unwrap(), store, options).await.unwrap();
                send.send(server.address()).unwrap();
                server.run(stopped).await;
            });
        });
        let client = Client::new(receive.recv().unwrap());
        Self { client, folder: folder.to_owned(), stop, thread: Some(thread), _temporary: None }
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.client.send(method, path, headers, body)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    /// The file of a blob.
    pub fn blob(&self, repository: &str, digest: &str) -> PathBuf {
        let path = format!("repositories/{repository}/_blobs/{}", digest.replace(':', "/"));
        self.folder.join(path)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .max_redirects(0)
            .proxy(None)
            .build()
            .new_agent();
        Self { address, agent }
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_send(method, path, headers, body).unwrap()
    }

    /// An error if there is no answer.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, ureq::Error> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sends = matches!(method, "POST" | "PUT" | "PATCH");
        let mut response =
            if sends { self.agent.run(request.body(body)?)? } else { self.agent.run(request.body(())?)? };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let read = response.body_mut().with_config().limit(1 << 30).read_to_vec();
        let is_cut = read.is_err();
        Ok(Reply { status, headers, body: read.unwrap_or_default(), is_cut })
    }
}

impl Reply {
    /// A header; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status and code of an error.
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(self.header("content-type"), "application/json");
        (self.status, json["errors"][0]["code"].as_str().unwrap().to_owned())
    }

    pub fn message(&self) -> String {
        self.json()["errors"][0]["message"].as_str().unwrap().to_owned()
    }
}

/// What `error` gives.
pub fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
