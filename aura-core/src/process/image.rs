//! The guard program as an open file that can be started.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

use super::proc;
use super::report::Containment;
use crate::error::{Error, ErrorKind, Result};

/// The name that the guard goes by in listings of processes.
pub(super) const GUARD_NAME: &str = "aura-guard";

const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/aura-guard"));

/// Opened by the first use and kept for the life of the process. A failure is not kept: it may pass.
static IMAGE: OnceLock<Image> = OnceLock::new();

/// The guard program, tried to be startable, and the name of this boot.
pub(super) struct Image {
    file: OwnedFd,
    pub(super) boot_id: String,
}

impl Image {
    /// The image of this process.
    pub(super) fn get() -> Result<&'static Self> {
        if let Some(image) = IMAGE.get() {
            return Ok(image);
        }
        let image = Self::open()?;
        Ok(IMAGE.get_or_init(|| image))
    }

    /// Where a child of this process finds the program.
    pub(super) fn path(&self) -> PathBuf {
        path_of(&self.file)
    }

    fn open() -> Result<Self> {
        let boot_id = proc::boot_id()?;
        let mut reasons = Vec::new();
        for place in places() {
            let opened = match &place {
                None => in_memory(),
                Some(folder) => in_folder(folder),
            };
            match opened.and_then(try_to_start) {
                Ok(file) => return Ok(Self { file, boot_id }),
                Err(error) => {
                    let place = place.map_or("memory".to_owned(), |p| p.display().to_string());
                    reasons.push(format!("from {place}: {error}"));
                }
            }
        }
        let reasons = reasons.join("; ");
        let message = format!("could not start the guard program {reasons}");
        Err(Error::new(ErrorKind::Process, message).with_help(
            "allow programs to be started from memory (sysctl vm.memfd_noexec=0), or set TMPDIR to a folder on a file \
             system that is not mounted noexec",
        ))
    }
}

/// The level of containment in force, found out by starting the guard once.
///
/// # Errors
/// [`ErrorKind::Process`] when the guard cannot be started; then no command can be.
pub(crate) fn containment() -> Result<Containment> {
    Image::get().map(|_| Containment::Guard)
}

/// Memory first, which leaves no trace; then folders that some hardened systems still start programs from.
fn places() -> Vec<Option<PathBuf>> {
    let folders = [std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()];
    std::iter::once(None)
        .chain(folders.into_iter().map(Some))
        .collect()
}

fn in_memory() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = match memfd_create(GUARD_NAME, flags | MemfdFlags::EXEC) {
        // Kernels before 6.3 do not know the flag and always allow execution.
        Err(Errno::INVAL) => memfd_create(GUARD_NAME, flags)?,
        other => other?,
    };
    let mut file = File::from(fd);
    file.write_all(PROGRAM)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&file, seals)?;
    Ok(file.into())
}

/// Writes the program to a private file and removes its name at once: the open file is enough to start it.
fn in_folder(folder: &Path) -> io::Result<OwnedFd> {
    let private = folder.join(format!("{GUARD_NAME}-{}", uuid::Uuid::now_v7()));
    DirBuilder::new().mode(0o700).create(&private)?;
    let path = private.join("guard");
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(&path)
        .and_then(|mut file| file.write_all(PROGRAM))
        .and_then(|()| File::open(&path));
    let removed = std::fs::remove_dir_all(&private);
    let file = opened?;
    removed?;
    Ok(file.into())
}

fn try_to_start(file: OwnedFd) -> io::Result<OwnedFd> {
    let start = || {
        std::process::Command::new(path_of(&file))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
    };
    let mut result = start();
    // A child that another thread forked may hold the file open for writing until it execs.
    for _ in 0..100 {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now();
                result = start();
            }
            _ => break,
        }
    }
    let status = result?;
    if status.success() {
        return Ok(file);
    }
    Err(io::Error::other(status.to_string()))
}

fn path_of(file: &OwnedFd) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_gives_a_program_that_starts_and_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for opened in [in_memory(), in_folder(folder.path())] {
            try_to_start(opened.unwrap()).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(containment().unwrap(), Containment::Guard);
    }

    #[test]
    fn the_image_in_memory_cannot_be_changed() {
        let file = in_memory().unwrap();
        let other = OpenOptions::new().write(true).open(path_of(&file));
        let written = other.and_then(|mut other| other.write_all(b"x"));
        assert!(written.is_err());
    }
}
