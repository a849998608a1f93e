//! What only a store in a folder leaves behind: files of writes whose process was killed, and empty folders.
//!
//! A file is written beside its place, as `NAME#NUMBER`, and moved there when it is whole; listings do not show such files.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

/// Deletes unfinished files from before `before`, then folders that are empty. Returns the number of files.
pub(super) fn sweep(folder: &Path, before: SystemTime, dry_run: bool) -> u64 {
    // A folder that cannot be read now is read the next time.
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let mut files = 0;
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files += sweep(&path, before, dry_run);
            if !dry_run {
                // Fails, as it should, unless it is empty; whoever writes makes it again.
                let _ = fs::remove_dir(&path);
            }
        } else if is_unfinished(&path) && is_old(&path, before) {
            let deleted = dry_run || fs::remove_file(&path).is_ok();
            files += u64::from(deleted);
        }
    }
    files
}

fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let number = name.rsplit_once('#').map(|(_, number)| number).unwrap_or_default();
    !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_old(path: &Path, before: SystemTime) -> bool {
    fs::metadata(path).and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified <= before)
}
