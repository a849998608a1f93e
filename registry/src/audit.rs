//! The audit log: who changed or tried what, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// One line.
#[derive(Debug, Serialize)]
pub(crate) struct Event<'a> {
    /// Name of the token, or `anonymous`.
    pub(crate) who: &'a str,
    /// Address that the request came from.
    pub(crate) from: String,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Digest of what was stored, mounted or deleted, if the answer says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<&'a str>,
    pub(crate) status: u16,
}

/// Where events go.
#[derive(Debug, Default)]
pub(crate) struct AuditLog {
    file: Option<Mutex<File>>,
}

impl AuditLog {
    /// Appends to a file; several processes may append to one.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path: &Path| OpenOptions::new().append(true).create(true).open(path).map(Mutex::new);
        Ok(Self { file: path.map(open).transpose()? })
    }

    pub(crate) fn write(&self, event: &Event<'_>) {
        #[derive(Serialize)]
        struct Line<'a> {
            at: String,
            #[serde(flatten)]
            event: &'a Event<'a>,
        }
        let Some(file) = &self.file else { return };
        let line = Line { at: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true), event };
        let written = serde_json::to_vec(&line).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            // In one write, so that lines of several processes do not mix.
            file.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
        });
        if let Err(error) = written {
            tracing::error!(%error, "cannot write the audit log");
        }
    }
}
