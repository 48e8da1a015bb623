//! The user's repository: found, checked, read, and written in exactly one way.
//!
//! Aura reads it freely and writes new objects and refs of its own, each by compare-and-swap. The
//! landing in a checked-out branch is in [`apply`](super::apply).

use std::path::{Path, PathBuf};

use git2::{ErrorCode, OdbObject, Oid, Repository, RepositoryOpenFlags};

use crate::error::{Error, ErrorKind, Result};

use super::command::{Git, GitCommand, Owner, split_nul};
use super::failure::{During, waiting_for_locks};
use super::stage::tree_of;

/// What HEAD of the place where Aura was started names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The branch without `refs/heads/`; `None` when HEAD is detached.
    pub(crate) branch: Option<String>,
    /// Its commit.
    pub(crate) commit: Oid,
}

/// Who authors commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name.
    pub(crate) name: String,
    /// The mail address.
    pub(crate) email: String,
}

impl Identity {
    /// The signature of this identity at `time`, in seconds since 1970, in UTC.
    pub(super) fn signature(&self, time: i64) -> Result<git2::Signature<'static>> {
        git2::Signature::new(&self.name, &self.email, &git2::Time::new(time, 0))
            .during(format!("use the identity {} <{}>", self.name, self.email))
    }
}

/// What became of a ref that was to be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RefMove {
    /// It had the old value and has the new one now.
    Moved,
    /// It had the new value before.
    AlreadyThere,
    /// Somebody else moved, made or deleted it; nothing was written.
    Foreign(Option<Oid>),
    /// A worktree of the user has this branch checked out: moving it would make that worktree look
    /// edited; nothing was written.
    CheckedOut(PathBuf),
}

/// The repository of the user, found from any place inside it. Cheap to clone; opens libgit2 per call.
#[derive(Debug, Clone)]
pub(crate) struct UserRepo {
    git: Git,
    common_dir: PathBuf,
    git_dir: PathBuf,
    workdir: Option<PathBuf>,
}

/// Git's answers are read line by line, and paths are kept as text.
fn unspeakable(path: &Path) -> Error {
    Error::new(
        ErrorKind::UnsupportedRepository,
        format!(
            "the path of the repository at {path:?} has a line break or is not text in UTF-8, which Aura does not support"
        ),
    )
    .with_help("give its directory, or the one above it, another name")
}

impl UserRepo {
    /// Finds the repository that `path` lies in: a main or linked worktree, a submodule, a bare
    /// repository, or a workspace of Aura (then the repository that Aura works for).
    ///
    /// # Errors
    /// `NotFound` without a repository; `UnsupportedRepository` for reftable, SHA-256, partial clones
    /// and repositories without a commit, each with its remedy.
    pub(crate) fn discover(path: &Path) -> Result<Self> {
        let git = Git::locate()?;
        if !path.is_dir() {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{} is not a directory", path.display()),
            ));
        }
        let mut repo = Self::locate(&git, path)?;
        if let Some(owner) = super::repo::owner_of(&repo.common_dir) {
            repo = Self::locate(&git, &owner)?;
        }
        repo.refuse_unsupported()?;
        repo.head()?;
        Ok(repo)
    }

    /// The subjects of up to `limit` commits that `to` reaches and `from` does not, the youngest first, without merges.
    pub(crate) fn subjects(&self, from: Option<Oid>, to: Oid, limit: usize) -> Result<Vec<String>> {
        let mut command = self
            .git
            .command(Owner::User, &self.common_dir)
            .args(["log", "--no-merges", "--format=%s", "-z"])
            .arg(format!("--max-count={limit}"))
            .arg(to.to_string());
        if let Some(from) = from {
            command = command.arg(format!("^{from}"));
        }
        let output = command.run()?;
        let subjects = split_nul(&output).map(|subject| String::from_utf8_lossy(subject));
        Ok(subjects.map(|subject| subject.into_owned()).collect())
    }

    /// Shows each file of a commit, in the order of their paths: up to `most` of them, with the content of those of up to `largest` bytes.
    /// Says how many more there are. Links and submodules are not files.
    pub(crate) fn each_file(
        &self,
        commit: Oid,
        most: usize,
        largest: usize,
        mut show: impl FnMut(&str, Option<&[u8]>),
    ) -> Result<usize> {
        let repo = self.open()?;
        let odb = repo.odb().during("open the objects")?;
        let tree = tree_of(&repo, commit)?;
        let mut seen = 0;
        let mut left = 0;
        let walked = tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            let is_file = matches!(entry.filemode(), 0o100_644 | 0o100_755 | 0o100_664);
            let (Ok(name), true) = (entry.name(), is_file) else {
                return git2::TreeWalkResult::Ok;
            };
            if seen == most {
                left += 1;
                return git2::TreeWalkResult::Ok;
            }
            seen += 1;
            let path = format!("{folder}{name}");
            let is_small = odb
                .read_header(entry.id())
                .is_ok_and(|(size, _)| size <= largest);
            let content = is_small.then(|| odb.read(entry.id()).ok()).flatten();
            show(&path, content.as_ref().map(OdbObject::data));
            git2::TreeWalkResult::Ok
        });
        walked.during(format!("read the files of {commit}"))?;
        Ok(left)
    }

    /// The content of a file of a commit, where there is one.
    pub(crate) fn file(&self, commit: Oid, path: &str) -> Result<Option<Vec<u8>>> {
        let repo = self.open()?;
        let tree = tree_of(&repo, commit)?;
        let Ok(entry) = tree.get_path(Path::new(path)) else {
            return Ok(None);
        };
        let blob = repo.find_blob(entry.id()).ok();
        Ok(blob.map(|blob| blob.content().to_vec()))
    }

    fn locate(git: &Git, path: &Path) -> Result<Self> {
        let mut command = git.command(Owner::User, path).args([
            "rev-parse",
            "--path-format=absolute",
            "--git-common-dir",
            "--git-dir",
            "--is-bare-repository",
            "--is-inside-work-tree",
        ]);
        let output = command.output()?;
        if !output.success() {
            return Err(not_a_repository(path, &output.stderr));
        }
        let text = String::from_utf8(output.stdout).map_err(|_| unspeakable(path))?;
        if text.lines().count() != 4 {
            return Err(unspeakable(path));
        }
        let mut lines = text.lines();
        let mut next = || lines.next().unwrap_or_default().to_owned();
        let (common_dir, git_dir) = (PathBuf::from(next()), PathBuf::from(next()));
        let (bare, inside) = (next() == "true", next() == "true");
        let workdir = if inside {
            let top = git
                .command(Owner::User, path)
                .args(["rev-parse", "--path-format=absolute", "--show-toplevel"])
                .text()?;
            Some(PathBuf::from(top))
        } else if !bare && git_dir.file_name().is_some_and(|name| name == ".git") {
            git_dir.parent().map(Path::to_owned)
        } else {
            None
        };
        Ok(Self {
            git: git.clone(),
            common_dir,
            git_dir,
            workdir,
        })
    }

    fn refuse_unsupported(&self) -> Result<()> {
        let mut command = self.command().args(["config", "--list", "-z"]);
        let output = command.output()?;
        if !output.success() {
            return Err(command.failed(&output));
        }
        for entry in split_nul(&output.stdout) {
            let text = String::from_utf8_lossy(entry);
            let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
            let key = key.to_ascii_lowercase();
            let reason = match key.as_str() {
                "extensions.objectformat" if value != "sha1" => Some((
                    "a SHA-256 repository",
                    "use a repository with SHA-1 object names",
                )),
                "extensions.refstorage" if value != "files" => Some((
                    "a reftable repository",
                    "convert it with `git refs migrate --ref-format=files`",
                )),
                "extensions.partialclone" => Some(PARTIAL),
                _ if key.starts_with("remote.")
                    && key.ends_with(".promisor")
                    && value != "false" =>
                {
                    Some(PARTIAL)
                }
                _ => None,
            };
            if let Some((what, help)) = reason {
                return Err(Error::new(
                    ErrorKind::UnsupportedRepository,
                    format!(
                        "{} is {what}, which Aura does not support",
                        self.common_dir.display()
                    ),
                )
                .with_help(help));
            }
        }
        Ok(())
    }

    /// The git program.
    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    /// The directory that all worktrees of the repository share; Aura lives in `aura/` below it.
    pub(crate) fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// The git directory of the worktree that was found; the common directory in the main one.
    pub(crate) fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// The top of the worktree that was found; `None` in a bare repository.
    pub(crate) fn workdir(&self) -> Option<&Path> {
        self.workdir.as_deref()
    }

    /// A git command in the user's repository. Only for commands that read, and for landing.
    pub(super) fn command(&self) -> GitCommand {
        self.git
            .command(
                Owner::User,
                self.workdir.as_deref().unwrap_or(&self.git_dir),
            )
            .env("GIT_DIR", &self.git_dir)
    }

    /// Opens it with libgit2.
    pub(super) fn open(&self) -> Result<Repository> {
        let place = self.workdir.as_deref().unwrap_or(&self.git_dir);
        Repository::open_ext(
            place,
            RepositoryOpenFlags::NO_SEARCH,
            std::iter::empty::<&str>(),
        )
        .during(format!("open the repository {}", place.display()))
    }

    /// The branch and commit of HEAD.
    ///
    /// # Errors
    /// `UnsupportedRepository` when there is no commit yet.
    pub(crate) fn head(&self) -> Result<Head> {
        let repo = self.open()?;
        let head = match repo.head() {
            Ok(head) => head,
            Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => {
                return Err(Error::new(
                    ErrorKind::UnsupportedRepository,
                    format!("HEAD of {} has no commit yet", self.git_dir.display()),
                )
                .with_help(
                    "make a first commit, for example `git commit --allow-empty -m start`",
                ));
            }
            Err(error) => return Err(error).during("read HEAD"),
        };
        let commit = head
            .peel_to_commit()
            .during("find the commit of HEAD")?
            .id();
        let branch = if head.is_branch() {
            Some(head.shorthand().during("read the name of HEAD")?.to_owned())
        } else {
            None
        };
        Ok(Head { branch, commit })
    }

    /// The commit of a branch (without `refs/heads/`), or `None` when there is none of this name.
    pub(crate) fn resolve_branch(&self, branch: &str) -> Result<Option<Oid>> {
        self.read_ref(&format!("refs/heads/{branch}"))
    }

    /// The object that a ref names in the end, or `None` when there is no such ref.
    pub(crate) fn read_ref(&self, name: &str) -> Result<Option<Oid>> {
        read_ref(&self.open()?, name)
    }

    /// Where the tree of a commit has submodules.
    pub(crate) fn submodules(&self, commit: Oid) -> Result<Vec<String>> {
        let repo = self.open()?;
        let tree = tree_of(&repo, commit)?;
        let mut paths = Vec::new();
        // Without this file no submodule could be populated anywhere.
        if tree.get_name(".gitmodules").is_none() {
            return Ok(paths);
        }
        let walked = tree.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.kind() == Some(git2::ObjectType::Commit) {
                let name = String::from_utf8_lossy(entry.name_bytes());
                paths.push(format!("{folder}{name}"));
            }
            git2::TreeWalkResult::Ok
        });
        walked.during(format!("read the tree of {commit}"))?;
        Ok(paths)
    }

    /// The author as git would choose it for a commit here, but never one made up from the host name.
    ///
    /// # Errors
    /// `Refused` with the commands that set it when none is configured.
    pub(crate) fn identity(&self) -> Result<Identity> {
        let mut command = self.command().args(["-c", "user.useConfigOnly=true"]);
        for name in ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"] {
            if let Some(value) = std::env::var_os(name) {
                command = command.env(name, value);
            }
        }
        let mut command = command.args(["var", "GIT_AUTHOR_IDENT"]);
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let identity = text.rsplit_once("> ").and_then(|(person, _)| {
            let (name, email) = person.split_once(" <")?;
            (!name.is_empty() && !email.is_empty()).then(|| Identity {
                name: name.to_owned(),
                email: email.to_owned(),
            })
        });
        identity.filter(|_| output.success()).ok_or_else(|| {
            Error::new(
                ErrorKind::Refused,
                format!(
                    "git knows no author for commits in {}",
                    self.common_dir.display()
                ),
            )
            .with_help("run `git config user.name NAME` and `git config user.email ADDRESS`")
        })
    }

    /// Moves one of Aura's refs (`refs/heads/story/*`, `refs/aura/*`) from `old` (`None`: must not
    /// exist) to `new` by compare-and-swap. The objects of `new` must be there already.
    ///
    /// # Errors
    /// `Refused` for any other name; `Git` when the ref cannot be written.
    pub(crate) fn move_ref(&self, name: &str, old: Option<Oid>, new: Oid) -> Result<RefMove> {
        refuse_foreign_name(name)?;
        if let Some(branch) = name.strip_prefix("refs/heads/")
            && self.read_ref(name)? != Some(new)
            && let Some(checkout) = self.checkouts(branch)?.into_iter().next()
        {
            return Ok(RefMove::CheckedOut(checkout.path));
        }
        self.compare_and_swap(name, old, new)
    }

    /// Deletes one of Aura's refs when it still has the value `old`; gone already is fine.
    pub(crate) fn delete_ref(&self, name: &str, old: Oid) -> Result<RefMove> {
        refuse_foreign_name(name)?;
        let output = self
            .command()
            .args(["update-ref", "-d", name, &old.to_string()])
            .output()?;
        match self.read_ref(name)? {
            None if output.success() => Ok(RefMove::Moved),
            None => Ok(RefMove::AlreadyThere),
            actual => Ok(RefMove::Foreign(actual)),
        }
    }

    pub(super) fn compare_and_swap(
        &self,
        name: &str,
        old: Option<Oid>,
        new: Oid,
    ) -> Result<RefMove> {
        let repo = self.open()?;
        let moved = match old {
            Some(old) => swap(&repo, name, old, new)?,
            None => self.create_ref(&repo, name, new)?,
        };
        if moved == RefMove::Moved {
            // A ref file that was made by a rename can be empty after a power cut unless it is flushed.
            let file = self.common_dir.join(name);
            drop(std::fs::File::open(file).and_then(|file| file.sync_all()));
        }
        Ok(moved)
    }

    /// Libgit2 looks for an existing ref before it takes the lock, so that several creators can all succeed; git does not.
    fn create_ref(&self, repo: &Repository, name: &str, new: Oid) -> Result<RefMove> {
        let zero = Oid::ZERO_SHA1.to_string();
        let mut command =
            self.command()
                .args(["update-ref", "-m", "aura", name, &new.to_string(), &zero]);
        let output = command.output()?;
        if output.success() {
            return Ok(RefMove::Moved);
        }
        match read_ref(repo, name)? {
            Some(actual) if actual == new => Ok(RefMove::AlreadyThere),
            Some(actual) => Ok(RefMove::Foreign(Some(actual))),
            None => Err(command.failed(&output)),
        }
    }

    /// All refs that are not Aura's with the objects they name, for reports of what changed.
    pub(crate) fn foreign_refs(&self) -> Result<std::collections::BTreeMap<String, String>> {
        let output = self
            .command()
            .args([
                "for-each-ref",
                "--format=%(refname)%00%(objectname)%00%(symref)",
            ])
            .text()?;
        Ok(output
            .lines()
            .filter_map(|line| line.split_once('\0'))
            .filter(|(name, _)| !is_own_name(name))
            .map(|(name, value)| (name.to_owned(), value.replace('\0', " ").trim().to_owned()))
            .collect())
    }
}

const PARTIAL: (&str, &str) = (
    "a partial clone",
    "clone it again without --filter, or fetch everything with `git fetch --refetch`",
);

fn not_a_repository(path: &Path, stderr: &str) -> Error {
    let unsupported = [
        "unknown repository extension",
        "unknown ref storage",
        "unknown object format",
    ];
    if unsupported.iter().any(|words| stderr.contains(words)) {
        return Error::new(
            ErrorKind::UnsupportedRepository,
            format!(
                "the repository at {} has a form that git here cannot read: {stderr}",
                path.display()
            ),
        )
        .with_help("Aura needs SHA-1 object names and refs in files");
    }
    if stderr.contains("not a git repository") {
        return Error::new(
            ErrorKind::NotFound,
            format!("{} is not inside a git repository", path.display()),
        )
        .with_help(
            "name a directory inside a repository, or run `git init` and make a first commit",
        );
    }
    Error::new(
        ErrorKind::Git,
        format!("git refuses the repository at {}: {stderr}", path.display()),
    )
}

/// Whether a ref belongs to Aura in the user's repository.
pub(super) fn is_own_name(name: &str) -> bool {
    name.starts_with("refs/heads/story/") || name.starts_with("refs/aura/")
}

fn refuse_foreign_name(name: &str) -> Result<()> {
    if is_own_name(name) && git2::Reference::is_valid_name(name) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Refused,
        format!("{name} is not a ref that Aura may move"),
    ))
}

/// The object that a ref names in the end.
pub(super) fn read_ref(repo: &Repository, name: &str) -> Result<Option<Oid>> {
    match repo.refname_to_id(name) {
        Ok(id) => Ok(Some(id)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error).during(format!("read {name}")),
    }
}

/// Moves a ref only when it has the old value (`None`: does not exist).
fn swap(repo: &Repository, name: &str, old: Oid, new: Oid) -> Result<RefMove> {
    let actual = read_ref(repo, name)?;
    if actual == Some(new) {
        return Ok(RefMove::AlreadyThere);
    }
    if actual != Some(old) {
        return Ok(RefMove::Foreign(actual));
    }
    let written = waiting_for_locks(|| {
        repo.reference_matching(name, new, true, old, "aura")
            .map(drop)
    });
    match written {
        Ok(()) => Ok(RefMove::Moved),
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::Exists) => {
            let actual = read_ref(repo, name)?;
            if actual == Some(new) {
                return Ok(RefMove::AlreadyThere);
            }
            Ok(RefMove::Foreign(actual))
        }
        Err(error) => Err(error).during(format!("move {name} to {new}")),
    }
}
