//! Workspaces: made, adopted, reset for another attempt, removed; and the gate workspaces and the
//! story's worktree, which are the same thing used with other rules.

use std::path::{Path, PathBuf};

use git2::Oid;

use crate::error::{Error, ErrorKind, Result};

use super::registration::{Registration, normalise};
use super::repo::AuraRepo;
use super::salvage::Salvaged;
use super::stage::PrivateIndex;
use super::trash::{Trash, delete_tree, make_writable};

/// What to delete when a workspace is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clean {
    /// Untracked files; ignored ones (caches, `.env`) stay.
    Untracked,
    /// Everything that the commit does not hold.
    Everything,
}

/// A workspace that is ready.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code, reason = "tests look at how it was made"))]
pub(crate) struct Workspace {
    /// Where it is, links resolved.
    pub(crate) path: PathBuf,
    /// It was there, as wanted, and nothing was done.
    pub(crate) adopted: bool,
    /// Unsaved work that lay there before.
    pub(crate) salvaged: Option<Salvaged>,
}

/// What was left of a removed workspace.
#[derive(Debug)]
pub(crate) struct Removed {
    /// Work that was nowhere else.
    pub(crate) salvaged: Option<Salvaged>,
    /// The renamed directory, to be deleted when there is time; `None` when there was none.
    pub(crate) trash: Option<Trash>,
}

/// Whether a gate left its workspace as it got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GateTree {
    /// HEAD and tracked files are as checked out.
    Unchanged,
    /// These tracked paths were changed (`HEAD` when that moved).
    Dirtied {
        /// The paths.
        paths: Vec<String>,
    },
}

/// What became of the story's worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoryMove {
    /// It shows the new commit now.
    Moved,
    /// It showed it before.
    AlreadyThere,
    /// Somebody works there: uncommitted changes in these paths, or HEAD moved (then `HEAD`). Left alone.
    Busy {
        /// The paths.
        paths: Vec<String>,
    },
}

impl AuraRepo {
    /// Makes a workspace at `path`, detached at `base`; one that is there, clean and at `base`, is adopted.
    ///
    /// Anything else that a killed call or an earlier attempt left there is salvaged under `salvage_ref`
    /// and made anew. A directory that was never a workspace is refused unless it is empty. `prepare`
    /// runs after the directory exists and before files are written (caches go there).
    ///
    /// # Errors
    /// `Refused` for a foreign directory, `Git` or `Io` when it cannot be made.
    pub(crate) fn add_workspace(
        &self,
        path: &Path,
        base: Oid,
        salvage_ref: &str,
        prepare: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Workspace> {
        let path = normalise(path)?;
        let lock = self.lock()?;
        let registered = self.registration(&path)?;
        if let Some(place) = &registered
            && self.is_intact(place, base)?
        {
            place.clear_operations()?;
            place.restore_index()?;
            return Ok(Workspace {
                path,
                adopted: true,
                salvaged: None,
            });
        }
        let salvaged = self.make_room(&path, registered.as_ref(), salvage_ref)?;
        self.unregister(&path)?;
        self.command()?
            .args([
                "worktree",
                "add",
                "--quiet",
                "--detach",
                "--no-checkout",
                "--lock",
            ])
            .args(["--reason", "used by Aura"])
            .arg("--")
            .arg(&path)
            .arg(base.to_string())
            .run()?;
        let place = self.require_registration(&path)?;
        // Writing the files concerns nobody else, and takes long.
        drop(lock);
        prepare(&path)?;
        self.check_out(&place, base)?;
        self.verify(&place, base)?;
        Ok(Workspace {
            path,
            adopted: false,
            salvaged,
        })
    }

    /// Puts an existing workspace at `base` for another attempt: operations, locks, edits and untracked
    /// files of the last one are gone afterwards. Salvage first what is wanted.
    ///
    /// # Errors
    /// `NotFound` when it is not a workspace any more: [`AuraRepo::add_workspace`] makes it anew.
    pub(crate) fn reset_workspace(&self, path: &Path, base: Oid, clean: Clean) -> Result<()> {
        let place = self.require_registration(path)?;
        self.reset(&place, base, clean)
    }

    pub(super) fn reset(&self, place: &Registration, base: Oid, clean: Clean) -> Result<()> {
        place.clear_operations()?;
        place.repair_link()?;
        place.restore_index()?;
        self.check_out(place, base)?;
        self.clean(place, clean)?;
        self.verify(place, base)
    }

    /// Removes a workspace. What is neither in a ref nor the content of `saved` is salvaged under
    /// `salvage_ref`. Fast: the directory is only renamed; [`Trash::delete`] does the rest.
    ///
    /// Gone already is fine. A directory that was never a workspace is refused.
    pub(crate) fn remove_workspace(
        &self,
        path: &Path,
        saved: Option<Oid>,
        salvage_ref: &str,
    ) -> Result<Removed> {
        let path = normalise(path)?;
        let _lock = self.lock()?;
        let registered = self.registration(&path)?;
        let mut removed = Removed {
            salvaged: None,
            trash: None,
        };
        if path.symlink_metadata().is_ok() {
            self.refuse_foreign_directory(&path, registered.as_ref())?;
            if let Some(place) = registered.as_ref().filter(|place| holds_work(place)) {
                removed.salvaged = self.salvage_place(place, saved, salvage_ref)?;
            }
            removed.trash = Some(Trash::take(&path)?);
        }
        self.unregister(&path)?;
        Ok(removed)
    }

    /// Puts a gate workspace at `commit`, making it when there is none.
    pub(crate) fn checkout_gate(&self, path: &Path, commit: Oid, clean: Clean) -> Result<()> {
        let path = normalise(path)?;
        if let Some(place) = self.registration(&path)?
            && holds_work(&place)
        {
            return self.reset(&place, commit, clean);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let salvage_ref = format!("refs/aura/salvage/gate-{}", super::names::slug(&name));
        self.add_workspace(&path, commit, &salvage_ref, |_| Ok(()))
            .map(drop)
    }

    /// Whether HEAD and every tracked file of a gate workspace are as they were checked out.
    pub(crate) fn verify_unchanged(&self, path: &Path, commit: Oid) -> Result<GateTree> {
        let place = self.require_registration(path)?;
        let mut paths = PrivateIndex::new(self, &place)?.dirty(false)?;
        if !place.is_detached_at(commit) {
            paths.push("HEAD".to_owned());
        }
        Ok(if paths.is_empty() {
            GateTree::Unchanged
        } else {
            GateTree::Dirtied { paths }
        })
    }

    /// Moves the story's worktree from `old` to `new` when nobody has changed anything there.
    pub(crate) fn move_story_worktree(&self, path: &Path, old: Oid, new: Oid) -> Result<StoryMove> {
        let place = self.require_registration(path)?;
        if !place.is_detached_at(old) && !place.is_detached_at(new) {
            let paths = vec!["HEAD".to_owned()];
            return Ok(StoryMove::Busy { paths });
        }
        let output = self
            .workspace_command(&place)?
            .args([
                "status",
                "--porcelain",
                "-z",
                "--no-renames",
                "--untracked-files=all",
            ])
            .run()?;
        let paths = super::stage::parse_status(&output);
        if !paths.is_empty() || place.unfinished_operation().is_some() {
            return Ok(StoryMove::Busy { paths });
        }
        if place.is_detached_at(new) {
            return Ok(StoryMove::AlreadyThere);
        }
        // Without force: what a person saves between the look and the checkout is not overwritten.
        let mut command = self
            .workspace_command(&place)?
            .args(["checkout", "--quiet", "--detach", "--no-overwrite-ignore"])
            .arg(new.to_string());
        let output = command.output()?;
        if !output.success() {
            let paths = super::apply::paths_in_refusal(&output.stderr);
            if paths.is_empty() {
                return Err(command.failed(&output));
            }
            return Ok(StoryMove::Busy { paths });
        }
        place.remember_index()?;
        Ok(StoryMove::Moved)
    }

    /// Writes the files of `base` over what is there and remembers the index.
    fn check_out(&self, place: &Registration, base: Oid) -> Result<()> {
        place.forget_index()?;
        let check_out = || {
            self.workspace_command(place)?
                .args([
                    "checkout",
                    "--quiet",
                    "--force",
                    "--detach",
                    "--no-recurse-submodules",
                ])
                .arg(base.to_string())
                .run()
        };
        if check_out().is_err() {
            // Read-only directories and a damaged index both end here.
            make_writable(&place.path);
            delete_tree(&place.admin.join("index"))?;
            check_out()?;
        }
        place.remember_index()
    }

    fn clean(&self, place: &Registration, clean: Clean) -> Result<()> {
        let flags = match clean {
            Clean::Untracked => "-ffdq",
            Clean::Everything => "-ffdxq",
        };
        let run = || self.workspace_command(place)?.args(["clean", flags]).run();
        if run().is_err() {
            make_writable(&place.path);
            run()?;
        }
        Ok(())
    }

    fn is_intact(&self, place: &Registration, base: Oid) -> Result<bool> {
        Ok(holds_work(place)
            && place.link_is_intact()
            && place.is_detached_at(base)
            && place.unfinished_operation().is_none()
            && PrivateIndex::new(self, place)?.dirty(true)?.is_empty())
    }

    /// Refuses to hand out a directory in which git would act on anything but this workspace.
    fn verify(&self, place: &Registration, base: Oid) -> Result<()> {
        if place.link_is_intact() && place.is_detached_at(base) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Git,
            format!(
                "the workspace {} is not linked to Aura's repository at {base}",
                place.path.display()
            ),
        )
        .with_help("check that nothing else writes to that directory"))
    }

    /// Clears `path`, salvaging what is there.
    fn make_room(
        &self,
        path: &Path,
        registered: Option<&Registration>,
        salvage_ref: &str,
    ) -> Result<Option<Salvaged>> {
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        self.refuse_foreign_directory(path, registered)?;
        let salvaged = match registered {
            Some(place) if holds_work(place) => self.salvage_place(place, None, salvage_ref)?,
            _ => None,
        };
        delete_tree(path)?;
        Ok(salvaged)
    }

    fn refuse_foreign_directory(
        &self,
        path: &Path,
        registered: Option<&Registration>,
    ) -> Result<()> {
        let is_empty = || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if registered.is_some() || self.links_here(path) || is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Refused,
            format!(
                "{} is there already and is not a workspace of Aura",
                path.display()
            ),
        )
        .with_help("move it away, or choose another workspace root"))
    }
}

/// Whether a checkout was finished here and somebody may have worked in it since.
fn holds_work(place: &Registration) -> bool {
    place.has_directory() && place.is_ready()
}
