//! Git, as Aura needs it: commits, trees, refs and paths. Knows no stories and no tasks.
//!
//! Two repositories: the user's ([`UserRepo`]), which receives new objects, refs of Aura and landings
//! and nothing else, and Aura's own ([`AuraRepo`]) below the user's common git directory, of which all
//! workspaces are linked worktrees. One attempt passes through here as: *workspace* (made or reset),
//! *seal* (its files become one commit), *rebase* (that commit on the accepted head, the candidate),
//! gate workspaces, *publish* and a compare-and-swap; at the end *land*.
//!
//! Everything here blocks; callers use `spawn_blocking`. Handles are cheap to clone, `Send` and `Sync`.
//! Nothing is cancelled half way: a call that was begun ends, and every step can be done again after a
//! crash. Libgit2 reads and merges in memory; the git program writes work trees, and every call of it is
//! built in [`command`].

mod added;
mod apply;
mod changed;
mod checkouts;
mod command;
mod config;
mod failure;
mod fingerprint;
mod history;
mod land;
mod locks;
mod markers;
mod merge;
pub(crate) mod names;
mod objects;
mod patch;
mod places;
mod recover;
mod registration;
mod repair;
mod repo;
mod salvage;
mod seal;
mod stage;
mod trash;
mod user;
mod workspace;

#[cfg(test)]
mod tests;

pub(crate) use git2::Oid;

pub(crate) use added::{AddedContent, AddedFile, AddedLines, added_lines, file_at};
pub(crate) use apply::{Landing, LandingPlace};
pub(crate) use changed::{Changed, Difference, Names, Side, Way};
pub(crate) use command::version;
pub(crate) use fingerprint::Fingerprint;
pub(crate) use land::{LandRequest, LandResult, LandShape};
pub(crate) use merge::{CommitText, Merged};
pub(crate) use patch::{FilePatch, patches};
pub(crate) use recover::InterruptedLanding;
pub(crate) use repair::Prepared;
pub(crate) use repo::AuraRepo;
pub(crate) use salvage::Salvaged;
pub(crate) use seal::{SealOutcome, SealRequest, Unfinished};
pub(crate) use trash::{Trash, sweep_trash};
pub(crate) use user::{Identity, RefMove, UserRepo};
pub(crate) use workspace::{Clean, GateTree, StoryMove};
