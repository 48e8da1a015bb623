//! Real git repositories, made by git without any of the machine's own configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::Snapshot;

/// What a person's repository may look like when a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Starting {
    /// Two commits on `main`, nothing else.
    Clean,
    /// Changes that are not staged, one of them a deletion.
    Dirty,
    /// Changes that are staged, some with further changes on top, and a new file that is only intended to be added.
    Staged,
    /// Files that git does not know, and files that it is told to ignore.
    UntrackedAndIgnored,
    /// Two stashes.
    Stash,
    /// HEAD names a commit, not a branch.
    Detached,
    /// No work tree at all.
    Bare,
    /// In the middle of a merge with a conflict.
    MergeInProgress,
    /// In the middle of a rebase with a conflict.
    RebaseInProgress,
    /// No commit yet, but a file.
    Unborn,
    /// A linked worktree on a branch of its own; the main worktree is elsewhere and dirty.
    LinkedWorktree,
    /// With a submodule, which has a change of its own.
    Submodule,
    /// Checked out in part.
    Sparse,
    /// Without its older history.
    Shallow,
}

impl Starting {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Clean,
        Self::Dirty,
        Self::Staged,
        Self::UntrackedAndIgnored,
        Self::Stash,
        Self::Detached,
        Self::Bare,
        Self::MergeInProgress,
        Self::RebaseInProgress,
        Self::Unborn,
        Self::LinkedWorktree,
        Self::Submodule,
        Self::Sparse,
        Self::Shallow,
    ];
}

/// A repository that is deleted when dropped, and everything beside it (worktrees, remotes) with it.
pub struct TempRepo {
    dir: TempDir,
    root: PathBuf,
}

impl TempRepo {
    /// A repository with two commits on `main` in the given state.
    pub fn new(starting: Starting) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("repo")
            .tempdir()
            .expect("a temporary directory");
        // Temporary directories are reached through a link on some systems; git prints the real path.
        let real = dir.path().canonicalize().expect("the directory exists");
        let repo = Self {
            root: real.join("app"),
            dir,
        };
        fs::create_dir_all(real.join("home")).expect("a home directory");
        fs::create_dir_all(&repo.root).expect("a directory");
        repo.git(["init", "--quiet", "--initial-branch=main"]);
        if starting == Starting::Unborn {
            repo.write("README.md", "# App\n");
            return repo;
        }
        repo.first_commits();
        repo.bring_into(starting, &real)
    }

    /// `new(Starting::Clean)`.
    pub fn clean() -> Self {
        Self::new(Starting::Clean)
    }

    fn first_commits(&self) {
        self.write("README.md", "# App\n");
        self.write("src/lib.txt", "one\ntwo\nthree\n");
        self.write("docs/guide.md", "Guide\n");
        self.write(".gitignore", "*.log\n/cache/\n");
        self.write("run.sh", "#!/bin/sh\n");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let executable = fs::Permissions::from_mode(0o755);
            fs::set_permissions(self.root.join("run.sh"), executable).expect("a mode");
        }
        self.commit("first");
        self.write("src/lib.txt", "one\ntwo\nthree\nfour\n");
        self.commit("second");
    }

    fn bring_into(mut self, starting: Starting, real: &Path) -> Self {
        match starting {
            Starting::Clean | Starting::Unborn => {}
            Starting::Dirty => {
                self.write("README.md", "# App, changed\n");
                fs::remove_file(self.root.join("docs/guide.md")).expect("it exists");
            }
            Starting::Staged => {
                self.write("README.md", "# App, staged\n");
                self.write("new.txt", "new\n");
                self.git(["add", "README.md", "new.txt"]);
                self.write("README.md", "# App, staged and changed\n");
                self.write("later.txt", "later\n");
                self.git(["add", "--intent-to-add", "later.txt"]);
            }
            Starting::UntrackedAndIgnored => {
                self.write("notes.txt", "notes\n");
                self.write("drafts/idea.txt", "idea\n");
                self.write("debug.log", "log\n");
                self.write("cache/object.bin", "\0\u{1}\n");
            }
            Starting::Stash => {
                for text in ["# Stashed\n", "# Stashed again\n"] {
                    self.write("README.md", text);
                    self.write("untracked.txt", text);
                    self.git(["stash", "push", "--quiet", "--include-untracked"]);
                }
            }
            Starting::Detached => {
                self.git(["checkout", "--quiet", "--detach", "HEAD~1"]);
            }
            Starting::Bare => {
                self.git(["clone", "--quiet", "--bare", ".", "../bare.git"]);
                self.root = real.join("bare.git");
            }
            Starting::MergeInProgress => {
                self.diverge();
                self.must_fail(["merge", "other"]);
            }
            Starting::RebaseInProgress => {
                self.diverge();
                self.must_fail(["rebase", "other"]);
            }
            Starting::LinkedWorktree => {
                self.git(["worktree", "add", "--quiet", "-b", "side", "../linked"]);
                self.write("README.md", "# Changed in the main worktree\n");
                self.root = real.join("linked");
            }
            Starting::Submodule => self.add_submodule(real),
            Starting::Sparse => {
                self.git(["sparse-checkout", "set", "src"]);
            }
            Starting::Shallow => {
                let url = format!("file://{}", self.root.display());
                self.git(["clone", "--quiet", "--depth=1", &url, "../shallow"]);
                self.root = real.join("shallow");
            }
        }
        self
    }

    /// A branch `other` that conflicts with `main` in `src/lib.txt`.
    fn diverge(&self) {
        self.git(["checkout", "--quiet", "-b", "other"]);
        self.write("src/lib.txt", "one\nTWO\nthree\nfour\n");
        self.commit("other");
        self.git(["checkout", "--quiet", "main"]);
        self.write("src/lib.txt", "one\n2\nthree\nfour\n");
        self.commit("third");
    }

    fn add_submodule(&self, real: &Path) {
        let library = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            root: real.join("library"),
        };
        fs::create_dir_all(&library.root).expect("a directory");
        library.git(["init", "--quiet", "--initial-branch=main"]);
        library.write("library.txt", "library\n");
        library.commit("library");
        let add = [
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "--quiet",
            "add",
        ];
        self.git(add.into_iter().chain(["../library", "vendor/library"]));
        self.commit("submodule");
        self.write("vendor/library/library.txt", "changed\n");
    }

    /// The user's checkout, or the bare repository.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The directory that the checkout, and whatever was made beside it, is in.
    pub fn surroundings(&self) -> &Path {
        self.root.parent().unwrap_or(self.dir.path())
    }

    /// A git command in the checkout that the machine's configuration, the caller's environment and the time of day do
    /// not change.
    pub fn command(&self) -> Command {
        hermetic(&self.root, &self.surroundings().join("home"))
    }

    /// Runs git and returns what it printed, without the newline at the end. Panics with what it said when it fails.
    pub fn git<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> String {
        let args: Vec<&str> = args.into_iter().collect();
        let output = self.try_git(args.iter().copied());
        assert!(
            output.status.success(),
            "git {}: {}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned()
    }

    /// Runs git, whatever comes of it.
    pub fn try_git<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Output {
        self.command().args(args).output().expect("git runs")
    }

    fn must_fail<'a>(&self, args: impl IntoIterator<Item = &'a str>) {
        assert!(!self.try_git(args).status.success(), "there is a conflict");
    }

    /// Writes a file of the checkout, and the directories above it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).expect("a directory");
        }
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The text of a file of the checkout.
    pub fn read(&self, path: &str) -> String {
        let path = self.root.join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Commits everything there is, ignored files excepted; the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(["add", "--all"]);
        self.git(["commit", "--quiet", "--message", message]);
        self.head()
    }

    /// The commit that HEAD stands at.
    pub fn head(&self) -> String {
        self.git(["rev-parse", "HEAD"])
    }

    /// The commit that a revision names, where there is one.
    pub fn rev(&self, revision: &str) -> Option<String> {
        let commit = format!("{revision}^{{commit}}");
        let output = self.try_git(["rev-parse", "--quiet", "--verify", &commit]);
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    /// The text of a file at a revision.
    pub fn show(&self, revision: &str, path: &str) -> String {
        let output = self.try_git(["show", &format!("{revision}:{path}")]);
        assert!(output.status.success(), "there is no {revision}:{path}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Everything of the repository that is the user's, to be compared with a later one.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(self)
    }
}

/// A git command that nothing outside of the repository changes.
fn hermetic(dir: &Path, home: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "A. User")
            .env(format!("GIT_{who}_EMAIL"), "user@example.com")
            .env(format!("GIT_{who}_DATE"), "2026-01-02T03:04:05Z");
    }
    command
        .current_dir(dir)
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_EDITOR", "true")
        .env("LC_ALL", "C");
    command
}
