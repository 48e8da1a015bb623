//! A small repository of a user, and words to work with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use git2::Oid;

use crate::git::seal::Sealed;
use crate::git::workspace::Workspace;
use crate::git::{AuraRepo, CommitText, Identity, SealOutcome, SealRequest, UserRepo};

/// The time of every commit that Aura makes in tests.
pub(super) const TIME: i64 = 1_700_000_000;

/// A user's repository with a few files on `main`, and room beside it.
pub(super) struct World {
    directory: tempfile::TempDir,
    pub(super) root: PathBuf,
}

impl World {
    pub(super) fn new() -> Self {
        let world = Self::empty();
        write(&world.root, ".gitignore", "target/\n*.log\n.env\n");
        write(&world.root, "src/a.txt", lines("a", 30));
        write(&world.root, "src/b.txt", lines("b", 30));
        write(&world.root, "docs/guide.md", lines("guide", 10));
        commit_all(&world.root, "start");
        world
    }

    /// Without a commit.
    pub(super) fn empty() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let top = std::fs::canonicalize(directory.path()).expect("resolve");
        let root = top.join("app");
        init(&root);
        Self { directory, root }
    }

    pub(super) fn beside(&self, name: &str) -> PathBuf {
        std::fs::canonicalize(self.directory.path())
            .expect("resolve")
            .join(name)
    }

    pub(super) fn user(&self) -> UserRepo {
        UserRepo::discover(&self.root).expect("a supported repository")
    }

    pub(super) fn aura(&self) -> AuraRepo {
        AuraRepo::open_or_create(&self.user()).expect("Aura's repository")
    }

    pub(super) fn head(&self) -> Oid {
        rev(&self.root, "HEAD")
    }

    /// A fresh workspace on the user's HEAD.
    pub(super) fn workspace(&self, aura: &AuraRepo, name: &str) -> Workspace {
        self.workspace_at(aura, name, self.head())
    }

    pub(super) fn workspace_at(&self, aura: &AuraRepo, name: &str, base: Oid) -> Workspace {
        let path = self.beside("app-worktrees").join(name);
        aura.add_workspace(
            &path,
            base,
            &format!("refs/aura/salvage/{name}"),
            |_| Ok(()),
        )
        .expect("a workspace")
    }

    /// A commit in Aura's repository on `base` with these files changed (`None`: deleted).
    pub(super) fn change(
        &self,
        aura: &AuraRepo,
        name: &str,
        base: Oid,
        files: &[(&str, Option<&str>)],
    ) -> Oid {
        let workspace = self.workspace_at(aura, name, base);
        for (file, content) in files {
            match content {
                Some(content) => write(&workspace.path, file, content),
                None => std::fs::remove_file(workspace.path.join(file)).expect("delete"),
            }
        }
        let sealed = seal(
            aura,
            &workspace.path,
            base,
            &format!("refs/aura/attempts/{name}"),
        );
        drop(aura.remove_workspace(
            &workspace.path,
            Some(sealed.commit),
            "refs/aura/salvage/none",
        ));
        sealed.commit
    }
}

pub(super) fn init(root: &Path) {
    std::fs::create_dir_all(root).expect("create");
    git(root, &["init", "--quiet", "--initial-branch=main"]);
    configure(root);
}

pub(super) fn configure(root: &Path) {
    for (key, value) in [
        ("user.name", "Uma User"),
        ("user.email", "uma@example.org"),
        ("core.autocrlf", "false"),
        ("commit.gpgSign", "false"),
    ] {
        git(root, &["config", key, value]);
    }
}

pub(super) fn identity() -> Identity {
    Identity {
        name: "Uma User".to_owned(),
        email: "uma@example.org".to_owned(),
    }
}

pub(super) fn text<'a>(message: &'a str, author: &'a Identity) -> CommitText<'a> {
    CommitText {
        message,
        author,
        time: TIME,
    }
}

pub(super) fn try_seal(aura: &AuraRepo, path: &Path, base: Oid, refs: &str) -> SealOutcome {
    let author = identity();
    aura.seal(&SealRequest {
        path,
        base,
        text: text("a task\n\nAura-Task: one\n", &author),
        refs,
        known_ignored: &std::collections::BTreeSet::new(),
        declared: None,
    })
    .expect("sealing works")
}

pub(super) fn seal(aura: &AuraRepo, path: &Path, base: Oid, refs: &str) -> Sealed {
    match try_seal(aura, path, base, refs) {
        SealOutcome::Sealed(sealed) => sealed,
        other => panic!("not sealed: {other:?}"),
    }
}

/// Runs git as a person would, with settings of its own only; panics when it fails.
pub(super) fn git(directory: &Path, args: &[&str]) -> String {
    let (success, output) = try_git(directory, args);
    assert!(success, "git {args:?} in {}: {output}", directory.display());
    output
}

pub(super) fn try_git(directory: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "1699999999 +0000")
        .env("GIT_COMMITTER_DATE", "1699999999 +0000")
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .output()
        .expect("git runs");
    let mut text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() {
        text.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    (output.status.success(), text)
}

pub(super) fn rev(directory: &Path, name: &str) -> Oid {
    Oid::from_str(&git(directory, &["rev-parse", "--verify", name])).expect("an object id")
}

pub(super) fn write(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("create");
    std::fs::write(path, content).expect("write");
}

pub(super) fn read(root: &Path, name: &str) -> String {
    String::from_utf8_lossy(&std::fs::read(root.join(name)).expect("read")).into_owned()
}

pub(super) fn commit_all(root: &Path, message: &str) -> Oid {
    git(root, &["add", "--all"]);
    git(root, &["commit", "--quiet", "--allow-empty", "-m", message]);
    rev(root, "HEAD")
}

/// `count` lines that each name the file.
pub(super) fn lines(name: &str, count: usize) -> String {
    (1..=count)
        .map(|number| format!("{name} line {number}\n"))
        .collect()
}

/// The same lines with one replaced.
pub(super) fn edited(name: &str, count: usize, number: usize, replacement: &str) -> String {
    lines(name, count).replace(
        &format!("{name} line {number}\n"),
        &format!("{replacement}\n"),
    )
}

/// Every byte that belongs to the user below `top`: work files and all of git's administration but
/// object files, Aura's own directory, and Aura's refs.
pub(super) fn everything(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(top, Path::new(""), &mut found);
    found
}

fn collect(top: &Path, below: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(top.join(below)).expect("read") {
        let entry = entry.expect("entry");
        let relative = below.join(entry.file_name());
        let text = relative.to_string_lossy().into_owned();
        let is_objects = text.ends_with("objects") && entry.path().join("info").is_dir();
        let own = text.ends_with("/aura") || text.ends_with("refs/heads/story") || text == "aura";
        if is_objects || own {
            continue;
        }
        let kind = entry.file_type().expect("type");
        if kind.is_dir() {
            found.insert(relative.clone(), Vec::new());
            collect(top, &relative, found);
        } else if kind.is_symlink() {
            let target = std::fs::read_link(entry.path()).expect("link");
            found.insert(relative, target.into_os_string().into_encoded_bytes());
        } else {
            found.insert(relative, std::fs::read(entry.path()).expect("read"));
        }
    }
}

/// Asserts that nothing of the user's changed, naming what did.
pub(super) fn assert_untouched(
    before: &BTreeMap<PathBuf, Vec<u8>>,
    after: &BTreeMap<PathBuf, Vec<u8>>,
    context: &str,
) {
    let changed: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|path| before.get(*path) != after.get(*path))
        .collect();
    assert!(changed.is_empty(), "{context}: {changed:?} changed");
}
