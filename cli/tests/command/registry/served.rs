//! A registry that `invoker registry serve` runs on a loopback port, and requests to it without any client of ours.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};

use crate::invocation::Folder;

/// A registry, running or not; killed when it is dropped.
pub(super) struct Served<'a> {
    folder: &'a Folder,
    process: Child,
    pub(super) address: SocketAddr,
    more: Vec<String>,
}

/// What a registry answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl<'a> Served<'a> {
    /// Serves the folder `store`.
    pub(super) fn start(folder: &'a Folder, more: &[&str]) -> Self {
        let more: Vec<String> = more.iter().map(|&arg| arg.to_owned()).collect();
        let (process, address) = serve(folder, "127.0.0.1:0", &more);
        Self { folder, process, address, more }
    }

    /// Where it is, as names have it.
    pub(super) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Serves the same at the same address again.
    pub(super) fn restart(&mut self) {
        (self.process, self.address) = serve(self.folder, &self.host(), &self.more);
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "", b"")
    }

    /// One request as any HTTP client makes it.
    pub(super) fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        let head = String::from_utf8(answer).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, body }
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn serve(folder: &Folder, listen: &str, more: &[String]) -> (Child, SocketAddr) {
    let mut command = folder.command(&["registry", "serve", "--store", "store", "--listen", listen]);
    let mut process = command.args(more).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    let address = loop {
        let Some(line) = lines.next() else { panic!("the registry does not serve: {said:?}") };
        let line = line.unwrap();
        let address = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next());
        if let Some(address) = address.filter(|_| line.contains("serving")) {
            break address.parse().unwrap();
        }
        said.push(line);
    };
    // What it says later goes nowhere, so that it never waits for a reader.
    std::thread::spawn(move || lines.for_each(drop));
    (process, address)
}
