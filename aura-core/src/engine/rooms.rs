//! Where gates judge: directories that no agent works in, since whoever is judged could leave files there that the judged commit does not
//! hold, with a `.gitignore` that keeps them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::workshop::Site;

/// How many directories that somebody who cannot be stopped still works in are passed over for another one.
const SPARE: usize = 8;

/// Directories for gates on tasks' own work. Some are judged at the same time, so there are as many as that, and their caches stay
/// for the next task.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<BTreeSet<usize>>);

impl Rooms {
    /// The lowest number that nobody has, but those of `passed`.
    fn take(&self, passed: &BTreeSet<usize>) -> Ticket<'_> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut number = 0;
        while taken.contains(&number) || passed.contains(&number) {
            number += 1;
        }
        taken.insert(number);
        Ticket {
            rooms: self,
            number,
        }
    }
}

/// The right to one of them, until it is dropped.
#[derive(Debug)]
struct Ticket<'a> {
    rooms: &'a Rooms,
    number: usize,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut taken = self.rooms.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&self.number);
    }
}

/// A directory to judge in, for as long as this is kept.
#[derive(Debug)]
pub(super) struct Room<'a> {
    pub(super) path: PathBuf,
    _turn: Turn<'a>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held, and dropped with the room")]
enum Turn<'a> {
    Shared(MutexGuard<'a, ()>),
    Own(Ticket<'a>),
}

/// Somebody who cannot be stopped works in this directory.
pub(super) struct Occupied(pub(super) PathBuf);

/// One gate at a time judges candidates and results: waits for its turn, and until nobody works there any more.
pub(super) async fn enter_shared(site: &Site, patience: Duration) -> Result<Room<'_>, Occupied> {
    let path = site.places.gate_workspace();
    loop {
        if !is_free(site, &path, patience).await {
            return Err(Occupied(path));
        }
        let slot = site.gate_slot.lock().await;
        // Who had the turn before may have left something; it is waited for without holding up the others.
        if is_free(site, &path, Duration::ZERO).await {
            return Ok(Room {
                path,
                _turn: Turn::Shared(slot),
            });
        }
    }
}

/// A directory for a gate on one task's own work.
pub(super) async fn enter_own(site: &Site, patience: Duration) -> Result<Room<'_>, Occupied> {
    let mut passed = BTreeSet::new();
    loop {
        let ticket = site.rooms.take(&passed);
        let path = site.places.task_gate_workspace(ticket.number);
        let is_last = passed.len() == SPARE;
        let wait = if is_last { patience } else { Duration::ZERO };
        if is_free(site, &path, wait).await {
            return Ok(Room {
                path,
                _turn: Turn::Own(ticket),
            });
        }
        if is_last {
            return Err(Occupied(path));
        }
        passed.insert(ticket.number);
    }
}

async fn is_free(site: &Site, path: &Path, patience: Duration) -> bool {
    let free = site.shop.released(path);
    tokio::time::timeout(patience, free).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_gate_has_a_number_of_its_own_and_the_lowest_come_first() {
        let rooms = Rooms::default();
        let none = BTreeSet::new();
        let first = rooms.take(&none);
        let second = rooms.take(&none);
        let other = rooms.take(&BTreeSet::from([2]));
        assert_eq!((first.number, second.number, other.number), (0, 1, 3));
        drop(first);
        assert_eq!(rooms.take(&none).number, 0);
        drop((second, other));
        assert_eq!(rooms.take(&none).number, 0);
    }
}
