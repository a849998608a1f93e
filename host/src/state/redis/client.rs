//! Connections, and the round trips over them.
//!
//! A call has a connection of its own while it lasts; idle ones are kept. One on which anything failed is dropped, for
//! answers may still be on their way on it. The next call makes a new one; waiting between tries is the caller's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::cluster::{ClusterClient, ClusterConnection, cluster_pipe};
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, TlsCertificates, Value};

use super::super::Error;
use super::errors::{failed, unfit};
use super::{RedisOptions, scripts, server};

/// Where connections come from.
enum Source {
    Single(redis::Client),
    Cluster(ClusterClient),
}

/// One connection, to a server or to all nodes of a Cluster.
pub(super) enum Connection {
    Single(redis::Connection),
    Cluster(ClusterConnection),
}

/// See the module's words.
pub(super) struct Client {
    source: Source,
    idle: Mutex<Vec<Connection>>,
    connect_timeout: Duration,
    response_timeout: Duration,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn connect(options: RedisOptions) -> Result<Self, Error> {
        let action = "connect to Redis";
        // Both of rustls' providers may be compiled in; this one is ours. Somebody else's choice stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let first = options.urls.first().ok_or_else(|| unfit("no address of Redis is given"))?;
        let single = match &options.ca {
            Some(_) => redis::Client::build_with_tls(first.as_str(), certificates(&options)),
            None => redis::Client::open(first.as_str()),
        };
        let mut client = Self {
            source: Source::Single(single.map_err(failed(action))?),
            idle: Mutex::default(),
            connect_timeout: options.connect_timeout,
            response_timeout: options.response_timeout,
        };
        let mut connection = client.open().map_err(failed(action))?;
        let is_cluster = server::is_cluster(&mut connection).map_err(failed("ask Redis what it is"))?;
        if options.cluster.is_some_and(|said| said != is_cluster) {
            return Err(unfit(format!(
                "the server says cluster-enabled: {is_cluster}, the configuration says cluster: {}; leave it out to go by the server",
                !is_cluster
            )));
        }
        if is_cluster {
            client.source = Source::Cluster(cluster(&options).map_err(failed(action))?);
            connection = client.open().map_err(failed(action))?;
        }
        server::check(&mut connection)?;
        client.give_back(connection);
        Ok(client)
    }

    fn open(&self) -> RedisResult<Connection> {
        match &self.source {
            Source::Single(client) => {
                let connection = client.get_connection_with_timeout(self.connect_timeout)?;
                connection.set_read_timeout(Some(self.response_timeout))?;
                connection.set_write_timeout(Some(self.response_timeout))?;
                Ok(Connection::Single(connection))
            }
            Source::Cluster(client) => Ok(Connection::Cluster(client.get_connection()?)),
        }
    }

    fn give_back(&self, connection: Connection) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }

    /// Runs `call` on a connection of its own; one that was idle may be dead, and is then replaced once.
    fn with<T>(
        &self,
        action: &'static str,
        call: impl Fn(&mut Connection) -> RedisResult<T>,
    ) -> Result<T, Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let was_idle = idle.is_some();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.open().map_err(failed(action))?,
        };
        let mut result = call(&mut connection);
        if was_idle
            && result.as_ref().is_err_and(|error| error.is_connection_dropped() && !error.is_timeout())
        {
            // Those that idled beside it have most likely ended with it.
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
            connection = self.open().map_err(failed(action))?;
            result = call(&mut connection);
        }
        match result {
            Ok(value) => {
                self.give_back(connection);
                Ok(value)
            }
            Err(error) => {
                if !matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) {
                    self.give_back(connection);
                }
                Err(failed(action)(error))
            }
        }
    }

    /// All commands in one round trip; one answer each. Steps that were sent twice answer as before.
    pub(super) fn send(&self, commands: Vec<Cmd>, action: &'static str) -> Result<Vec<Value>, Error> {
        self.with(action, |connection| connection.send_loaded(&commands))
    }

    /// As `send`, and returns when `replicas` replicas of each primary have it. In a Cluster that is a second round
    /// trip, to every primary.
    pub(super) fn send_durable(
        &self,
        mut commands: Vec<Cmd>,
        replicas: u32,
        action: &'static str,
    ) -> Result<Vec<Value>, Error> {
        if replicas == 0 {
            return self.send(commands, action);
        }
        let mut wait = redis::cmd("WAIT");
        wait.arg(replicas).arg(self.response_timeout.as_millis() as u64);
        let steps = commands.len();
        let single = matches!(self.source, Source::Single(_));
        if single {
            commands.push(wait.clone());
        }
        let (answers, reached) = self.with(action, |connection| {
            let mut answers = connection.send_loaded(&commands)?;
            let waits = match connection {
                Connection::Single(_) => answers.split_off(steps),
                Connection::Cluster(_) => {
                    connection.on_primaries(&wait)?.into_iter().map(|(_, answer)| answer).collect()
                }
            };
            let reached = waits.iter().filter_map(|value| match value {
                Value::Int(reached) => Some(*reached),
                _ => None,
            });
            Ok((answers, reached.min().unwrap_or(0)))
        })?;
        if reached < i64::from(replicas) {
            let what = format!("{replicas} replicas to have what was written; {reached} have");
            return Err(Error::TimedOut { what });
        }
        Ok(answers)
    }

    /// Every key that fits a pattern, on every primary; some may come twice.
    pub(super) fn keys_like(&self, pattern: &str, action: &'static str) -> Result<Vec<Vec<u8>>, Error> {
        self.with(action, |connection| {
            let mut keys = Vec::new();
            let scan = |cursor: u64| {
                let mut command = redis::cmd("SCAN");
                command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000);
                command
            };
            for (node, answer) in connection.on_primaries(&scan(0))? {
                let (mut cursor, mut found): (u64, Vec<Vec<u8>>) = redis::from_redis_value(answer)?;
                keys.append(&mut found);
                while cursor != 0 {
                    let answer = connection.on_node(&node, &scan(cursor))?;
                    (cursor, found) = redis::from_redis_value(answer)?;
                    keys.append(&mut found);
                }
            }
            Ok(keys)
        })
    }
}

impl Connection {
    /// Sends, and loads the scripts first if the server does not know them (any more).
    fn send_loaded(&mut self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        match self.send(commands) {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                for load in scripts::load_all() {
                    self.on_primaries(&load)?;
                }
                self.send(commands)
            }
            answers => answers,
        }
    }

    fn send(&mut self, commands: &[Cmd]) -> RedisResult<Vec<Value>> {
        match self {
            Self::Single(connection) => {
                let mut pipe = redis::Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipe.add_command(command.clone());
                }
                pipe.query(connection)
            }
            Self::Cluster(connection) => {
                let mut pipe = cluster_pipe();
                for command in commands {
                    pipe.add_command(command.clone());
                }
                pipe.query(connection)
            }
        }
    }

    /// The answers of every primary, with their addresses in a Cluster.
    pub(super) fn on_primaries(&mut self, command: &Cmd) -> RedisResult<Vec<(String, Value)>> {
        match self {
            Self::Single(connection) => Ok(vec![(String::new(), command.query(connection)?)]),
            Self::Cluster(connection) => {
                let all =
                    RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None::<ResponsePolicy>));
                redis::from_redis_value(connection.route_command(command, all)?).map_err(Into::into)
            }
        }
    }

    /// The answer of the node of this address.
    fn on_node(&mut self, address: &str, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Single(connection) => command.query(connection),
            Self::Cluster(connection) => {
                let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
                let node = SingleNodeRoutingInfo::ByAddress {
                    host: host.to_owned(),
                    port: port.parse().unwrap_or_default(),
                };
                connection.route_command(command, RoutingInfo::SingleNode(node))
            }
        }
    }
}

fn certificates(options: &RedisOptions) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: options.ca.clone().map(String::into_bytes) }
}

fn cluster(options: &RedisOptions) -> Result<ClusterClient, RedisError> {
    let mut builder = ClusterClient::builder(options.urls.iter().map(String::as_str))
        .connection_timeout(options.connect_timeout)
        .response_timeout(options.response_timeout)
        .retries(2);
    if options.ca.is_some() {
        builder = builder.certs(certificates(options));
    }
    builder.build()
}
