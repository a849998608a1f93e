//! Runs the document of a configuration folder: starts it as soon as its services are there, takes up its changes, ends
//! in order. Owns when a document is taken up and what is told about it; what it means is the business of
//! [`Host`].
//!
//! What becomes of a document:
//!
//! | it is | then |
//! | --- | --- |
//! | not valid, or older than what runs | it is refused with its field named; what runs goes on |
//! | on the same services | partitions come and go, entities that changed otherwise start anew, the rest is not touched |
//! | on other services | they are connected first; then everything moves over |
//! | right, and a service or a registry is away | it waits, and says so; what runs goes on |
//!
//! A lane that stopped for a reason that somebody can mend is started again, after 5 seconds and then ever less often.

mod error;
mod functions;
mod patience;
mod pulling;
mod signals;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use invoker_engine::{Engine, EngineOptions};
use invoker_oci::Setup;

pub use error::Error;
pub use functions::{FunctionError, refusal};
pub use signals::stop_on_signals;

use crate::app::{Backends, Host, Programs};
use crate::config::Config;
use crate::db::Database;
use crate::services::{self, ServiceError};
use crate::stop::Stop;
use functions::Functions;
use patience::{Patience, Retries};
use watch::Watch;

/// How often the folder is looked at, and how often a service that is away is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How a host is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The configuration folder.
    pub config: PathBuf,
    /// Where compiled functions are kept; `None` = nowhere.
    pub code_cache: Option<PathBuf>,
    /// How functions are pulled that are given by name.
    pub registries: Setup,
    /// How long lanes may take to commit and let go, when the host or an entity ends.
    pub drain: Duration,
}

/// Runs until `stop` is requested. An error means that it could not start, or not end in order.
pub fn run(options: Options, stop: &Stop) -> Result<(), Error> {
    let mut watch = Watch::new(options.config.clone());
    let wanted = watch.look().unwrap_or_else(|| Config::read(&options.config))?;
    let engine = EngineOptions { cache_dir: options.code_cache.clone(), ..EngineOptions::default() };
    let functions =
        Functions::new(Engine::new(engine).map_err(FunctionError::Engine)?, options.registries.clone());
    let (patience, retries) = (Patience::default(), Retries::default());
    Controller { options, stop, watch, functions, wanted: Some(wanted), running: None, patience, retries }
        .run()
}

/// What runs.
struct Running {
    /// As it was read: settings name their secrets.
    config: Config,
    database: Database,
    host: Host,
}

struct Controller<'a> {
    options: Options,
    stop: &'a Stop,
    watch: Watch,
    functions: Functions,
    /// What is to run and does not yet.
    wanted: Option<Config>,
    running: Option<Running>,
    patience: Patience,
    retries: Retries,
}

impl Controller<'_> {
    fn run(mut self) -> Result<(), Error> {
        while !self.stop.requested() {
            if let Some(config) = self.wanted.take() {
                self.try_to_take_up(config)?;
            }
            self.stop.wait(LOOK_EVERY);
            match self.watch.look() {
                Some(Ok(config)) => {
                    self.functions.forget();
                    self.wanted = Some(config);
                }
                Some(Err(error)) => self.refuse(&error.into()),
                None => {}
            }
            self.tend();
            self.start_again();
        }
        let Some(running) = self.running.take() else { return Ok(()) };
        tracing::info!(deadline = ?self.options.drain, "ending: what was read is committed");
        running.host.stop(self.options.drain)?;
        tracing::info!("ended");
        Ok(())
    }

    /// The host tells what it does itself.
    fn tend(&mut self) {
        let tended = self.running.as_mut().map(|running| running.host.tend());
        if let Some(Err(error)) = tended {
            tracing::warn!(%error, "a lane that hangs cannot be replaced");
        }
    }

    /// What stopped a lane (a right, a topic) may be mended elsewhere, so that waiting can help.
    fn start_again(&mut self) {
        let Some(running) = &mut self.running else { return };
        for entity in self.retries.due(&running.host.stopped(), Instant::now()) {
            match running.host.start_again(&entity) {
                Ok(()) => tracing::info!(entity, "lanes that had stopped are started again"),
                Err(error) => {
                    tracing::warn!(entity, %error, "lanes that have stopped cannot be started again");
                }
            }
        }
    }

    /// What cannot be had yet stays wanted; what is wrong is refused where something runs, and ends the host where
    /// nothing does.
    fn try_to_take_up(&mut self, config: Config) -> Result<(), Error> {
        match self.take_up(&config) {
            Ok(true) => self.patience.reset(),
            Ok(false) => self.wanted = Some(config),
            Err(error) if error.is_retryable() => {
                self.patience.tell(&error);
                self.wanted = Some(config);
            }
            Err(error) if self.running.is_none() => return Err(error),
            Err(error) => self.refuse(&error),
        }
        Ok(())
    }

    /// Says what is wrong with a document while another runs.
    fn refuse(&self, error: &Error) {
        let running = self.running.as_ref().map(|running| running.config.document.generation);
        for message in error.messages() {
            let (why, help) = (message.why, message.help);
            tracing::error!(running, why, help, "document refused: {}", message.what);
        }
    }

    /// `false` where its functions are still on their way.
    fn take_up(&mut self, config: &Config) -> Result<bool, Error> {
        if !self.functions.pull(config, LOOK_EVERY)? {
            return Ok(false);
        }
        self.take_up_with_functions(config).map(|()| true)
    }

    fn take_up_with_functions(&mut self, config: &Config) -> Result<(), Error> {
        let mut revealed = config.clone();
        let programs = self.functions.load(&mut revealed)?;
        let Some(running) = &mut self.running else {
            let (database, backends) = connect(config)?;
            return self.start(config, revealed, programs, database, backends);
        };
        running.host.check_generation(&revealed.document)?;
        if !revealed.document.stands_on_the_same(running.host.document()) {
            return self.move_over(config, revealed, programs);
        }
        let generation = revealed.document.generation;
        let change = running.host.apply(revealed.document, programs, self.options.drain)?;
        running.config = config.clone();
        let (started, reassigned) = (&change.started, &change.reassigned);
        let (restarted, ended, kept) = (&change.restarted, &change.ended, &change.kept);
        if change.late > 0 {
            tracing::warn!(lanes = change.late, "lanes did not end in time; others own their partitions now");
        }
        tracing::info!(generation, ?started, ?reassigned, ?restarted, ?ended, ?kept, "document taken up");
        Ok(())
    }

    fn start(
        &mut self,
        config: &Config,
        revealed: Config,
        programs: Programs,
        database: Database,
        backends: Backends,
    ) -> Result<(), Error> {
        let host = Host::start(revealed.document, programs, backends)?;
        let document = host.document();
        let entities: Vec<_> = document.entities.iter().map(|entity| entity.id.as_str()).collect();
        let (deployment, name, generation) = (&document.deployment, &document.host, document.generation);
        tracing::info!(deployment, host = name, generation, ?entities, "running");
        self.running = Some(Running { config: config.clone(), database, host });
        Ok(())
    }

    /// To other services, or to other names in the same ones: everything ends there and starts here. What can be
    /// checked is checked before anything ends.
    fn move_over(&mut self, config: &Config, revealed: Config, programs: Programs) -> Result<(), Error> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let ground = match Ground::of(&running, config) {
            Ground::Same => Ok(Some((running.database.clone(), running.host.backends().clone()))),
            Ground::Other => connect(config).map(Some).map_err(Error::from),
            // One database is open once: it must be let go of first.
            Ground::SameData => Ok(None),
        };
        let checked = ground.and_then(|ground| {
            if let Some((_, backends)) = &ground {
                Host::check(&revealed.document, &programs, backends)?;
            }
            Ok(ground)
        });
        let ground = match checked {
            Ok(ground) => ground,
            Err(error) => {
                self.running = Some(running);
                return Err(error);
            }
        };
        tracing::info!(generation = revealed.document.generation, "moving to another ground");
        if let Err(error) = running.host.stop(self.options.drain) {
            tracing::warn!(%error, "not everything ended in time");
        }
        drop(running.database);
        let (database, backends) = match ground {
            Some(ground) => ground,
            None => connect(config)?,
        };
        self.start(config, revealed, programs, database, backends)
    }
}

/// What a document stands on, beside what runs.
enum Ground {
    /// The same services: only names in them differ.
    Same,
    Other,
    /// Other services, and both keep something in a folder.
    SameData,
}

impl Ground {
    fn of(running: &Running, config: &Config) -> Self {
        let (old, new) = (&running.config, config);
        let services = |config: &Config| {
            let document = &config.document;
            (document.kafka.clone(), document.redis.clone(), document.prefix.clone(), config.data())
        };
        match (services(old) == services(new), old.data().is_some() && new.data().is_some()) {
            (true, _) => Self::Same,
            (false, true) => Self::SameData,
            (false, false) => Self::Other,
        }
    }
}

fn connect(config: &Config) -> Result<(Database, Backends), ServiceError> {
    let database = match config.data() {
        Some(dir) => services::open_data(&dir)?,
        None => Database::memory(),
    };
    let backends = config.services().connect(&database)?;
    Ok((database, backends))
}
