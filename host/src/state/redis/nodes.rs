//! Which server has which slot, and connections that nobody uses at the moment.
//!
//! A single Redis is a cluster of one. Several addresses of a single one are tried in turn until a primary answers.

use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use redis::{Client, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsCertificates, Value};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::RedisOptions;
use super::answers::text;
use super::error::Problem;
use super::link::{Address, Link, address_of, redirected};
use crate::state::Error;

pub(super) struct Nodes {
    pub(super) options: RedisOptions,
    seeds: Vec<ConnectionInfo>,
    cluster: bool,
    map: RwLock<Arc<Map>>,
    idle: Mutex<HashMap<Address, Vec<Link>>>,
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nodes")
            .field("cluster", &self.cluster)
            .field("map", &self.map)
            .finish_non_exhaustive()
    }
}

/// The primaries and their slots, in order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Map {
    pub(super) primaries: Vec<Address>,
    ranges: Vec<(u16, u16, usize)>,
}

impl Map {
    fn single(address: Address) -> Self {
        Self { primaries: vec![address], ranges: vec![(0, u16::MAX, 0)] }
    }

    pub(super) fn primary(&self, slot: u16) -> Option<usize> {
        self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)).map(|range| range.2)
    }

    /// From the answer to `CLUSTER SLOTS`. A host that a node does not know of itself is the one that was asked.
    fn read(answer: &Value, asked: &Address) -> Option<Self> {
        let mut map = Self { primaries: Vec::new(), ranges: Vec::new() };
        let Value::Array(rows) = answer else { return None };
        for row in rows {
            let Value::Array(row) = row else { return None };
            let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = row.as_slice() else {
                return None;
            };
            let [host, Value::Int(port), ..] = primary.as_slice() else { return None };
            let host = match host {
                Value::BulkString(host) if !host.is_empty() => String::from_utf8_lossy(host).into_owned(),
                Value::SimpleString(host) if !host.is_empty() => host.clone(),
                _ => asked.host.clone(),
            };
            let address = Address { host, port: u16::try_from(*port).ok()? };
            let at = map.primaries.iter().position(|known| *known == address).unwrap_or_else(|| {
                map.primaries.push(address);
                map.primaries.len() - 1
            });
            map.ranges.push((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, at));
        }
        Some(map)
    }
}

/// The addresses as `redis` understands them, with what is asked of TLS.
fn seeds(options: &RedisOptions) -> Result<Vec<ConnectionInfo>, Problem> {
    let seeds: Result<Vec<_>, _> = options.urls.iter().map(|url| seed(url, options)).collect();
    match seeds? {
        seeds if seeds.is_empty() => Err(Problem::NoAddress),
        seeds => Ok(seeds),
    }
}

fn seed(url: &str, options: &RedisOptions) -> Result<ConnectionInfo, Problem> {
    // What stands in front may be a password.
    let shown = url.rsplit('@').next().unwrap_or_default().to_owned();
    let wrong = |why: String| Problem::Address { address: shown.clone(), why };
    let info = url.into_connection_info().map_err(|error| wrong(error.to_string()))?;
    let address = address_of(&info).ok_or_else(|| wrong("it is that of a socket file".into()))?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    let info = info.set_redis_settings(settings.set_skip_set_lib_name());
    // A batch may go out in several writes; the last one is not to wait for the server to confirm the others.
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let info = info.set_tcp_settings(tcp);
    let tls = matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. });
    if tls {
        // Another version of a TLS library in the same program would leave the choice open.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let Some(ca) = &options.ca else { return Ok(info) };
    let server = address.to_string();
    if !tls {
        return Err(Problem::CaWithoutTls { server });
    }
    check_ca(ca).map_err(|why| Problem::Ca { server: server.clone(), why })?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(ca.clone().into_bytes()) };
    let client = Client::build_with_tls(info, certificates)
        .map_err(|error| Problem::Ca { server, why: error.to_string() })?;
    Ok(client.get_connection_info().clone())
}

/// Whether there is a certificate; without one, every server would be refused and the reason be another.
fn check_ca(pem: &str) -> Result<(), String> {
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        certificate.map_err(|error| error.to_string())?;
        found += 1;
    }
    if found == 0 { Err("there is no certificate in it".to_owned()) } else { Ok(()) }
}

impl Nodes {
    /// Finds the servers and looks at each.
    pub(super) fn connect(options: RedisOptions) -> Result<Self, Problem> {
        let seeds = seeds(&options)?;
        let (map, cluster) = discover(&seeds, &options)?;
        let map = RwLock::new(Arc::new(map));
        let nodes = Self { options, seeds, cluster, map, idle: Mutex::default() };
        for primary in &nodes.map().primaries {
            let link = nodes.link(primary)?;
            nodes.give_back(link);
        }
        Ok(nodes)
    }

    pub(super) fn map(&self) -> Arc<Map> {
        Arc::clone(&self.map.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A connection to a primary that nobody else uses.
    pub(super) fn link(&self, address: &Address) -> Result<Link, Problem> {
        let idle = self.idle().get_mut(address).and_then(Vec::pop);
        match idle {
            Some(link) => Ok(link),
            None => self.open(address),
        }
    }

    fn open(&self, address: &Address) -> Result<Link, Problem> {
        let Some(first) = self.seeds.first() else { return Err(Problem::NoAddress) };
        let seed = self.seeds.iter().find(|seed| address_of(seed).as_ref() == Some(address)).unwrap_or(first);
        let (mut link, facts) = Link::open(&redirected(seed, address), &self.options)?;
        facts.check(address, &self.options)?;
        // One who looks needs them hardly ever, and finds them there.
        if !self.options.looks {
            link.load_scripts()?;
        }
        Ok(link)
    }

    pub(super) fn give_back(&self, link: Link) {
        self.idle().entry(link.address.clone()).or_default().push(link);
    }

    /// The server was lost or is no primary any more, and so are its other connections.
    pub(super) fn forget(&self, address: &Address) {
        self.idle().remove(address);
    }

    fn idle(&self) -> MutexGuard<'_, HashMap<Address, Vec<Link>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finds out again which server has what.
    pub(super) fn look_again(&self) -> Result<(), Problem> {
        let known = self.map();
        let mut places = self.seeds.clone();
        if let (true, Some(seed)) = (self.cluster, self.seeds.first()) {
            places.extend(known.primaries.iter().map(|address| redirected(seed, address)));
        }
        let (map, _) = discover(&places, &self.options)?;
        if map != *known {
            tracing::info!(primaries = ?map.primaries.iter().map(Address::to_string).collect::<Vec<_>>(), "redis moved");
            self.idle().retain(|address, _| map.primaries.contains(address));
            *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        }
        Ok(())
    }
}

impl Nodes {
    /// Goes through the keys of all primaries that match, until `each` breaks off. One may come twice.
    pub(super) fn each_key(
        &self,
        action: &'static str,
        pattern: &str,
        mut each: impl FnMut(&str) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        for primary in &self.map().primaries {
            let mut cursor = "0".to_owned();
            loop {
                let (next, keys) = self
                    .some_keys(primary, pattern, &cursor)
                    .map_err(|problem| problem.into_error(action))?;
                for key in keys.iter().filter_map(text) {
                    if each(key)?.is_break() {
                        return Ok(());
                    }
                }
                if next == "0" {
                    break;
                }
                cursor = next;
            }
        }
        Ok(())
    }

    fn some_keys(
        &self,
        primary: &Address,
        pattern: &str,
        cursor: &str,
    ) -> Result<(String, Vec<Value>), Problem> {
        let mut link = self.link(primary)?;
        let mut command = redis::cmd("SCAN");
        let answer = link.ask(command.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(1000))?;
        let Value::Array(parts) = &answer else { return Err(link.unexpected(&answer)) };
        let [next, Value::Array(keys)] = parts.as_slice() else { return Err(link.unexpected(&answer)) };
        let found = (text(next).unwrap_or("0").to_owned(), keys.clone());
        self.give_back(link);
        Ok(found)
    }
}

/// The first of these places that answers and can be used says where everything lies, and whether it is a cluster.
fn discover(places: &[ConnectionInfo], options: &RedisOptions) -> Result<(Map, bool), Problem> {
    let mut worst = Problem::NoAddress;
    for place in places {
        match look(place, options) {
            Ok(found) => return Ok(found),
            // What cannot change by waiting is worth more to be told.
            Err(problem) if worst.is_retryable() || matches!(worst, Problem::NoAddress) => worst = problem,
            Err(_) => {}
        }
    }
    Err(worst)
}

fn look(place: &ConnectionInfo, options: &RedisOptions) -> Result<(Map, bool), Problem> {
    let (mut link, facts) = Link::open(place, options)?;
    let address = link.address.clone();
    let server = address.to_string();
    match (facts.in_cluster, options.cluster) {
        (true, Some(false)) => return Err(Problem::InCluster { server }),
        (false, Some(true)) => return Err(Problem::NotInCluster { server }),
        (false, _) => {
            facts.check(&address, options)?;
            return Ok((Map::single(address), false));
        }
        (true, _) => {}
    }
    let answer = link.ask(redis::cmd("CLUSTER").arg("SLOTS"))?;
    match Map::read(&answer, &address) {
        Some(map) if !map.primaries.is_empty() => Ok((map, true)),
        Some(_) => Err(Problem::NotNow { server, why: "its cluster has no slots yet".into() }),
        None => Err(link.unexpected(&answer)),
    }
}
