//! `--watch`: a thread that builds what was saved and hands it to the run, with the topology as it is then. Owns when
//! something is built; [`watched`] owns how a change is noticed, [`swap`] how the run takes it up.

mod swap;
mod watched;

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use self::swap::Swapping;
use self::watched::{Seen, Wake, Watched};
use super::display::Screen;
use crate::args::RunArgs;
use crate::build;
use crate::data::Data;
use crate::environment::Environment;
use crate::error::Error;
use crate::functions::{self, Loader};
use crate::plan::Loaded;

/// What the thread tells the run.
enum News {
    /// The functions and the topology as they are now.
    Changed(Box<Fresh>),
    /// What was saved cannot be used.
    Refused(Error),
}

/// A topology with its functions, and what it took to get them.
struct Fresh {
    loaded: Loaded,
    /// Projects that were built, each with the time that it took.
    built: Vec<(String, Duration)>,
    load: Duration,
}

/// The side of the run.
pub(super) struct Reload<'a> {
    news: Receiver<News>,
    end: Sender<Wake>,
    args: &'a RunArgs,
    data: Data,
    swapping: Option<Swapping>,
}

/// The side of the thread.
pub(super) struct Reloader {
    watched: Watched,
    seen: Seen,
    loader: Loader,
    environment: Environment,
    screen: Screen,
}

impl Reloader {
    /// Reads the topology, and builds what is not built yet or was changed since.
    pub(super) fn prepare(
        args: &RunArgs,
        environment: &Environment,
        screen: &Screen,
    ) -> Result<(Self, Loaded), Error> {
        let mut watched = Watched::new(args, environment)?;
        let (seen, topology) = watched.look()?;
        let topology = topology?;
        let (loader, environment) = (Loader::new(environment)?, environment.clone());
        let mut reloader = Self { watched, seen, loader, environment, screen: screen.clone() };
        for project in reloader.seen.projects.clone().into_keys() {
            if reloader.is_stale(&project) {
                build::component(&project, &reloader.environment)?;
            }
        }
        reloader.seen.components = reloader.watched.components()?;
        let loaded = topology.load(&mut reloader.loader)?;
        Ok((reloader, loaded))
    }

    /// What is looked at, as the user named it.
    pub(super) fn watches(&self) -> Vec<String> {
        let functions = self.seen.components.keys().cloned();
        functions.chain(std::iter::once(self.watched.topology.display().to_string())).collect()
    }

    /// Goes on in a thread of its own. It ends with the run; a build that is under way then is left to end by itself.
    pub(super) fn start<'a>(mut self, args: &'a RunArgs, data: Data) -> Result<Reload<'a>, Error> {
        let (tell, news) = channel();
        let end = self.watched.end.clone();
        let follow = move || {
            // What was saved since the first look is seen by the next.
            while self.tell(&tell) && self.watched.wait() {}
        };
        let spawned = std::thread::Builder::new().name("watch".to_owned()).spawn(follow);
        spawned.map_err(|error| Error::internal("cannot start a thread that watches files", error))?;
        Ok(Reload { news, end, args, data, swapping: None })
    }

    /// Looks, and tells what is new; `false` when nobody listens.
    fn tell(&mut self, tell: &Sender<News>) -> bool {
        let (fresh, errors) = match self.look() {
            Ok(found) => found,
            Err(error) => (None, vec![error]),
        };
        let fresh = fresh.map(|fresh| News::Changed(Box::new(fresh)));
        errors.into_iter().map(News::Refused).chain(fresh).all(|news| tell.send(news).is_ok())
    }

    /// Builds what was saved, and loads what may have changed; says what could not be built.
    fn look(&mut self) -> Result<(Option<Fresh>, Vec<Error>), Error> {
        let (now, topology) = self.watched.look()?;
        let before = std::mem::replace(&mut self.seen, now);
        if self.seen == before {
            return Ok((None, Vec::new()));
        }
        let topology = match topology {
            Ok(topology) => topology,
            Err(error) => {
                let is_told = self.seen.topology == before.topology;
                // What was saved with it is built once it is mended.
                (self.seen.projects, self.seen.components) = (before.projects, before.components);
                return if is_told { Ok((None, Vec::new())) } else { Err(error) };
            }
        };
        let (built, errors) = self.build_changed(&before);
        self.seen.components = self.watched.components()?;
        if !errors.is_empty() && built.is_empty() {
            return Ok((None, errors));
        }
        let began = Instant::now();
        let loaded = topology.load(&mut self.loader)?;
        Ok((Some(Fresh { loaded, built, load: began.elapsed() }), errors))
    }

    fn build_changed(&self, before: &Seen) -> (Vec<(String, Duration)>, Vec<Error>) {
        let (mut built, mut errors) = (Vec::new(), Vec::new());
        for (project, sources) in &self.seen.projects {
            let is_changed = match before.projects.get(project) {
                Some(before) => before != sources,
                None => self.is_stale(project),
            };
            if !is_changed {
                continue;
            }
            let began = Instant::now();
            let _still = self.screen.still();
            match build::component(project, &self.environment) {
                Ok(_) => built.push((name(project), began.elapsed())),
                Err(error) => errors.push(error),
            }
        }
        (built, errors)
    }

    /// Whether a project has no component, or one that is older than its sources.
    fn is_stale(&self, project: &Path) -> bool {
        let built = functions::last_build(project, self.environment.cargo_target.as_deref());
        built.map_or(true, |component| functions::stale(project, &component).is_some())
    }
}

/// A project as a user calls it: `.` by the name of its folder.
fn name(project: &Path) -> String {
    let named = project.file_name().is_some() || project.as_os_str().is_empty();
    let whole = if named { None } else { project.canonicalize().ok() };
    let folder = whole.as_deref().and_then(Path::file_name);
    folder.map_or_else(|| project.display().to_string(), |name| name.to_string_lossy().into_owned())
}

impl Drop for Reload<'_> {
    fn drop(&mut self) {
        drop(self.end.send(Wake::End));
    }
}
