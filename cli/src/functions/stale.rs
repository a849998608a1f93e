//! Whether the sources of a project are newer than its last build.

use std::path::Path;
use std::time::SystemTime;

/// Folders that hold what was made or fetched.
const MADE: [&str; 5] = ["target", "node_modules", "dist", "vendor", ".git"];
const SOURCES: [&str; 7] = ["rs", "toml", "js", "ts", "mjs", "json", "wit"];
/// Deep enough for any project, and an end to links that go round.
const DEPTH: usize = 16;

/// Says that a project was changed since it was built.
pub(crate) fn stale(project: &Path, component: &Path) -> Option<String> {
    let built = component.metadata().and_then(|data| data.modified()).ok()?;
    let (changed, file) = newest(project, DEPTH)?;
    let shown = file.strip_prefix(project).unwrap_or(&file).display();
    (changed > built)
        .then(|| format!("note: {shown} is newer than the last build; `invoker build` makes it anew"))
}

fn newest(folder: &Path, depth: usize) -> Option<(SystemTime, std::path::PathBuf)> {
    let mut newest = None;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(listed).ok()?.flatten() {
        let name = entry.file_name();
        let path = folder.join(&name);
        let Ok(data) = entry.metadata() else { continue };
        let is_source = path.extension().is_some_and(|kind| SOURCES.iter().any(|known| kind == *known))
            && !name.to_string_lossy().starts_with("cases.")
            && name != "package-lock.json";
        let found = if data.is_dir() && depth > 0 && !MADE.iter().any(|made| name == *made) && name != "cases"
        {
            self::newest(&path, depth - 1)
        } else {
            data.modified().ok().filter(|_| data.is_file() && is_source).map(|time| (time, path))
        };
        newest = newest.max(found);
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_makes_a_build_stale_and_a_changed_case_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, seconds: u64| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = std::fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
            path
        };
        let built = file("target/f.wasm", 100);
        file("src/lib.rs", 50);
        file("cases.json", 200);
        file("target/x.rs", 200);
        assert_eq!(stale(dir.path(), &built), None);
        file("src/deep/a.rs", 101);
        assert!(stale(dir.path(), &built).unwrap().starts_with("note: src/deep/a.rs is newer"));
    }
}
