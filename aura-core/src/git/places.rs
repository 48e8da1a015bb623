//! Where worktrees go.

use std::path::{Path, PathBuf};

use git2::Repository;

use super::user::UserRepo;

impl UserRepo {
    /// The directory for all worktrees that Aura makes: `<repository>-worktrees` beside the main worktree (or beside a bare
    /// repository), unless that lies inside another repository's work tree or cannot be written; then `aura/work` below
    /// the common git directory.
    pub(crate) fn worktrees_root(&self) -> PathBuf {
        let common = self.common_dir();
        let main = match common.file_name() {
            Some(name) if name == ".git" => common.parent().unwrap_or(common),
            _ => common,
        };
        let beside = main.parent().zip(main.file_name()).map(|(parent, name)| {
            let mut name = name.to_owned();
            name.push("-worktrees");
            (parent, parent.join(name))
        });
        match beside {
            Some((parent, root)) if is_free(parent) && (root.is_dir() || is_writable(parent)) => {
                root
            }
            _ => common.join("aura").join("work"),
        }
    }
}

/// Not inside any work tree.
fn is_free(directory: &Path) -> bool {
    Repository::discover(directory).is_err()
}

fn is_writable(directory: &Path) -> bool {
    std::fs::metadata(directory).is_ok_and(|metadata| !metadata.permissions().readonly())
        && tempfile_in(directory).is_ok()
}

/// Permissions do not tell everything (read-only mounts, other users' directories), so it is tried.
fn tempfile_in(directory: &Path) -> std::io::Result<()> {
    let probe = directory.join(format!(".aura-probe-{}", std::process::id()));
    std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(&probe)?;
    std::fs::remove_file(&probe)
}
