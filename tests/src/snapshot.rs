//! What of a repository is the user's, written down so that two moments can be compared.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};

use crate::TempRepo;

/// Longest content that is written down as it is.
const SHORT: usize = 80;

/// Files and directories of a worktree's own git directory that hold an operation under way, or the way back from one.
const OPERATIONS: [&str; 13] = [
    "MERGE_HEAD",
    "MERGE_MSG",
    "MERGE_MODE",
    "AUTO_MERGE",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_LOG",
    "ORIG_HEAD",
    "FETCH_HEAD",
    "REBASE_HEAD",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
];

/// Content of every worktree, ignored and untracked files included; indices; HEADs and their logs; refs but for `refs/heads/story/` and
/// `refs/aura/`; stashes; configuration, hooks, `info/`; operations under way; submodules; leftover locks.
///
/// Times of files and the index's cache of them are left out, and so are objects: adding those changes nothing of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    pub(crate) fn take(repo: &TempRepo) -> Self {
        let mut snapshot = Self(BTreeMap::new());
        let common = absolute(repo, "--git-common-dir");
        for worktree in worktrees(repo) {
            snapshot.worktree(repo, &worktree);
        }
        let format = "--format=%(refname) %(objectname) %(symref)";
        for line in repo.git(["for-each-ref", format]).lines() {
            let (name, at) = line.split_once(' ').unwrap_or((line, ""));
            if !name.starts_with("refs/heads/story/") && !name.starts_with("refs/aura/") {
                snapshot.put("ref", name, at.trim_end().to_owned());
            }
        }
        let stashes = fs::read_to_string(common.join("logs/refs/stash")).unwrap_or_default();
        for (number, line) in stashes.lines().rev().enumerate() {
            snapshot.put("stash", &format!("stash@{{{number}}}"), line.to_owned());
        }
        for name in ["config", "shallow", "hooks", "info", "worktrees"] {
            snapshot.of_git_dir(&common, name);
        }
        snapshot.tree("submodule", &common, &common.join("modules"), &|path| {
            !path.ends_with("objects") && !path.ends_with("index")
        });
        snapshot.locks(&common);
        snapshot
    }

    fn put(&mut self, kind: &str, name: &str, what: String) {
        self.0.insert(format!("{kind} {name}"), what);
    }

    fn worktree(&mut self, repo: &TempRepo, root: &Path) {
        let place = root
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let at = root.to_string_lossy().into_owned();
        let git = |args: &[&str]| {
            let all = ["-C", &at].into_iter().chain(args.iter().copied());
            repo.git(all)
        };
        let own = PathBuf::from(git(&["rev-parse", "--absolute-git-dir"]));
        for name in [
            "HEAD",
            "logs/HEAD",
            "config.worktree",
            "info/sparse-checkout",
        ] {
            let path = own.join(name);
            if path.exists() {
                self.put("git", &format!("{place}/{name}"), describe(&path));
            }
        }
        for name in OPERATIONS {
            let path = own.join(name);
            self.tree(&format!("operation {place}"), &own, &path, &|_| true);
        }
        if git(&["rev-parse", "--is-bare-repository"]) == "true" {
            return;
        }
        // `-v` tells entries that are assumed unchanged or skipped by their letter.
        for line in git(&["ls-files", "--stage", "-v", "--full-name"]).lines() {
            let (entry, path) = line.split_once('\t').unwrap_or((line, ""));
            let stage = entry.rsplit(' ').next().unwrap_or_default();
            self.put(
                "index",
                &format!("{place}/{path} ({stage})"),
                entry.to_owned(),
            );
        }
        let base = root.parent().unwrap_or(root);
        self.tree("file", base, root, &|path| !path.ends_with(".git"));
    }

    fn of_git_dir(&mut self, common: &Path, name: &str) {
        let path = common.join(name);
        if name == "worktrees" {
            // Each is described with its worktree; here it counts that nobody added one.
            for entry in entries(&path) {
                let name = entry.file_name().unwrap_or_default().to_string_lossy();
                self.put("linked worktree", &name, "registered".to_owned());
            }
        } else {
            self.tree("git", common, &path, &|_| true);
        }
    }

    fn locks(&mut self, dir: &Path) {
        for path in entries(dir) {
            if path
                .extension()
                .is_some_and(|extension| extension == "lock")
            {
                let name = path.to_string_lossy().into_owned();
                self.put("lock", &name, "left over".to_owned());
            } else if path.is_dir() && !path.ends_with("objects") && !path.ends_with("aura") {
                self.locks(&path);
            }
        }
    }

    /// Everything below `path`, named relative to `base`; nothing when there is no such path.
    fn tree(&mut self, kind: &str, base: &Path, path: &Path, keep: &dyn Fn(&Path) -> bool) {
        let Ok(metadata) = fs::symlink_metadata(path) else {
            return;
        };
        let name = path.strip_prefix(base).unwrap_or(path).to_string_lossy();
        if !metadata.is_dir() {
            self.put(kind, &name, describe(path));
            return;
        }
        let inside: Vec<PathBuf> = entries(path)
            .into_iter()
            .filter(|path| keep(path))
            .collect();
        if inside.is_empty() {
            self.put(kind, &name, "empty directory".to_owned());
        }
        for path in inside {
            self.tree(kind, base, &path, keep);
        }
    }

    /// What is different in a later one, a line for each thing; empty when nothing is.
    pub fn difference(&self, later: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (name, before) in &self.0 {
            match later.0.get(name) {
                None => lines.push(format!("gone: {name} (was {before})")),
                Some(after) if after != before => {
                    lines.push(format!("changed: {name}: {before} -> {after}"));
                }
                Some(_) => {}
            }
        }
        for (name, after) in &later.0 {
            if !self.0.contains_key(name) {
                lines.push(format!("new: {name} ({after})"));
            }
        }
        lines
    }

    /// Panics with the difference when there is one.
    #[track_caller]
    pub fn assert_unchanged(&self, later: &Self) {
        let difference = self.difference(later);
        assert!(
            difference.is_empty(),
            "the user's repository changed:\n{}",
            difference.join("\n")
        );
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(name, what)| writeln!(f, "{name}: {what}"))
    }
}

fn absolute(repo: &TempRepo, what: &str) -> PathBuf {
    PathBuf::from(repo.git(["rev-parse", "--path-format=absolute", what]))
}

/// Every worktree of the repository that exists, the main one first.
fn worktrees(repo: &TempRepo) -> Vec<PathBuf> {
    let list = repo.git(["worktree", "list", "--porcelain"]);
    let paths = list
        .lines()
        .filter_map(|line| line.strip_prefix("worktree "));
    paths
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect()
}

/// What is directly in a directory, in order.
fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths
}

/// Kind and content of a file: as it is when it is short text, else its length and a hash.
fn describe(path: &Path) -> String {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return "unreadable".to_owned();
    };
    if metadata.is_symlink() {
        let target = fs::read_link(path).unwrap_or_default();
        return format!("link to {}", target.display());
    }
    let mode = mode(&metadata);
    let Ok(content) = fs::read(path) else {
        return format!("{mode} unreadable");
    };
    match std::str::from_utf8(&content) {
        Ok(text) if text.len() <= SHORT => format!("{mode} {text:?}"),
        _ => {
            let mut hasher = DefaultHasher::new();
            hasher.write(&content);
            format!("{mode} {} bytes {:016x}", content.len(), hasher.finish())
        }
    }
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> String {
    use std::os::unix::fs::PermissionsExt;
    format!("{:o}", metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> String {
    format!("readonly={}", metadata.permissions().readonly())
}
