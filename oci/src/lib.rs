//! Functions by name: what stands between a name in a topology and a registry that speaks OCI distribution, ours or any
//! other. Owns the way there (addresses, logins, retries), the cache by digest and the shape of an artifact; what a
//! component is, is the engine's business, and the grammar of names is that of `core`.
//!
//! Everything blocks: a host has no runtime on its way, and one function is one request after another.

mod address;
mod artifact;
mod auth;
mod cache;
mod client;
mod credentials;
mod error;
mod lists;
mod pull;
mod push;
mod setup;
mod signature;
mod signing;
mod upload;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use invoker_core::function_name::FunctionName;

pub use address::{Address, AddressError};
pub use artifact::{Artifact, CONFIG_TYPE, Descriptor, FUNCTION_ANNOTATION, LAYER_TYPE, Manifest, sha256};
pub use credentials::Credentials;
pub use error::Error;
pub use pull::{Found, Pulled, Source};
pub use push::Pushed;
pub use setup::Setup;
pub use signature::{KeyError, PublicKey, SecretKey, Signature};

use cache::Cache;
use client::Client;

/// Bytes that are done, and bytes in all.
pub type Progress<'a> = &'a dyn Fn(u64, u64);

/// How registries are reached.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Registry of names that name none.
    pub registry: Option<Address>,
    /// Logins.
    pub credentials: Credentials,
    /// Folder in which functions are kept; `None` = nowhere.
    pub cache: Option<PathBuf>,
    /// One of these keys must have signed what is pulled; none = nobody need to.
    pub required: Vec<PublicKey>,
}

/// The registries that names lead to. Cheap to make: nothing is opened before it is asked for.
#[derive(Debug)]
pub struct Registries {
    options: Options,
    cache: Option<Cache>,
    clients: Mutex<HashMap<String, Arc<Client>>>,
}

impl Registries {
    pub fn new(options: Options) -> Self {
        let cache = options.cache.clone().map(Cache::in_folder);
        Self { options, cache, clients: Mutex::default() }
    }

    /// The registry of a name, and the repository there.
    fn client(&self, name: &FunctionName) -> Result<(Arc<Client>, String), Error> {
        let address = self.address(name)?;
        let repository = address.repository(&name.repository);
        Ok((self.client_at(&address), repository))
    }

    /// The registry that names without one are looked up in.
    fn usual(&self) -> Result<Arc<Client>, Error> {
        let address = self.options.registry.as_ref().ok_or(Error::NoRegistry { name: None })?;
        Ok(self.client_at(address))
    }

    fn client_at(&self, address: &Address) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(Client::new(address.clone(), self.options.credentials.clone()));
        Arc::clone(clients.entry(address.base().to_owned()).or_insert_with(new))
    }

    /// Where a name leads to.
    fn address(&self, name: &FunctionName) -> Result<Address, Error> {
        let usual = self.options.registry.as_ref();
        match &name.host {
            None => usual.cloned().ok_or_else(|| Error::NoRegistry { name: Some(name.to_string()) }),
            // Said in full there, plain HTTP for one.
            Some(host) => match usual.filter(|usual| usual.host() == host) {
                Some(usual) => Ok(usual.without_prefix()),
                None => Ok(host.parse()?),
            },
        }
    }
}
