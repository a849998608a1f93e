//! A Redis with its data in a temporary folder: as tests need it, down to what it lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::process::Server;
use super::tls::Certificate;
use super::{folder, port};

/// What differs from a plain Redis that appends each write to a file and syncs it once a second.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// Of the default user.
    pub password: Option<String>,
    /// More users, as in an ACL file: `reader on >secret ~app:* +@read`.
    pub users: Vec<String>,
    /// What goes when memory is full, with a limit of 64 MB.
    pub eviction: Option<String>,
    pub tls: bool,
    /// Settings as in `redis.conf`, name and value; they win.
    pub settings: Vec<(String, String)>,
}

/// A running `redis-server`, alone, as a replica, or as a node of a cluster.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    port: u16,
    password: Option<String>,
    certificate: Option<Certificate>,
}

impl Redis {
    /// Starts one and waits until it answers.
    pub fn start(options: &RedisOptions) -> Result<Self> {
        let redis = Self::prepare(options)?;
        redis.restart()?;
        Ok(redis)
    }

    fn prepare(options: &RedisOptions) -> Result<Self> {
        let port = port::free()?;
        let folder = folder("redis")?;
        let certificate = options.tls.then(|| Certificate::make(folder.path())).transpose()?;
        let file = folder.path().join("redis.conf");
        fs::write(&file, configuration(options, port, folder.path(), certificate.as_ref()))
            .context("write the configuration of a Redis")?;
        let arguments = vec![file.display().to_string()];
        let server = Server::new(format!("Redis on port {port}"), "redis-server".into(), arguments, folder);
        Ok(Self { server, port, password: options.password.clone(), certificate })
    }

    /// A replica of this one, once it has all that was written before.
    pub fn replica(&self, options: &RedisOptions) -> Result<Self> {
        let mut options = options.clone();
        options.settings.insert(0, ("replicaof".into(), format!("127.0.0.1 {}", self.port)));
        if let Some(password) = &self.password {
            options.settings.insert(0, ("masterauth".into(), password.clone()));
        }
        let replica = Self::start(&options)?;
        replica.server.wait_until("to follow", super::BOUND, || {
            Ok(replica.cli(&["INFO", "replication"])?.contains("master_link_status:up"))
        })?;
        Ok(replica)
    }

    /// Where a client of the default user connects: `redis://…`, or `rediss://…` with TLS.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "rediss" } else { "redis" };
        let user = self.password.as_ref().map_or_else(String::new, |password| format!(":{password}@"));
        format!("{scheme}://{user}127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The authority that a client with TLS must trust.
    pub fn authority(&self) -> Option<&Path> {
        self.certificate.as_ref().map(|certificate| certificate.authority.as_path())
    }

    /// The process: to kill, stop, freeze and thaw.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Starts it again after a kill or a stop, on the same port and the same data.
    pub fn restart(&self) -> Result<()> {
        self.server.start(|| Ok(self.answers()))
    }

    /// What plain `redis-cli` prints; an error where the server answers with one.
    pub fn cli(&self, words: &[&str]) -> Result<String> {
        let output = self.client().arg("-e").args(words).output();
        let output = output.context("run 'redis-cli', which `cargo xtask provision` installs")?;
        let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        ensure!(output.status.success(), "redis-cli {}: {said}", words.join(" "));
        Ok(text(&output.stdout))
    }

    /// A copy of what is on disk now. To lose what is written later: kill, [`Self::put_back`], restart.
    pub fn copy_data(&self) -> Result<TempDir> {
        let copy = folder("redis-copy")?;
        copy_folder(&self.data(), copy.path()).context("copy the append-only directory")?;
        Ok(copy)
    }

    /// Replaces the data on disk of a Redis that is down.
    pub fn put_back(&self, copy: &Path) -> Result<()> {
        ensure!(self.server.process().is_none(), "the Redis on port {} is running", self.port);
        fs::remove_dir_all(self.data()).context("remove the append-only directory")?;
        copy_folder(copy, &self.data()).context("put back the append-only directory")
    }

    fn data(&self) -> PathBuf {
        self.server.folder().join("appendonlydir")
    }

    /// It answers: `PONG`, or that it wants a password; not that it is still loading.
    fn answers(&self) -> bool {
        let Ok(output) = self.client().arg("PING").output() else { return false };
        let said = String::from_utf8_lossy(&output.stdout);
        said.starts_with("PONG") || said.starts_with("NOAUTH")
    }

    fn client(&self) -> Command {
        let mut client = Command::new("redis-cli");
        client.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if let Some(password) = &self.password {
            client.args(["--no-auth-warning", "-a", password]);
        }
        if let Some(certificate) = &self.certificate {
            client.arg("--tls").arg("--cacert").arg(&certificate.authority);
        }
        client
    }
}

fn configuration(
    options: &RedisOptions,
    port: u16,
    folder: &Path,
    certificate: Option<&Certificate>,
) -> String {
    let mut lines = vec![
        "bind 127.0.0.1".to_owned(),
        format!("dir {}", folder.display()),
        "appendonly yes".into(),
        "appendfsync everysec".into(),
        r#"save """#.into(),
    ];
    match certificate {
        None => lines.push(format!("port {port}")),
        Some(files) => lines.extend([
            format!("port 0\ntls-port {port}\ntls-auth-clients no"),
            format!("tls-cert-file {}", files.certificate.display()),
            format!("tls-key-file {}", files.key.display()),
            format!("tls-ca-cert-file {}", files.authority.display()),
        ]),
    }
    lines.extend(options.password.iter().map(|password| format!("requirepass {password}")));
    lines.extend(options.users.iter().map(|user| format!("user {user}")));
    lines.extend(options.eviction.iter().map(|policy| format!("maxmemory 64mb\nmaxmemory-policy {policy}")));
    lines.extend(options.settings.iter().map(|(name, value)| format!("{name} {value}")));
    lines.join("\n") + "\n"
}

/// Files that vanish meanwhile, because Redis has rewritten them, are left out, as after a crash.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
