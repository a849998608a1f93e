//! What a server must be before state is trusted to it.

use std::collections::HashMap;

use redis::{RedisResult, Value};

use super::super::Error;
use super::client::Connection;
use super::errors::{failed, unfit};

/// Oldest Redis whose scripts do what ours need. Valkey began at 7.2.
const OLDEST: u64 = 7;

fn info(connection: &mut Connection) -> RedisResult<Vec<HashMap<String, String>>> {
    let mut command = redis::cmd("INFO");
    command.arg("everything");
    let answers = connection.on_primaries(&command)?;
    Ok(answers.iter().map(|(_, answer)| fields(answer)).collect())
}

fn fields(answer: &Value) -> HashMap<String, String> {
    let text = match answer {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.clone(),
        _ => String::new(),
    };
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

pub(super) fn is_cluster(connection: &mut Connection) -> RedisResult<bool> {
    let servers = info(connection)?;
    Ok(servers.iter().any(|server| server.get("cluster_enabled").is_some_and(|value| value == "1")))
}

/// Refuses what would lose or misread state.
pub(super) fn check(connection: &mut Connection) -> Result<(), Error> {
    for server in info(connection).map_err(failed("ask Redis what it is"))? {
        let value = |name: &str| server.get(name).map(String::as_str).unwrap_or_default();
        let version = value("redis_version");
        let major = version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0);
        if major < OLDEST {
            return Err(unfit(format!(
                "this is Redis {version}; Redis {OLDEST} or newer, or Valkey, is needed"
            )));
        }
        if value("role") != "master" {
            return Err(unfit(format!(
                "this is a replica of {}:{}, which cannot be written to; give the address of the primary",
                value("master_host"),
                value("master_port")
            )));
        }
        let policy = value("maxmemory_policy");
        if policy != "noeviction" {
            return Err(unfit(format!(
                "maxmemory-policy is {policy:?}, under which Redis throws state away when it is full; set it to \"noeviction\""
            )));
        }
    }
    Ok(())
}
