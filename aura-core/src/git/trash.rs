//! Deleting directory trees: fast in the foreground by a rename, thorough afterwards.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::failure::AtPath;

/// Start of the names that trees get on their way out; what a killed process left is found by it.
const PREFIX: &str = ".aura-trash-";

/// A tree that was renamed out of the way and waits to be deleted. Dropping it keeps the tree until
/// [`sweep_trash`] runs.
#[must_use]
#[derive(Debug)]
pub(crate) struct Trash {
    path: PathBuf,
}

impl Trash {
    /// Renames `path` to a hidden name beside it. The same path must not be taken twice at once.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut number = 0_u32;
        let trash = loop {
            let place = path.with_file_name(format!("{PREFIX}{name}-{number}"));
            if place.symlink_metadata().is_err() {
                break place;
            }
            number += 1;
        };
        std::fs::rename(path, &trash).at("move away", path)?;
        Ok(Self { path: trash })
    }

    /// Deletes the tree.
    pub(crate) fn delete(self) -> Result<()> {
        delete_tree(&self.path)
    }
}

/// Deletes every tree in `root` that a killed process had renamed to be deleted.
pub(crate) fn sweep_trash(root: &Path) -> Result<usize> {
    let entries = match std::fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).at("read", root),
    };
    let mut swept = 0;
    for entry in entries {
        let entry = entry.at("read", root)?;
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            delete_tree(&entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Deletes a tree, also where directories in it are read-only (package caches); gone already is fine.
pub(super) fn delete_tree(path: &Path) -> Result<()> {
    for last in [false, true] {
        let done = match std::fs::symlink_metadata(path) {
            Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
            Ok(_) => std::fs::remove_file(path),
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => {
                return Ok(());
            }
            Err(error) if last => return Err(error).at("delete", path),
            Err(_) => make_writable(path),
        }
    }
    Ok(())
}

/// Lets the owner read and write every directory of a tree; links are not followed.
#[cfg(unix)]
pub(super) fn make_writable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(about) = std::fs::symlink_metadata(path) else {
        return;
    };
    if !about.is_dir() {
        return;
    }
    let mode = about.permissions().mode();
    if mode & 0o700 != 0o700 {
        let wider = std::fs::Permissions::from_mode(mode | 0o700);
        drop(std::fs::set_permissions(path, wider));
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        make_writable(&entry.path());
    }
}

/// Clears the read-only mark, which keeps files from being deleted there; links are not followed.
#[cfg(not(unix))]
pub(super) fn make_writable(path: &Path) {
    let Ok(about) = std::fs::symlink_metadata(path) else {
        return;
    };
    if about.is_symlink() {
        return;
    }
    let mut permissions = about.permissions();
    permissions.set_readonly(false);
    drop(std::fs::set_permissions(path, permissions));
    if about.is_dir() {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            make_writable(&entry.path());
        }
    }
}
