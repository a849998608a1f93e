//! Pulls the functions that a document names, in a thread of its own: a registry may be slow, and what runs goes on
//! meanwhile. Owns when a pull is begun and what it is for; how one is done is the business of `invoker-oci`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use invoker_core::function_name::FunctionName;
use invoker_oci::{Error as PullError, Pulled, Setup};

use super::functions::{FunctionError, is_path};
use crate::config::Config;

/// Folder below the secrets with the logins of registries.
const LOGINS: &str = "secrets/registry";
/// Its files: as Docker calls it, and as Kubernetes calls it in a secret.
const LOGIN_FILES: [&str; 2] = ["config.json", ".dockerconfigjson"];

/// The names of a document, each with an entity that it is for.
pub(super) type Named = BTreeMap<Ordered, String>;
/// What was pulled, each with an entity that it is for.
type Answer = Result<Vec<(String, Pulled)>, FunctionError>;

/// A name, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ordered(FunctionName);

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.to_string().cmp(&other.0.to_string())
    }
}

impl std::fmt::Display for Ordered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The names that a document gives its functions by. A file is refused where signatures are required.
pub(super) fn named(config: &Config) -> Result<Named, FunctionError> {
    let mut files = config.document.entities.iter().filter(|entity| is_path(&entity.function));
    if let Some(file) = files.next().filter(|_| !config.document.require_signature.is_empty()) {
        let source = Box::new(PullError::UnsignedFile { path: file.function.clone() });
        let (entity, function) = (file.id.clone(), file.function.clone());
        return Err(FunctionError::Pull { entity, function, source });
    }
    let entities = config.document.entities.iter().filter(|entity| !is_path(&entity.function));
    let name = |entity: &invoker_core::document::EntityDocument| {
        let name = entity.function.parse().map_err(|source| FunctionError::NoName {
            entity: entity.id.clone(),
            function: entity.function.clone(),
            source,
        });
        Ok((Ordered(name?), entity.id.clone()))
    };
    entities.map(name).collect()
}

/// A pull, or none.
pub(super) struct Pulling {
    setup: Setup,
    under_way: Option<(Named, Receiver<Answer>)>,
}

impl Pulling {
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, under_way: None }
    }

    /// What is under way is of no use any more.
    pub(super) fn forget(&mut self) {
        self.under_way = None;
    }

    /// Pulls, or goes on waiting for what is under way; `None` where it is still after `patience`.
    pub(super) fn wait(
        &mut self,
        config: &Config,
        wanted: Named,
        patience: Duration,
    ) -> Result<Option<Vec<(String, Pulled)>>, FunctionError> {
        let under_way = self.under_way.take().filter(|(names, _)| *names == wanted);
        let (names, answer) = match under_way {
            Some(under_way) => under_way,
            None => (wanted.clone(), self.begin(config, wanted)),
        };
        match answer.recv_timeout(patience) {
            Ok(answer) => answer.map(Some),
            Err(RecvTimeoutError::Timeout) => {
                tracing::debug!("functions are being pulled");
                self.under_way = Some((names, answer));
                Ok(None)
            }
            // The next look begins another one.
            Err(RecvTimeoutError::Disconnected) => Ok(None),
        }
    }

    fn begin(&self, config: &Config, wanted: Named) -> Receiver<Answer> {
        let setup =
            Setup { logins: logins(config).or_else(|| self.setup.logins.clone()), ..self.setup.clone() };
        let (registry, required) =
            (config.document.registry.clone(), config.document.require_signature.clone());
        let (tell, answer) = channel();
        // It ends by itself, at the latest when the registry is silent for too long; nobody waits for it then.
        std::thread::spawn(move || drop(tell.send(pull(&setup, registry.as_deref(), &required, wanted))));
        answer
    }
}

fn pull(setup: &Setup, registry: Option<&str>, required: &[String], wanted: Named) -> Answer {
    let failed = |entity: &str, name: &Ordered, source: PullError| {
        let (entity, function) = (entity.to_owned(), name.to_string());
        FunctionError::Pull { entity, function, source: Box::new(source) }
    };
    let mut pulled = Vec::new();
    for (name, entity) in wanted {
        let registries =
            setup.registries(registry, required).map_err(|error| failed(&entity, &name, error))?;
        let it = registries.pull(&name.0, None).map_err(|error| failed(&entity, &name, error))?;
        pulled.push((entity, it));
    }
    Ok(pulled)
}

/// The logins beside the document.
fn logins(config: &Config) -> Option<PathBuf> {
    let folder = config.folder.join(LOGINS);
    LOGIN_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(functions: &[&str]) -> Config {
        let entity = |(number, function): (usize, &&str)| {
            format!(
                "{{ id: e{number}, function: {function:?}, inputs: [{{ topic: t }}], partitions: [0], partitionCount: 1 }}"
            )
        };
        let entities: Vec<String> = functions.iter().enumerate().map(entity).collect();
        let text = format!(
            "{{ generation: 1, deployment: d, host: h, data: data, entities: [{}] }}",
            entities.join(", ")
        );
        Config::parse(Path::new("/etc/invoker/host.yaml"), text.as_bytes()).unwrap()
    }

    #[test]
    fn files_are_told_from_names_and_a_name_is_pulled_once() {
        let all = named(&config(&["./a", "b.wasm", "/c", "team/d:1", "team/d:1", "team/e@^1"])).unwrap();
        let names: Vec<String> = all.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["team/d:1", "team/e@^1"]);
        let error = named(&config(&["Team/d:1"])).unwrap_err().message().to_string();
        assert!(error.contains("function \"Team/d:1\" of entity \"e0\""), "{error}");
    }

    #[test]
    fn a_name_without_a_registry_is_not_waited_for() {
        let config = config(&["team/d:1"]);
        let mut pulling = Pulling::new(Setup::default());
        let error = pulling.wait(&config, named(&config).unwrap(), Duration::from_secs(60)).unwrap_err();
        assert!(!error.is_retryable());
        let said = error.message().to_string();
        assert!(said.contains("no registry is configured") && said.contains("\"./d\""), "{said}");
    }
}
