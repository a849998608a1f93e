//! The registry and its garbage collection, killed at any moment: what was acknowledged is there, and what is visible is
//! whole.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::artifact::{image, noise, sha256};
use crate::registry::Client;

const PUSHERS: usize = 3;
/// Answers after which a process is killed, at most.
const ANSWERS: usize = 40;

struct Process {
    child: Child,
    client: Client,
}

impl Process {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invoker-registry"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--store"]).arg(folder);
        let mut child = command.env_remove("RUST_LOG").stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let line = lines.find(|line| line.contains("serving")).unwrap();
        let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, client: Client::new(address) }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn collect(folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_invoker-registry"));
    command.args(["gc", "--grace", "0", "--store"]).arg(folder).stderr(Stdio::null()).spawn().unwrap()
}

/// Pushes artifacts till the registry is gone. Those that were acknowledged are noted.
fn push(
    client: &Client,
    pusher: usize,
    answered: &Sender<()>,
    acknowledged: &Mutex<BTreeMap<String, String>>,
) {
    for number in 0.. {
        let layers: Vec<_> = [10, 70_000, 300_000].map(noise).to_vec();
        let tag = format!("{pusher}.{number}.{}", &sha256(&layers[0])[7..15]);
        let manifest = image(&layers.iter().map(Vec::as_slice).collect::<Vec<_>>(), &tag).to_string();
        let send = |method: &str, path: &str, body: &[u8]| {
            let reply = client.try_send(method, path, &[], body).ok()?;
            answered.send(()).ok()?;
            Some(reply)
        };
        let push = || {
            for blob in layers.iter().map(Vec::as_slice).chain([b"{}".as_slice()]) {
                let location = send("POST", "/v2/team/a/blobs/uploads/", b"")?.header("location").to_owned();
                let half = blob.len() / 2;
                send("PATCH", &location, &blob[..half])?;
                send("PUT", &format!("{location}?digest={}", sha256(blob)), &blob[half..])?;
            }
            send("PUT", &format!("/v2/team/a/manifests/{tag}"), manifest.as_bytes())
        };
        match push() {
            None => return,
            Some(reply) if reply.status == 201 => {
                acknowledged.lock().unwrap().insert(tag, sha256(manifest.as_bytes()));
            }
            // Its blobs were garbage to a collection without a grace period.
            Some(_) => {}
        }
    }
}

/// Pulls everything that the registry shows.
fn check(client: &Client, acknowledged: &BTreeMap<String, String>) {
    let list = client.send("GET", "/v2/team/a/tags/list", &[], b"");
    let tags: Vec<String> = match list.status {
        404 => Vec::new(),
        _ => serde_json::from_value(list.json()["tags"].clone()).unwrap(),
    };
    for (tag, digest) in acknowledged {
        assert!(tags.contains(tag), "{tag} was acknowledged and is gone");
        let reply = client.send("GET", &format!("/v2/team/a/manifests/{tag}"), &[], b"");
        assert_eq!(&sha256(&reply.body), digest);
    }
    for tag in &tags {
        let manifest = client.send("GET", &format!("/v2/team/a/manifests/{tag}"), &[], b"");
        assert_eq!(manifest.status, 200, "{tag}: {manifest:?}");
        let manifest: Value = manifest.json();
        let layers = manifest["layers"].as_array().unwrap().iter();
        for blob in layers.chain([&manifest["config"]]) {
            let digest = blob["digest"].as_str().unwrap();
            let reply = client.send("GET", &format!("/v2/team/a/blobs/{digest}"), &[], b"");
            assert_eq!((reply.status, sha256(&reply.body).as_str()), (200, digest), "{tag}");
        }
    }
}

/// Files of writes that did not end, and uploads that nobody goes on with.
fn leftovers(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(leftovers(&path));
        } else if path.to_str().unwrap().contains(['#']) || path.to_str().unwrap().contains("_uploads") {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A number by name of the environment, which a soak sets.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn nothing_is_lost_or_half_visible_when_killed_at_random() {
    let (rounds, mut random) =
        (number("INVOKER_KILLS", 24), SmallRng::seed_from_u64(number("INVOKER_SEED", 1)));
    let folder = tempfile::tempdir().unwrap();
    let acknowledged = Mutex::new(BTreeMap::new());
    for round in 0..rounds {
        let number = usize::try_from(round).unwrap();
        let process = Process::start(folder.path());
        let (answered, answers) = mpsc::channel();
        let (client, acknowledged) = (process.client.clone(), &acknowledged);
        std::thread::scope(|scope| {
            for pusher in 0..PUSHERS {
                let (client, answered) = (client.clone(), answered.clone());
                scope.spawn(move || push(&client, number * PUSHERS + pusher, &answered, acknowledged));
            }
            drop(answered);
            answers.iter().take(random.random_range(1..ANSWERS)).for_each(drop);
            // Every other round, a collection is killed as well.
            let collection = (round % 2 == 1).then(|| collect(folder.path()));
            answers.iter().take(random.random_range(1..ANSWERS)).for_each(drop);
            if let Some(mut collection) = collection {
                collection.kill().unwrap();
                collection.wait().unwrap();
            }
            process.kill();
        });
        let process = Process::start(folder.path());
        check(&process.client, &acknowledged.lock().unwrap());
        process.kill();
    }
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(!acknowledged.is_empty());
    assert!(collect(folder.path()).wait().unwrap().success());
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
    let process = Process::start(folder.path());
    check(&process.client, &acknowledged);
    process.kill();
}
