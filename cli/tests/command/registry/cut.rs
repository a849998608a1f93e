//! An upload that is cut off goes on where it stands.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Served, command};
use crate::invocation::{Folder, ended, guest};

/// Stands in front of a registry, and breaks every connection once a number of chunks has gone through.
struct Proxy {
    address: SocketAddr,
    chunks: Arc<Chunks>,
}

#[derive(Default)]
struct Chunks {
    begun: AtomicUsize,
    /// How many may begin.
    most: AtomicUsize,
    /// One too many began, and nothing goes through any more.
    is_cut: AtomicBool,
}

impl Chunks {
    /// From now on this many may begin.
    fn allow(&self, most: usize) {
        self.most.store(most, Ordering::SeqCst);
        self.begun.store(0, Ordering::SeqCst);
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Proxy {
    fn before(registry: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let chunks = Arc::new(Chunks::default());
        let counted = Arc::clone(&chunks);
        std::thread::spawn(move || {
            for client in listener.incoming().map(Result::unwrap) {
                let server = TcpStream::connect(registry).unwrap();
                let counted = Arc::clone(&counted);
                let (mut answers, mut asks) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || drop(std::io::copy(&mut answers, &mut asks)));
                std::thread::spawn(move || carry(client, server, &counted));
            }
        });
        Self { address, chunks }
    }
}

/// Hands requests on until a chunk begins that is one too many.
fn carry(mut client: TcpStream, mut server: TcpStream, chunks: &Chunks) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        let read = buffer.get(..length).unwrap();
        let is_chunk = read.starts_with(b"PATCH ");
        if is_chunk && chunks.begun.fetch_add(1, Ordering::SeqCst) >= chunks.most.load(Ordering::SeqCst) {
            chunks.is_cut.store(true, Ordering::SeqCst);
        }
        if chunks.is_cut.load(Ordering::SeqCst) {
            break;
        }
        if server.write_all(read).is_err() {
            break;
        }
    }
    drop((client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both)));
}

/// A function with a custom section of 12 MiB behind it: four chunks.
fn padded() -> Vec<u8> {
    const PADDING: usize = 12 << 20;
    let mut component = std::fs::read(guest("wordcount_split")).unwrap();
    let (name, id) = (b"\x07padding", 0);
    let mut size = PADDING + name.len();
    component.push(id);
    while size >= 0x80 {
        component.push(size as u8 & 0x7f | 0x80);
        size >>= 7;
    }
    component.push(size as u8);
    component.extend_from_slice(name);
    // No part looks like another, so that one in the wrong place shows.
    component.extend((0..PADDING as u32 / 4).flat_map(u32::to_le_bytes));
    component
}

#[test]
fn a_push_that_is_cut_off_at_any_chunk_goes_on_there_in_the_next_process() {
    let component = padded();
    let size = component.len();
    let chunks = size.div_ceil(4 << 20);
    for cut in 1..chunks {
        let folder = Folder::new();
        let registry = Served::start(&folder, &[]);
        let proxy = Proxy::before(registry.address);
        folder.write("split.wasm", &component);
        let args = ["push", "team/split:1.0.0", "--from", "split.wasm"];
        let push = || {
            let mut command = command(&folder, &registry, &args);
            ended(command.env("INVOKER_REGISTRY", proxy.address.to_string()).output().unwrap())
        };
        proxy.chunks.allow(cut);
        push().failed(10, &["cannot reach registry"]);
        assert_eq!(registry.get("/v2/team/split/manifests/1.0.0").status, 404);
        proxy.chunks.allow(usize::MAX);
        let pushed = push().succeeded();
        let resumed = format!("pushed team/split:1.0.0, resumed at {} of {size} bytes", cut * (4 << 20));
        assert!(pushed.out.contains(&resumed), "{resumed}: {pushed:?}");
        assert_eq!(proxy.chunks.begun.load(Ordering::SeqCst), chunks - cut);
        assert_eq!(registry.get("/v2/team/split/manifests/1.0.0").status, 200);
    }
}
