//! Tells other terminals that a landing will follow the run.
//!
//! A run and its landing are two things to the library. Whoever waits for `aura run --merge` waits for both, so the process that does
//! both holds a file lock meanwhile, which the system takes back however the process ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aura_core::{Error, Result, StoryId};

/// Time between two looks at the lock.
const LOOK: Duration = Duration::from_millis(50);

/// The lock, while it lives.
#[derive(Debug)]
pub(super) struct Hold {
    _file: File,
    path: PathBuf,
}

impl Hold {
    /// Takes the lock of a story; `None` where it cannot be had, which delays nobody.
    pub(super) fn take(state_dir: &Path, story: StoryId) -> Option<Self> {
        let path = lock_path(state_dir, story);
        std::fs::create_dir_all(path.parent()?).ok()?;
        let file = File::create(&path).ok()?;
        file.try_lock().ok()?;
        Some(Self { _file: file, path })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // Whoever waits has the file open and gets the lock all the same.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Waits until nobody holds the lock of the story; `false` when the time was up first.
///
/// # Errors
/// `Io` where the lock cannot be looked at.
pub(super) async fn until_released(
    state_dir: &Path,
    story: StoryId,
    deadline: Option<Instant>,
) -> Result<bool> {
    let path = lock_path(state_dir, story);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(Error::io("open", &path, error)),
    };
    loop {
        match file.try_lock_shared() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path, error)),
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Ok(false);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn lock_path(state_dir: &Path, story: StoryId) -> PathBuf {
    state_dir.join("runs").join(format!("{story}.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_lock_is_waited_for() {
        let temp = tempfile::tempdir().expect("a directory");
        let story: StoryId = "01890a5d-ac96-774b-bcce-b302099a8057"
            .parse()
            .expect("an id");
        let soon = || Some(Instant::now() + LOOK);
        assert!(
            until_released(temp.path(), story, soon())
                .await
                .expect("an answer")
        );
        let hold = Hold::take(temp.path(), story).expect("the lock");
        assert!(Hold::take(temp.path(), story).is_none(), "one holder");
        assert!(
            !until_released(temp.path(), story, soon())
                .await
                .expect("an answer")
        );
        let dir = temp.path().to_owned();
        let waiting = tokio::spawn(async move { until_released(&dir, story, None).await });
        drop(hold);
        assert!(waiting.await.expect("no panic").expect("an answer"));
        assert!(!lock_path(temp.path(), story).exists());
    }
}
