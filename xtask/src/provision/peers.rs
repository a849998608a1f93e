//! The stream processors that `cargo xtask bench kafka` compares with: small Maven projects under `bench/peers/`, built
//! into the cache and linked from `target/peers/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::kafka::link;
use super::{announce, debian};
use crate::process;
use crate::project::Project;

const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const NAMES: [&str; 2] = ["streams", "flink"];

/// Makes `target/peers/<name>` of each: a folder with `lib/` and `classes/`.
pub(crate) fn build(project: &Project) -> Result<()> {
    if process::version("javac").is_none() {
        debian::install(&["default-jdk-headless", "maven"], "it compiles what the bench compares with")?;
    }
    for name in NAMES {
        let from = project.root().join("bench/peers").join(name);
        let read = |file: &str| {
            let path = from.join(file);
            fs::read_to_string(&path).with_context(|| format!("read '{}'", path.display()))
        };
        let (pom, source) = (read("pom.xml")?, read("WordCount.java")?);
        let entry = project
            .cache()
            .entry(&format!("peer-{name}"), &[&pom, &source], |folder| make(folder, name, &pom, &source));
        link(&entry?.path, &project.target().join("peers").join(name))?;
    }
    Ok(())
}

fn make(folder: &Path, name: &str, pom: &str, source: &str) -> Result<()> {
    announce(&format!("mvn dependency:copy-dependencies, javac ({name}, to compare with)"));
    fs::write(folder.join("pom.xml"), pom)?;
    fs::write(folder.join("WordCount.java"), source)?;
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", COPY, "-DoutputDirectory=lib"]).current_dir(folder);
    process::quiet(&mut maven)?;
    let mut java = Command::new("javac");
    java.args(["-nowarn", "-cp", "lib/*", "-d", "classes", "WordCount.java"]).current_dir(folder);
    process::quiet(&mut java).map(drop)
}
