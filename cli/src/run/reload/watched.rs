//! The files that a run is made of: the topology, the sources of its projects, the components. Owns how a change of them
//! is noticed; what is done about it is the business of [`super`].
//!
//! Events of the file system only say that it is time to look. What is true is what lies there: files by their size and
//! the time of their last change, so that nothing is missed and what a build writes starts no other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::args::RunArgs;
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::functions::{self, Source, Sources};
use crate::plan::{Topology, folder_of};

/// How long nothing must happen before it is looked: editors save in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// The longest that steady changes put a look off.
const LONGEST: Duration = Duration::from_millis(500);

/// Why the one who waits is woken.
pub(super) enum Wake {
    Changed,
    End,
}

/// What is watched, and where it is told.
pub(super) struct Watched {
    /// The file of the topology, as the user named it.
    pub(super) topology: PathBuf,
    environment: Environment,
    /// What the run itself reads and writes.
    except: Vec<PathBuf>,
    /// The functions that the topology names.
    references: BTreeSet<String>,
    watcher: RecommendedWatcher,
    wake: Receiver<Wake>,
    /// Ends the waiting.
    pub(super) end: Sender<Wake>,
}

/// Everything as it lay there at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) topology: Option<Source>,
    /// The sources of each project.
    pub(super) projects: BTreeMap<PathBuf, Vec<Source>>,
    /// The component of each function, where there is one.
    pub(super) components: BTreeMap<String, Option<Source>>,
}

impl Watched {
    pub(super) fn new(args: &RunArgs, environment: &Environment) -> Result<Self, Error> {
        let topology = Topology::file(&args.topology);
        let except = own(args, &topology);
        let (end, wake) = channel();
        let (woken, skipped) = (end.clone(), except.clone());
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.map_or(true, |event| matters(&event, &skipped)) {
                // Nobody waits any more when the run has ended.
                drop(woken.send(Wake::Changed));
            }
        });
        let watcher = watcher.map_err(|error| unwatched(&error))?;
        let environment = environment.clone();
        Ok(Self { topology, environment, except, references: BTreeSet::new(), watcher, wake, end })
    }

    /// Waits for a change, and for the quiet behind it; `false` when the run has ended.
    pub(super) fn wait(&self) -> bool {
        if !matches!(self.wake.recv(), Ok(Wake::Changed)) {
            return false;
        }
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            match self.wake.recv_timeout(QUIET) {
                Ok(Wake::Changed) => {}
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }

    /// Everything as it is now, and the topology. What it names is watched from now on; where it cannot be read, what it
    /// named before.
    ///
    /// Folders are watched before their files are looked at, and these before they are read: no change falls between.
    pub(super) fn look(&mut self) -> Result<(Seen, Result<Topology, Error>), Error> {
        let folder = folder_of(&self.topology);
        self.watch(&folder)?;
        let stamp = Source::of(&self.topology);
        let topology = Topology::read(&self.topology);
        if let Ok(topology) = &topology {
            self.references = topology.functions().into_iter().map(str::to_owned).collect();
        }
        let mut projects = BTreeMap::new();
        for project in self.references.clone().iter().map(|reference| folder.join(reference)) {
            if let Ok(root) = project.canonicalize()
                && root.is_dir()
            {
                // Once to know the folders, and once more when they are watched.
                for folder in Sources::of(&root, &self.except).folders {
                    self.watch(&folder)?;
                }
                let mut files = Sources::of(&root, &self.except).files;
                files.sort();
                projects.insert(project, files);
            }
        }
        let components = self.components()?;
        Ok((Seen { topology: stamp, projects, components }, topology))
    }

    /// The components as they are now.
    pub(super) fn components(&mut self) -> Result<BTreeMap<String, Option<Source>>, Error> {
        let folder = folder_of(&self.topology);
        let mut found = BTreeMap::new();
        for reference in self.references.clone() {
            let path = functions::locate(&reference, &folder, &self.environment).ok();
            if let Some(path) = &path {
                self.watch(&folder_of(path))?;
            }
            found.insert(reference, path.as_deref().and_then(Source::of));
        }
        Ok(found)
    }

    /// Again and again, as a folder may have been removed and made anew.
    fn watch(&mut self, folder: &Path) -> Result<(), Error> {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        // A folder that has gone in the meantime is not there to be watched.
        let Ok(folder) = folder.canonicalize() else { return Ok(()) };
        match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
            Err(error) if !matches!(error.kind, notify::ErrorKind::PathNotFound) => Err(unwatched(&error)),
            _ => Ok(()),
        }
    }
}

fn unwatched(error: &notify::Error) -> Error {
    let help = "raise the system's limit of watches (fs.inotify.max_user_watches and max_user_instances on Linux), or \
                run without --watch";
    Error::new(Exit::File, "cannot watch the files of the topology", error, help)
}

/// Files that inputs and outputs name, and the data directory: they change all the time, and are no source.
fn own(args: &RunArgs, topology: &Path) -> Vec<PathBuf> {
    let places = args.input.iter().chain(&args.output).map(|place| Path::new(&place.place));
    let here = folder_of(topology).join(".").canonicalize().unwrap_or_default();
    let whole = |path: &Path| {
        let parent = folder_of(path).join(".").canonicalize().ok()?;
        Some(path.canonicalize().unwrap_or(parent.join(path.file_name()?)))
    };
    places.chain(args.data.as_deref()).filter_map(whole).filter(|path| !here.starts_with(path)).collect()
}

/// Whether an event may be a change of what is watched.
fn matters(event: &Event, except: &[PathBuf]) -> bool {
    let is_change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    let is_own = |path: &PathBuf| except.iter().any(|own| path.starts_with(own));
    is_change && (event.paths.is_empty() || !event.paths.iter().all(is_own))
}
