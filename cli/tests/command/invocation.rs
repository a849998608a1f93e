//! Runs the binary in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder with a topology, gone at the end of the test.
pub(crate) struct Folder(tempfile::TempDir);

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The built function of this name.
pub(crate) fn guest(name: &str) -> PathBuf {
    let folder = match std::env::var_os("INVOKER_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests"),
    };
    let path = folder.join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: run `cargo xtask guests`", path.display());
    path.canonicalize().unwrap()
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Words of lines, counted, in two stages of two partitions.
    pub(crate) fn with_word_count() -> Self {
        let folder = Self::new();
        let (split, count) = (guest("wordcount_split"), guest("wordcount_count"));
        folder.write(
            "topology.yaml",
            format!(
                "apiVersion: invoker.io/v1alpha1\n\
                 kind: InvokerDeployment\n\
                 metadata: {{ name: words }}\n\
                 spec:\n\
                 \x20 topics:\n\
                 \x20   lines: {{ partitions: 2 }}\n\
                 \x20   words: {{ partitions: 2 }}\n\
                 \x20   counts: {{ partitions: 2 }}\n\
                 \x20 statefulEntities:\n\
                 \x20   - name: split\n\
                 \x20     function: {}\n\
                 \x20     inputTopic: lines\n\
                 \x20     outputTopic: words\n\
                 \x20   - name: count\n\
                 \x20     function: {}\n\
                 \x20     inputTopic: words\n\
                 \x20     outputTopic: counts\n",
                split.display(),
                count.display()
            ),
        );
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_invoker"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        command.env_remove("CARGO_TARGET_DIR").env_remove("INVOKER_REGISTRY").env("INVOKER_CACHE", cache());
        command
    }

    pub(crate) fn invoker(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().unwrap())
    }
}

/// Compiled functions are kept between tests, so that each is compiled once.
fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

pub(crate) fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl Ended {
    /// The command failed with this code, and its messages hold all of these.
    #[track_caller]
    pub(crate) fn failed(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not in {self:?}");
        }
        assert!(!self.err.contains("stack backtrace") && !self.err.contains("panicked"), "{self:?}");
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Lines of standard output, sorted.
    pub(crate) fn lines(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.out.lines().collect();
        lines.sort_unstable();
        lines
    }
}
