//! Redis servers for these tests: on free ports of the loopback, with data in a temporary folder, ended with the test
//! even if it is killed.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running `redis-server`.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) tls_port: Option<u16>,
    dir: TempDir,
    arguments: Vec<String>,
    guard: Option<Child>,
}

impl Server {
    /// Starts one with these arguments beside the usual ones, and waits until it answers.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_at(None, arguments)
    }

    /// With a second port for TLS.
    pub(crate) fn start_tls(arguments: &[&str]) -> Self {
        let port = free_port();
        Self::start_at(Some(port), &[&["--tls-port", &port.to_string()], arguments].concat())
    }

    fn start_at(tls_port: Option<u16>, arguments: &[&str]) -> Self {
        let mut server = Self {
            port: free_port(),
            tls_port,
            dir: tempfile::tempdir().unwrap(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            guard: None,
        };
        server.run();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn run(&mut self) {
        // The shell ends the server when this process is gone, whatever ended it.
        let script =
            "redis-server \"$@\" >/dev/null & server=$!; cat >/dev/null; kill -9 $server; wait $server";
        let port = self.port.to_string();
        let dir = self.dir.path().display().to_string();
        let usual =
            ["--port", &port, "--bind", "127.0.0.1", "--dir", &dir, "--save", "", "--appendonly", "yes"];
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).args(usual).args(&self.arguments);
        self.guard = Some(command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        wait_for("redis-server to answer (`cargo xtask provision` installs it)", || self.answers());
    }

    fn answers(&self) -> bool {
        let answer = cli(self.port, &["ping"]);
        ["PONG", "NOAUTH"].iter().any(|word| answer.contains(word))
            || (answer.is_empty() && std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok())
    }

    /// Neither reads nor answers until it is dropped.
    pub(crate) fn freeze(&self) -> Frozen {
        let info = cli(self.port, &["info", "server"]);
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:")).unwrap().trim().to_owned();
        signal("-STOP", &pid);
        Frozen(pid)
    }

    /// As `kill -9`.
    pub(crate) fn kill(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            guard.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A frozen server.
pub(crate) struct Frozen(String);

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("-CONT", &self.0);
    }
}

fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // A node of a cluster takes the port 10,000 above too.
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the plain `redis-cli` prints.
pub(crate) fn cli(port: u16, arguments: &[&str]) -> String {
    let port = port.to_string();
    let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Three nodes with all slots.
pub(crate) fn cluster(arguments: &[&str]) -> Vec<Server> {
    let arguments = [&["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"][..], arguments].concat();
    let nodes: Vec<_> = (0..3).map(|_| Server::start(&arguments)).collect();
    let addresses: Vec<_> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let mut command = Command::new("redis-cli");
    command.args(["--cluster", "create"]).args(&addresses).arg("--cluster-yes");
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    wait_for("the cluster to be whole", || {
        nodes.iter().all(|node| cli(node.port, &["cluster", "info"]).contains("cluster_state:ok"))
    });
    nodes
}

/// The address of a single Redis that this whole binary uses: `INVOKER_TEST_REDIS`, or one of its own.
pub(crate) fn shared() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    std::env::var("INVOKER_TEST_REDIS").unwrap_or_else(|_| SERVER.get_or_init(|| Server::start(&[])).url())
}

/// The address of a node of a cluster that this whole binary uses: `INVOKER_TEST_REDIS_CLUSTER`, or one of its own.
pub(crate) fn shared_cluster() -> String {
    static NODES: OnceLock<Vec<Server>> = OnceLock::new();
    std::env::var("INVOKER_TEST_REDIS_CLUSTER")
        .unwrap_or_else(|_| NODES.get_or_init(|| cluster(&[]))[0].url())
}
