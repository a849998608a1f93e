//! The code cache: a hit needs neither compiler nor `describe`, and damage costs no more than a compilation.

mod components;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use components::smallest;
use invoker_engine::{Engine, EngineError, EngineOptions, InstanceOptions, LoadError};
use support::{call_in, guest};
use tempfile::TempDir;

fn engine(dir: &Path) -> Engine {
    Engine::new(EngineOptions { cache_dir: Some(dir.to_owned()), instances: 4, ..EngineOptions::default() })
        .expect("engine")
}

/// An engine in which no `describe` can succeed, so that what loads was described before.
fn engine_without_describe(dir: &Path) -> Engine {
    let options = EngineOptions {
        cache_dir: Some(dir.to_owned()),
        instances: 4,
        describe_memory_bytes: 0,
        describe_deadline: Duration::ZERO,
        ..EngineOptions::default()
    };
    Engine::new(options).expect("engine")
}

fn files(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).expect("folder").map(|entry| entry.expect("entry").path()).collect()
}

fn filled() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("folder");
    let cache = dir.path().join("deep/code");
    engine(&cache).load(&smallest()).expect("loads");
    let [file] = files(&cache).try_into().expect("one file and no temporary one");
    (dir, file)
}

#[test]
fn a_hit_needs_no_describe_and_runs() {
    let dir = tempfile::tempdir().expect("folder");
    let cold = engine(dir.path()).load(&guest("hostile")).expect("loads");
    let warm = engine_without_describe(dir.path()).load(&guest("hostile")).expect("hit");
    assert_eq!(warm.description(), cold.description());
    assert_eq!((warm.digest(), warm.imports(), warm.sdk()), (cold.digest(), cold.imports(), cold.sdk()));
    let mut instance = warm.instantiate(&InstanceOptions::default()).expect("starts");
    assert_eq!(call_in(&mut instance, &["a", "b"]).expect("result").consumed, 2);
}

#[test]
fn without_an_entry_the_function_is_described() {
    let dir = tempfile::tempdir().expect("folder");
    let error = engine_without_describe(dir.path()).load(&smallest()).expect_err("a miss");
    assert!(matches!(error, LoadError::Describe(_)), "{error}");
    assert_eq!(files(dir.path()).len(), 0, "what did not load is not kept");
}

#[test]
fn a_damaged_entry_is_found_and_written_anew() {
    let (_dir, file) = filled();
    let cache = file.parent().expect("folder");
    let good = fs::read(&file).expect("entry");
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let damaged = [
        Vec::new(),
        b"invoker code 0\n".to_vec(),
        good[..good.len() / 2].to_vec(),
        flipped(3),
        flipped(20),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        [&good[..], b"more"].concat(),
    ];
    for bytes in damaged {
        fs::write(&file, &bytes).expect("damage");
        let error = engine_without_describe(cache).load(&smallest()).expect_err("a miss");
        assert!(matches!(error, LoadError::Describe(_)), "{error}");
        engine(cache).load(&smallest()).expect("compiled again");
        engine_without_describe(cache).load(&smallest()).expect("a hit again");
        assert_eq!(files(cache), std::slice::from_ref(&file));
    }
}

#[test]
fn an_entry_under_another_functions_name_is_not_used() {
    let (_dir, file) = filled();
    let other = [smallest(), b"\0\x05\x04none".to_vec()].concat();
    let cache = file.parent().expect("folder");
    let digest = engine(cache).load(&other).expect("with a custom section").digest().to_owned();
    let name = file.file_name().and_then(|name| name.to_str()).expect("name");
    let compatibility = name.split_once('-').expect("two parts").1;
    let stolen = cache.join(format!("{}-{compatibility}", digest.trim_start_matches("sha256:")));
    assert!(stolen.exists());
    fs::copy(&file, &stolen).expect("copy");
    let error = engine_without_describe(cache).load(&other).expect_err("a miss");
    assert!(matches!(error, LoadError::Describe(_)), "{error}");
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    let dir = tempfile::tempdir().expect("folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
    let options = EngineOptions { cache_dir: Some(dir.path().to_owned()), ..EngineOptions::default() };
    let error = Engine::new(options).expect_err("refused");
    assert!(matches!(error, EngineError::Cache { .. }));
    assert!(error.to_string().contains("others may write to it, and what lies there is executed"), "{error}");
}

#[test]
fn a_new_folder_and_its_files_are_the_users_own() {
    let (_dir, file) = filled();
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(file.parent().expect("folder")), 0o700);
    assert_eq!(mode(&file), 0o600);
}
