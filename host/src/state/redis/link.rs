//! One connection to one server: opened, its server looked at and given the scripts, with a time-out on everything.

use std::fmt;

use redis::{Client, Cmd, Connection, ConnectionAddr, ConnectionInfo, Value};

use super::error::Problem;
use super::{RedisOptions, scripts};

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Address {
    /// From `host:port` of a redirection. A host that is left out is the one that gave it.
    pub(super) fn read(text: &str, from: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() { &from.host } else { host };
        Some(Self { host: host.to_owned(), port: port.parse().ok()? })
    }
}

/// `None` = a Unix socket.
pub(super) fn address_of(info: &ConnectionInfo) -> Option<Address> {
    match info.addr() {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(Address { host: host.clone(), port: *port })
        }
        _ => None,
    }
}

/// The same way to connect, to another server.
pub(super) fn redirected(info: &ConnectionInfo, to: &Address) -> ConnectionInfo {
    let Address { host, port } = to.clone();
    let addr = match info.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    info.clone().set_addr(addr)
}

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    version: String,
    valkey: bool,
    policy: String,
    pub(super) replica: bool,
    pub(super) in_cluster: bool,
}

impl Facts {
    fn read(info: &str) -> Self {
        let mut facts = Self::default();
        for (name, value) in info.lines().filter_map(|line| line.trim_end().split_once(':')) {
            match name {
                "redis_version" if !facts.valkey => value.clone_into(&mut facts.version),
                "valkey_version" => {
                    facts.valkey = true;
                    value.clone_into(&mut facts.version);
                }
                "maxmemory_policy" => value.clone_into(&mut facts.policy),
                "role" => facts.replica = value == "slave",
                "cluster_enabled" => facts.in_cluster = value == "1",
                _ => {}
            }
        }
        facts
    }

    /// Whether state can be kept there. Policies that evict only keys with an expiry (`volatile-…`) leave ours alone.
    pub(super) fn check(&self, server: &Address, options: &RedisOptions) -> Result<(), Problem> {
        let server = server.to_string();
        let major = self.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 7) {
            return Err(Problem::TooOld { server, found: self.version.clone() });
        }
        if self.policy.starts_with("allkeys") && !options.looks {
            return Err(Problem::Evicts { server, policy: self.policy.clone() });
        }
        if self.replica { Err(Problem::Replica { server }) } else { Ok(()) }
    }
}

pub(super) struct Link {
    connection: Connection,
    pub(super) address: Address,
    tls: bool,
}

impl Link {
    /// Opens a connection and loads the scripts.
    pub(super) fn open(info: &ConnectionInfo, options: &RedisOptions) -> Result<(Self, Facts), Problem> {
        let address = address_of(info).unwrap_or(Address { host: "a unix socket".into(), port: 0 });
        let tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let server = address.to_string();
        let failed = |error: redis::RedisError| match info.redis_settings().db() {
            database @ 1.. if error.detail().is_some_and(|detail| detail.contains("in cluster mode")) => {
                Problem::Database { server: server.clone(), database }
            }
            _ => at_first(Problem::connection(&server, tls, error), tls),
        };
        let connection = Client::open(info.clone())
            .and_then(|client| client.get_connection_with_timeout(options.connect_timeout))
            .map_err(failed)?;
        connection.set_read_timeout(Some(options.response_timeout)).map_err(failed)?;
        connection.set_write_timeout(Some(options.response_timeout)).map_err(failed)?;
        let mut link = Self { connection, address, tls };
        let info = link.ask(&redis::cmd("INFO")).map_err(|problem| at_first(problem, tls))?;
        let facts = match &info {
            Value::BulkString(text) => Facts::read(&String::from_utf8_lossy(text)),
            other => return Err(link.unexpected(other)),
        };
        Ok((link, facts))
    }

    pub(super) fn load_scripts(&mut self) -> Result<(), Problem> {
        let mut bytes = Vec::new();
        scripts::all().for_each(|script| script.load().write_packed_command(&mut bytes));
        self.send(&bytes)?;
        // All answers are read, so that the connection stays in step.
        let answers: Vec<_> = scripts::all().map(|_| self.receive()).collect::<Result<_, _>>()?;
        for answer in answers {
            if let Value::ServerError(error) = answer {
                return Err(self.refused(error.into()));
            }
        }
        Ok(())
    }

    /// One command, with an answer that is no error.
    pub(super) fn ask(&mut self, command: &Cmd) -> Result<Value, Problem> {
        self.send(&command.get_packed_command())?;
        match self.receive()? {
            Value::ServerError(error) => Err(self.refused(error.into())),
            answer => Ok(answer),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let sent = self.connection.send_packed_command(bytes);
        sent.map_err(|error| self.refused(error))
    }

    /// The next answer, which may be an error that the server answers.
    pub(super) fn receive(&mut self) -> Result<Value, Problem> {
        let received = self.connection.recv_response();
        received.map_err(|error| self.refused(error))
    }

    fn refused(&self, error: redis::RedisError) -> Problem {
        Problem::connection(&self.address.to_string(), self.tls, error)
    }

    pub(super) fn unexpected(&self, answer: &Value) -> Problem {
        Problem::Answer { server: self.address.to_string(), answer: format!("{answer:?}") }
    }
}

/// A problem with the first exchange on a connection, when the other side may speak another language.
fn at_first(problem: Problem, tls: bool) -> Problem {
    match problem {
        Problem::TimedOut { server } if tls => Problem::NoTls { server },
        Problem::Unreachable { server, source }
            if !tls && source.is_connection_dropped() && !source.is_connection_refusal() =>
        {
            Problem::HungUp { server }
        }
        problem => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(info: &str) -> Result<(), String> {
        let server = Address { host: "h".into(), port: 1 };
        let options = RedisOptions::new(Vec::new());
        Facts::read(info).check(&server, &options).map_err(|problem| problem.to_string())
    }

    #[test]
    fn a_redirection_names_a_server() {
        let from = Address { host: "h".into(), port: 1 };
        let read = |text| Address::read(text, &from).map(|to| to.to_string());
        assert_eq!(read("10.0.0.1:6380").as_deref(), Some("10.0.0.1:6380"));
        assert_eq!(read("::1:6380").as_deref(), Some("::1:6380"));
        assert_eq!(read(":6380").as_deref(), Some("h:6380"));
        assert_eq!(read("h"), None);
    }

    #[test]
    fn versions_count_by_the_name_of_the_server() {
        assert_eq!(check("redis_version:7.0.0\r\n"), Ok(()));
        assert_eq!(check("redis_version:10.2.0\r\n"), Ok(()));
        assert!(check("redis_version:6.2.14\r\n").is_err_and(|text| text.contains("6.2.14")));
        assert_eq!(check("redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.0\r\n"), Ok(()));
        assert!(check("").is_err(), "something else");
    }

    #[test]
    fn only_policies_that_evict_state_are_refused() {
        let policy = |name: &str| check(&format!("redis_version:7.0.0\r\nmaxmemory_policy:{name}\r\n"));
        assert_eq!(policy("noeviction"), Ok(()));
        assert_eq!(policy("volatile-lru"), Ok(()));
        assert!(policy("allkeys-lfu").is_err_and(|text| text.contains("\"allkeys-lfu\"")));
    }
}
