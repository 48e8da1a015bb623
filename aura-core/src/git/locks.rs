//! Lock files that a killed process left behind.

use std::path::Path;

use super::repo::AuraRepo;
use super::user::UserRepo;

impl AuraRepo {
    /// Removes the locks on refs of these names, and on everything below them, in Aura's and in the user's repository.
    ///
    /// A lock that libgit2 took is only a file: killed while it holds one, a process keeps everybody from that ref. The
    /// caller is the only one who may write these refs now, so that whoever holds such a lock is dead.
    pub(crate) fn break_locks(&self, user: &UserRepo, names: &[String]) {
        for directory in [self.dir(), user.common_dir()] {
            for name in names {
                let place = directory.join(name);
                let mut lock = place.clone().into_os_string();
                lock.push(".lock");
                remove(Path::new(&lock));
                remove_below(&place);
            }
        }
    }
}

fn remove_below(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_below(&path);
        } else if path.extension().is_some_and(|end| end == "lock") {
            remove(&path);
        }
    }
}

fn remove(lock: &Path) {
    if std::fs::remove_file(lock).is_ok() {
        tracing::warn!(lock = %lock.display(), "a killed process had left this lock");
    }
}
