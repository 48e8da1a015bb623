//! Aura's own bare repository below the user's common git directory.
//!
//! Workspaces are linked worktrees of it, so that stash, branches, configuration and hooks of agents
//! never reach the user. It shares no storage with the user's repository but hard links: what either
//! side deletes stays on the other. It is marked precious, so that no `gc --prune=now` of an agent
//! removes an object.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use git2::{Oid, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::command::{Git, GitCommand, Owner};
use super::config::{OwnSettings, collect_settings};
use super::failure::{AtPath, During, waiting_for_locks};
use super::names::slug;
use super::objects;
use super::user::{UserRepo, read_ref};

/// Directory of Aura below the user's common git directory.
const HOME: &str = "aura";
/// The repository in it.
const REPO: &str = "repo.git";
/// A lock file that nobody touched for this long was left by a killed process: git holds them for milliseconds.
const STALE_LOCK: Duration = Duration::from_secs(60);

/// The common directory of the user's repository when `common_dir` is Aura's repository of it.
pub(super) fn owner_of(common_dir: &Path) -> Option<PathBuf> {
    let home = common_dir.parent()?;
    let inside = common_dir.file_name()? == REPO && home.file_name()? == HOME;
    let owner = home.parent()?;
    (inside && owner.join("HEAD").is_file()).then(|| owner.to_owned())
}

/// Aura's repository. Cheap to clone, `Send` and `Sync`; opens libgit2 per call.
#[derive(Debug, Clone)]
pub(crate) struct AuraRepo {
    git: Git,
    home: PathBuf,
    dir: PathBuf,
    settings: Arc<OwnSettings>,
}

/// Holds the repository-wide lock for administration; released when dropped, also by a crash.
#[derive(Debug)]
pub(crate) struct AdminLock {
    _file: File,
}

impl AuraRepo {
    /// Opens Aura's repository of `user`, making it first where there is none. Settings are copied anew.
    ///
    /// It is built aside and renamed into place, so that a kill at any instant leaves either nothing
    /// that counts or the whole; remains are removed by the next call.
    ///
    /// # Errors
    /// `Git` or `Io` when it cannot be made; what is there already is never deleted.
    pub(crate) fn open_or_create(user: &UserRepo) -> Result<Self> {
        let home = user.common_dir().join(HOME);
        std::fs::create_dir_all(&home).at("create", &home)?;
        let home = std::fs::canonicalize(&home).at("resolve", &home)?;
        let repo = Self {
            git: user.git().clone(),
            dir: home.join(REPO),
            home,
            settings: Arc::new(collect_settings(user)?),
        };
        let Some(lock) = repo.lock_unless_busy()? else {
            // Whoever makes workspaces now may take long; what this call needs of the user's commits is brought over when it is
            // asked for.
            repo.open()?;
            return Ok(repo);
        };
        repo.sweep_half_made()?;
        if !repo.dir.exists() {
            repo.create(user)?;
        }
        repo.heal_locks();
        repo.settings.restore(&repo.dir)?;
        repo.open()?;
        repo.bring_over(user)?;
        drop(lock);
        Ok(repo)
    }

    /// Brings objects and refs that the user's repository got since over to Aura's.
    ///
    /// Branches that an agent has checked out in a workspace stay where they are.
    pub(crate) fn refresh(&self, user: &UserRepo) -> Result<()> {
        let _lock = self.lock()?;
        self.bring_over(user)
    }

    /// Like [`AuraRepo::refresh`], and checks that `commit` arrived.
    ///
    /// # Errors
    /// `NotFound` when the user's repository does not have the commit.
    pub(crate) fn refresh_commit(&self, user: &UserRepo, commit: Oid) -> Result<()> {
        if self.open()?.find_commit(commit).is_ok() {
            return Ok(());
        }
        self.refresh(user)?;
        self.open()?
            .find_commit(commit)
            .map(drop)
            .map_err(|source| {
                Error::new(
                    ErrorKind::NotFound,
                    format!("{} has no commit {commit}", user.common_dir().display()),
                )
                .with_source(source)
            })
    }

    /// Copies what `commit` needs and the refs of the user's repository do not reach into it, and
    /// flushes it to disk. The caller then moves a ref there; until then git may collect the objects.
    pub(crate) fn publish(&self, user: &UserRepo, commit: Oid) -> Result<usize> {
        objects::publish(
            &self.open()?,
            self.command()?,
            &user.open()?,
            user.common_dir(),
            commit,
        )
    }

    /// Takes the lock under which workspaces are made and removed; waits for other processes.
    pub(super) fn lock(&self) -> Result<AdminLock> {
        self.lock_file("admin.lock")
    }

    /// Takes the lock under which a target moves: git's fast-forward reads HEAD before it locks the index, so that two at once
    /// would write the files of both and move the branch for one. Waits for other processes.
    pub(crate) fn lock_landing(&self) -> Result<AdminLock> {
        self.lock_file("landing.lock")
    }

    /// The lock for administration; `None` when the repository stands and somebody else has it.
    fn lock_unless_busy(&self) -> Result<Option<AdminLock>> {
        let path = self.home.join("admin.lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .at("open", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(AdminLock { _file: file })),
            Err(TryLockError::WouldBlock) if self.dir.exists() => Ok(None),
            Err(TryLockError::WouldBlock) => self.lock().map(Some),
            Err(TryLockError::Error(error)) => Err(error).at("lock", &path),
        }
    }

    fn lock_file(&self, name: &str) -> Result<AdminLock> {
        let path = self.home.join(name);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .at("open", &path)?;
        file.lock().at("lock", &path)?;
        Ok(AdminLock { _file: file })
    }

    /// The repository's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Aura's directory below the user's common git directory.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// A git command in the repository itself.
    pub(super) fn command(&self) -> Result<GitCommand> {
        self.settings.restore(&self.dir)?;
        Ok(self
            .git
            .command(Owner::Aura, &self.dir)
            .env("GIT_DIR", &self.dir))
    }

    /// A git command with explicit git directory and work tree, whatever links lie in the work tree.
    pub(super) fn command_in(&self, git_dir: &Path, work_tree: &Path) -> Result<GitCommand> {
        self.settings.restore(&self.dir)?;
        Ok(self
            .git
            .command(Owner::Aura, work_tree)
            .env("GIT_DIR", git_dir)
            .env("GIT_WORK_TREE", work_tree))
    }

    /// Opens it with libgit2, with its own configuration only.
    pub(super) fn open(&self) -> Result<Repository> {
        self.settings.restore(&self.dir)?;
        let repo = Repository::open_bare(&self.dir).map_err(|source| {
            Error::new(
                ErrorKind::Git,
                format!(
                    "Aura's repository {} is damaged: {}",
                    self.dir.display(),
                    source.message()
                ),
            )
            .with_help(
                "its refs/aura hold unfinished work; move the directory away to start afresh",
            )
            .with_source(source)
        })?;
        let mut config = git2::Config::new().during("make an empty configuration")?;
        let file = self.dir.join("config");
        config
            .add_file(&file, git2::ConfigLevel::Local, true)
            .during("read the configuration of Aura's repository")?;
        repo.set_config(&config)
            .during("use the configuration of Aura's repository")?;
        Ok(repo)
    }

    /// The object that a ref of Aura's repository names.
    pub(crate) fn read_ref(&self, name: &str) -> Result<Option<Oid>> {
        read_ref(&self.open()?, name)
    }

    /// Points a ref below `refs/aura/` at a commit, whatever it named before, and flushes it to disk.
    ///
    /// # Errors
    /// `Refused` for names outside `refs/aura/`.
    pub(crate) fn keep(&self, name: &str, commit: Oid) -> Result<()> {
        if !name.starts_with("refs/aura/") || !git2::Reference::is_valid_name(name) {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("{name} is not a name for work that Aura keeps"),
            ));
        }
        let repo = self.open()?;
        waiting_for_locks(|| repo.reference(name, commit, true, "aura").map(drop))
            .during(format!("keep {commit} as {name}"))?;
        drop(File::open(self.dir.join(name)).and_then(|file| file.sync_all()));
        Ok(())
    }

    /// All refs of Aura's repository that start with `prefix`.
    pub(crate) fn refs_below(&self, prefix: &str) -> Result<BTreeMap<String, Oid>> {
        list_refs(&self.open()?, |name| name.starts_with(prefix))
    }

    /// Deletes all refs that start with `prefix`, which must lie below `refs/aura/`; objects stay.
    pub(crate) fn drop_refs(&self, prefix: &str) -> Result<usize> {
        if !prefix.starts_with("refs/aura/") {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("refs below {prefix} are not Aura's to drop"),
            ));
        }
        let refs = self.refs_below(prefix)?;
        let mut input = Vec::new();
        for name in refs.keys() {
            input.extend_from_slice(format!("delete {name}\0\0").as_bytes());
        }
        if !refs.is_empty() {
            self.command()?
                .args(["update-ref", "--stdin", "-z"])
                .input(input)
                .run()?;
        }
        Ok(refs.len())
    }

    fn create(&self, user: &UserRepo) -> Result<()> {
        let aside = self.home.join(format!("{REPO}.new-{}", std::process::id()));
        self.git
            .command(Owner::Aura, &self.home)
            .args(["init", "--quiet", "--bare", "--template="])
            .arg(&aside)
            .run()?;
        objects::link(user.common_dir(), &aside)?;
        self.settings.restore(&aside)?;
        File::open(&aside)
            .and_then(|directory| directory.sync_all())
            .at("flush", &aside)?;
        std::fs::rename(&aside, &self.dir).at("move into place", &aside)
    }

    fn bring_over(&self, user: &UserRepo) -> Result<()> {
        objects::link(user.common_dir(), &self.dir)?;
        let users = user.open()?;
        let ours = list_refs(&self.open()?, is_shared)?;
        let busy = self.checked_out_branches()?;
        let mut moves = list_refs(&users, is_shared)?;
        moves.retain(|name, id| ours.get(name) != Some(id) && !busy.contains(name));
        for name in moves.keys() {
            if let Some(old) = ours.get(name)
                && users.find_object(*old, None).is_err()
            {
                self.keep_overwritten(name, *old)?;
            }
        }
        self.move_shared(&moves)
    }

    /// Keeps what an agent committed on a shared branch, before that is put back to the user's.
    fn keep_overwritten(&self, name: &str, commit: Oid) -> Result<()> {
        let mut short = commit.to_string();
        short.truncate(8);
        let name = slug(name.trim_start_matches("refs/"));
        self.keep(&format!("refs/aura/salvage/moved/{name}-{short}"), commit)
    }

    fn move_shared(&self, moves: &BTreeMap<String, Oid>) -> Result<()> {
        let mut input = Vec::new();
        for (name, id) in moves {
            input.extend_from_slice(format!("update {name}\0{id}\0\0").as_bytes());
        }
        if input.is_empty() {
            return Ok(());
        }
        let all = self
            .command()?
            .args(["update-ref", "--no-deref", "--stdin", "-z"])
            .input(input)
            .run();
        if all.is_ok() {
            return Ok(());
        }
        // Names can have traded places (`a` for `a/b`), or an agent made a branch in the way. One
        // at a time brings over all that can be; agents only lose sight of the rest.
        for (name, id) in moves {
            let command = self.command()?.args(["update-ref", "--no-deref", name]);
            if let Err(error) = command.arg(id.to_string()).run() {
                tracing::warn!(%error, name, "a ref was not brought over");
            }
        }
        Ok(())
    }

    fn checked_out_branches(&self) -> Result<BTreeSet<String>> {
        let root = self.dir.join("worktrees");
        let mut branches = BTreeSet::new();
        let Ok(entries) = std::fs::read_dir(&root) else {
            return Ok(branches);
        };
        for entry in entries {
            let head = entry.at("read", &root)?.path().join("HEAD");
            if let Ok(text) = std::fs::read_to_string(head)
                && let Some(name) = text.trim().strip_prefix("ref: ")
            {
                branches.insert(name.to_owned());
            }
        }
        Ok(branches)
    }

    fn sweep_half_made(&self) -> Result<()> {
        for entry in std::fs::read_dir(&self.home).at("read", &self.home)? {
            let entry = entry.at("read", &self.home)?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(&format!("{REPO}.new-")) {
                super::trash::delete_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes lock files that killed processes left in the shared parts of the repository.
    fn heal_locks(&self) {
        let mut places = vec![self.dir.clone(), self.dir.join("refs")];
        while let Some(place) = places.pop() {
            let Ok(entries) = std::fs::read_dir(&place) else {
                continue;
            };
            for entry in entries.flatten() {
                let path = entry.path();
                if path.is_dir() {
                    if path.starts_with(self.dir.join("refs")) && path != self.dir.join("refs") {
                        places.push(path);
                    }
                } else if path
                    .extension()
                    .is_some_and(|extension| extension == "lock")
                    && is_older_than(&path, STALE_LOCK)
                {
                    tracing::warn!(path = %path.display(), "removing a stale lock");
                    drop(std::fs::remove_file(&path));
                }
            }
        }
    }
}

fn is_older_than(path: &Path, age: Duration) -> bool {
    std::fs::symlink_metadata(path)
        .and_then(|about| about.modified())
        .ok()
        .and_then(|modified| SystemTime::now().duration_since(modified).ok())
        .is_some_and(|passed| passed > age)
}

/// Refs of the user that agents may read.
fn is_shared(name: &str) -> bool {
    ["refs/heads/", "refs/tags/", "refs/remotes/"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

fn list_refs(repo: &Repository, wanted: impl Fn(&str) -> bool) -> Result<BTreeMap<String, Oid>> {
    let mut found = BTreeMap::new();
    for reference in repo.references().during("list refs")? {
        let reference = reference.during("list refs")?;
        // A name that is not UTF-8 cannot be asked for by anything that Aura runs.
        let Ok(name) = reference.name() else { continue };
        // Symbolic ones (origin/HEAD) are conveniences, and may dangle.
        if let Some(id) = reference.target()
            && wanted(name)
        {
            found.insert(name.to_owned(), id);
        }
    }
    Ok(found)
}
