//! A certificate for servers on the loopback, and the authority that signed it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Files in PEM, in a folder of the caller's.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// What a client trusts.
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificate {
    /// Made anew by `openssl`, for `127.0.0.1` and `localhost`, good for two days.
    pub fn make(folder: &Path) -> Result<Self> {
        let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
        fs::write(folder.join("extensions"), extensions).context("write the wishes for a certificate")?;
        let request = "req -newkey rsa:2048 -nodes -subj";
        openssl(
            folder,
            request,
            &["/CN=invoker tests", "-x509", "-days", "2"],
            "authority.key",
            "authority.pem",
        )?;
        openssl(folder, request, &["/CN=localhost"], "server.key", "server.csr")?;
        let sign = "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2";
        run(folder, sign, &["-extfile", "extensions", "-out", "server.pem"])?;
        Ok(Self {
            authority: folder.join("authority.pem"),
            certificate: folder.join("server.pem"),
            key: folder.join("server.key"),
        })
    }
}

fn openssl(folder: &Path, words: &str, more: &[&str], key: &str, output: &str) -> Result<()> {
    run(folder, words, &[more, &["-keyout", key, "-out", output]].concat())
}

fn run(folder: &Path, words: &str, more: &[&str]) -> Result<()> {
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).args(more).current_dir(folder);
    let output = command.output().context("run 'openssl', which `cargo xtask provision` installs")?;
    ensure!(
        output.status.success(),
        "openssl failed: {}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}
