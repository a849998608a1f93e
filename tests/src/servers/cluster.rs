//! A Redis Cluster of three nodes without replicas, all slots served.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::port;
use super::redis::{Redis, RedisOptions};

const NODES: usize = 3;

/// Three running nodes.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// Starts them and waits until each of them serves the whole cluster.
    pub fn start(options: &RedisOptions) -> Result<Self> {
        ensure!(
            options.password.is_none() && !options.tls,
            "a cluster with a password or TLS is not made here"
        );
        let nodes = (0..NODES).map(|_| Redis::start(&node(options)?)).collect::<Result<Vec<_>>>()?;
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()))).arg("--cluster-yes");
        let output = create.output().context("run 'redis-cli', which `cargo xtask provision` installs")?;
        ensure!(output.status.success(), "no cluster: {}", String::from_utf8_lossy(&output.stdout));
        for node in &nodes {
            node.server().wait_until("to join the cluster", super::BOUND, || serves_all(node))?;
        }
        Ok(Self { nodes })
    }

    /// The address of one node; clients learn of the others from it.
    pub fn url(&self) -> String {
        self.nodes.first().map(Redis::url).unwrap_or_default()
    }

    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }
}

/// The second port, for the nodes among themselves, is usually 10,000 above; here it is one known to be free.
fn node(options: &RedisOptions) -> Result<RedisOptions> {
    let mut options = options.clone();
    let bus = port::free()?.to_string();
    for (name, value) in
        [("cluster-enabled", "yes"), ("cluster-node-timeout", "2000"), ("cluster-port", &bus)]
    {
        options.settings.insert(0, (name.into(), value.into()));
    }
    Ok(options)
}

fn serves_all(node: &Redis) -> Result<bool> {
    let info = node.cli(&["CLUSTER", "INFO"])?;
    Ok(["cluster_state:ok", "cluster_known_nodes:3", "cluster_size:3"].iter().all(|fact| info.contains(fact)))
}
