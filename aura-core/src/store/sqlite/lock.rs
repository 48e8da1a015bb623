//! The lock of a story: held by an open file, so that it ends with the process.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::StoryId;
use crate::store::checks;

/// Somebody who only looks holds the lock for an instant, so one refusal does not mean much.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// What the file says about who holds it.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    #[serde(default)]
    host: String,
    since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {}", self.pid)?;
        if !self.host.is_empty() {
            write!(f, " on {}", self.host)?;
        }
        write!(f, " since {:.0}", self.since)
    }
}

/// Released when dropped. The file stays: removing it would let two processes hold two files of the same name.
#[derive(Debug)]
pub(super) struct StoryLock {
    file: File,
}

impl StoryLock {
    /// Takes the lock or names who has it. Blocks for up to 50 ms.
    pub(super) fn take(directory: &Path, story: StoryId) -> Result<Self> {
        std::fs::create_dir_all(directory)
            .map_err(|error| Error::io("create", directory, error))?;
        let path = file_name(directory, story);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| Error::io("open", &path, error))?;
        for attempt in 1..=TRIES {
            match file.try_lock() {
                Ok(()) => {
                    let mut lock = Self { file };
                    lock.describe();
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) if attempt < TRIES => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) => {
                    return Err(Error::io("lock", &path, error)
                        .with_help("keep the repository on a file system that supports locks"));
                }
            }
        }
        Err(checks::busy(story, &read_holder(&mut file)))
    }

    /// For the message of others; the lock holds without it.
    fn describe(&mut self) {
        let holder = Holder {
            pid: std::process::id(),
            host: host_name(),
            since: Timestamp::now(),
        };
        let written = serde_json::to_vec(&holder)
            .map_err(std::io::Error::from)
            .and_then(|text| {
                self.file.set_len(0)?;
                self.file.rewind()?;
                self.file.write_all(&text)
            });
        if let Err(error) = written {
            tracing::debug!(%error, "the holder of a story lock could not be written down");
        }
    }
}

impl Drop for StoryLock {
    fn drop(&mut self) {
        // Closing the file would do, if no process that is just being started had a copy of it.
        if let Err(error) = self.file.set_len(0).and_then(|()| self.file.unlock()) {
            tracing::debug!(%error, "a story lock is released by closing it");
        }
    }
}

/// Who holds the lock of a story, without taking it.
pub(super) fn holder(directory: &Path, story: StoryId) -> Result<Option<String>> {
    let path = file_name(directory, story);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("open", &path, error)),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file))),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
    }
}

fn read_holder(file: &mut File) -> String {
    let mut text = String::new();
    file.rewind()
        .and_then(|()| file.read_to_string(&mut text))
        .ok()
        .and_then(|_| serde_json::from_str::<Holder>(&text).ok())
        .map_or_else(|| "another process".to_owned(), |holder| holder.to_string())
}

fn file_name(directory: &Path, story: StoryId) -> PathBuf {
    directory.join(format!("{story}.lock"))
}

/// Empty where the system does not say it in a file or in the environment.
fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .or_else(|| std::env::var("COMPUTERNAME").ok())
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
