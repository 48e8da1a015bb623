//! The ground under the behaviour tests: a snapshot notices whatever happens to a user's repository.

use std::fs;

use aura_tests::{Starting, TempRepo};

type Change = fn(&TempRepo);

/// Something done to a repository, and what the snapshot must say of it.
const CHANGES: &[(&str, Starting, Change, &str)] = &[
    (
        "a tracked file",
        Starting::Clean,
        |repo| repo.write("README.md", "x"),
        "changed: file app/README.md",
    ),
    (
        "an untracked file changed",
        Starting::UntrackedAndIgnored,
        |repo| repo.write("notes.txt", "x"),
        "changed: file app/notes.txt",
    ),
    (
        "an ignored file changed",
        Starting::UntrackedAndIgnored,
        |repo| repo.write("cache/object.bin", "x"),
        "changed: file app/cache/object.bin",
    ),
    (
        "an ignored file deleted",
        Starting::UntrackedAndIgnored,
        |repo| fs::remove_file(repo.path().join("debug.log")).expect("it exists"),
        "gone: file app/debug.log",
    ),
    (
        "a new file",
        Starting::Clean,
        |repo| repo.write("new.txt", "x"),
        "new: file app/new.txt",
    ),
    (
        "an empty directory",
        Starting::Clean,
        |repo| fs::create_dir(repo.path().join("empty")).expect("new"),
        "new: file app/empty (empty directory)",
    ),
    (
        "an unstaged change lost",
        Starting::Dirty,
        |repo| {
            repo.git(["checkout", "--", "README.md"]);
        },
        "changed: file app/README.md",
    ),
    (
        "staged",
        Starting::Dirty,
        |repo| {
            repo.git(["add", "README.md"]);
        },
        "changed: index app/README.md (0)",
    ),
    (
        "unstaged",
        Starting::Staged,
        |repo| {
            repo.git(["reset", "--quiet"]);
        },
        "gone: index app/new.txt (0)",
    ),
    (
        "assumed unchanged",
        Starting::Clean,
        |repo| {
            repo.git(["update-index", "--assume-unchanged", "README.md"]);
        },
        "changed: index app/README.md (0): H 100644",
    ),
    (
        "a commit",
        Starting::Clean,
        |repo| {
            repo.write("a", "");
            repo.commit("third");
        },
        "changed: ref refs/heads/main",
    ),
    (
        "a new branch",
        Starting::Clean,
        |repo| {
            repo.git(["branch", "topic"]);
        },
        "new: ref refs/heads/topic",
    ),
    (
        "a tag",
        Starting::Clean,
        |repo| {
            repo.git(["tag", "v1"]);
        },
        "new: ref refs/tags/v1",
    ),
    (
        "a branch deleted",
        Starting::MergeInProgress,
        |repo| {
            repo.git(["branch", "-D", "other"]);
        },
        "gone: ref refs/heads/other",
    ),
    (
        "another branch checked out",
        Starting::Clean,
        |repo| {
            repo.git(["checkout", "--quiet", "-b", "topic"]);
        },
        "changed: git app/HEAD",
    ),
    (
        "HEAD attached",
        Starting::Detached,
        |repo| {
            repo.git(["checkout", "--quiet", "main"]);
        },
        "changed: git app/HEAD",
    ),
    (
        "HEAD moved away and back",
        Starting::Clean,
        |repo| {
            repo.git(["checkout", "--quiet", "HEAD~1"]);
            repo.git(["checkout", "--quiet", "main"]);
        },
        "changed: git app/logs/HEAD",
    ),
    (
        "a stash dropped",
        Starting::Stash,
        |repo| {
            repo.git(["stash", "drop", "--quiet", "stash@{1}"]);
        },
        "gone: stash stash@{1}",
    ),
    (
        "a stash pushed",
        Starting::Dirty,
        |repo| {
            repo.git(["stash", "push", "--quiet"]);
        },
        "new: stash stash@{0}",
    ),
    (
        "configuration",
        Starting::Clean,
        |repo| {
            repo.git(["config", "core.hooksPath", "x"]);
        },
        "changed: git config",
    ),
    (
        "a hook",
        Starting::Clean,
        |repo| repo.write(".git/hooks/pre-commit", "#!/bin/sh\n"),
        "new: git hooks/pre-commit",
    ),
    (
        "attributes",
        Starting::Clean,
        |repo| repo.write(".git/info/attributes", "* filter=x\n"),
        "new: git info/attributes",
    ),
    (
        "a merge given up",
        Starting::MergeInProgress,
        |repo| {
            repo.git(["merge", "--abort"]);
        },
        "gone: operation app MERGE_HEAD",
    ),
    (
        "a conflict resolved",
        Starting::MergeInProgress,
        |repo| {
            repo.git(["add", "src/lib.txt"]);
        },
        "gone: index app/src/lib.txt (2)",
    ),
    (
        "a rebase given up",
        Starting::RebaseInProgress,
        |repo| {
            repo.git(["rebase", "--abort"]);
        },
        "gone: operation app rebase-merge/head-name",
    ),
    (
        "a first commit",
        Starting::Unborn,
        |repo| {
            repo.commit("first");
        },
        "new: ref refs/heads/main",
    ),
    (
        "a ref of a bare repository",
        Starting::Bare,
        |repo| {
            repo.git(["update-ref", "refs/heads/main", "HEAD~1"]);
        },
        "changed: ref refs/heads/main",
    ),
    (
        "a worktree added",
        Starting::Clean,
        |repo| {
            repo.git(["worktree", "add", "--quiet", "--detach", "../more"]);
        },
        "new: linked worktree more",
    ),
    (
        "the linked worktree",
        Starting::LinkedWorktree,
        |repo| repo.write("README.md", "x"),
        "changed: file linked/README.md",
    ),
    (
        "the main worktree behind a linked one",
        Starting::LinkedWorktree,
        |repo| repo.write("../app/README.md", "x"),
        "changed: file app/README.md",
    ),
    (
        "a submodule's file",
        Starting::Submodule,
        |repo| repo.write("vendor/library/library.txt", "x"),
        "changed: file app/vendor/library/library.txt",
    ),
    (
        "a submodule's branch",
        Starting::Submodule,
        |repo| {
            repo.git(["-C", "vendor/library", "branch", "topic"]);
        },
        "new: submodule modules/vendor/library/refs/heads/topic",
    ),
    (
        "more checked out",
        Starting::Sparse,
        |repo| {
            repo.git(["sparse-checkout", "disable"]);
        },
        "new: file app/docs/guide.md",
    ),
    (
        "deepened",
        Starting::Shallow,
        |repo| {
            repo.git(["fetch", "--quiet", "--unshallow"]);
        },
        "gone: git shallow",
    ),
    (
        "a lock left over",
        Starting::Clean,
        |repo| repo.write(".git/index.lock", ""),
        "new: lock",
    ),
];

#[test]
fn a_snapshot_notices_each_kind_of_change() {
    for (name, starting, change, expected) in CHANGES {
        let repo = TempRepo::new(*starting);
        let before = repo.snapshot();
        change(&repo);
        let difference = before.difference(&repo.snapshot());
        assert!(
            difference.iter().any(|line| line.starts_with(expected)),
            "{name}: no `{expected}` in {difference:#?}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_snapshot_notices_modes_and_links() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let repo = TempRepo::clean();
    let before = repo.snapshot();
    let script = repo.path().join("run.sh");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o644)).expect("a mode");
    symlink("README.md", repo.path().join("link")).expect("a link");
    assert_eq!(
        before.difference(&repo.snapshot()),
        [
            r##"changed: file app/run.sh: 755 "#!/bin/sh\n" -> 644 "#!/bin/sh\n""##,
            "new: file app/link (link to README.md)",
        ]
    );
}

/// Looking, taking another snapshot, and what belongs to Aura change nothing of the user's.
#[test]
fn a_snapshot_stays_the_same_in_every_starting_state() {
    for starting in Starting::ALL {
        let repo = TempRepo::new(starting);
        let before = repo.snapshot();
        assert!(!before.to_string().is_empty(), "{starting:?}");
        if starting != Starting::Bare {
            repo.git(["status"]);
            repo.git(["diff"]);
            // Rewrites the index with fresh times.
            repo.try_git(["update-index", "--refresh"]);
        }
        if starting != Starting::Unborn {
            repo.git(["update-ref", "refs/heads/story/x-000001", "HEAD"]);
            repo.git(["update-ref", "refs/aura/keep/x", "HEAD"]);
        }
        let blob = repo.git(["hash-object", "-w", "--stdin", "--no-filters"]);
        assert_eq!(blob.len(), 40);
        let later = repo.snapshot();
        assert_eq!(before.difference(&later), [""; 0], "{starting:?}");
        before.assert_unchanged(&later);
    }
}

#[test]
#[should_panic(expected = "changed: file app/README.md")]
fn a_change_of_the_users_is_a_panic_that_names_it() {
    let repo = TempRepo::clean();
    let before = repo.snapshot();
    repo.write("README.md", "x");
    before.assert_unchanged(&repo.snapshot());
}

/// Each state is what its name says, as git sees it.
#[test]
fn starting_states_are_what_they_are_called() {
    let cases: &[(Starting, &[&str], &str)] = &[
        (
            Starting::Clean,
            &["status", "--porcelain", "--branch"],
            "## main",
        ),
        (
            Starting::Dirty,
            &["status", "--porcelain"],
            " M README.md\n D docs/guide.md",
        ),
        (
            Starting::Staged,
            &["status", "--porcelain"],
            "MM README.md\n A later.txt\nA  new.txt",
        ),
        (
            Starting::UntrackedAndIgnored,
            &["status", "--porcelain", "--ignored"],
            "?? drafts/\n?? notes.txt\n!! cache/\n!! debug.log",
        ),
        (
            Starting::Stash,
            &["stash", "list", "--format=%gd"],
            "stash@{0}\nstash@{1}",
        ),
        (Starting::Detached, &["branch", "--show-current"], ""),
        (
            Starting::Bare,
            &["rev-parse", "--is-bare-repository"],
            "true",
        ),
        (
            Starting::MergeInProgress,
            &["status", "--porcelain"],
            "UU src/lib.txt",
        ),
        (
            Starting::RebaseInProgress,
            &["diff", "--name-only", "--diff-filter=U"],
            "src/lib.txt",
        ),
        (Starting::Unborn, &["status", "--porcelain"], "?? README.md"),
        (
            Starting::LinkedWorktree,
            &["branch", "--show-current"],
            "side",
        ),
        (
            Starting::Submodule,
            &["status", "--porcelain"],
            " M vendor/library",
        ),
        (Starting::Sparse, &["ls-files", "--deleted"], ""),
        (
            Starting::Shallow,
            &["rev-parse", "--is-shallow-repository"],
            "true",
        ),
    ];
    assert_eq!(cases.len(), Starting::ALL.len());
    for (starting, args, expected) in cases {
        let repo = TempRepo::new(*starting);
        assert_eq!(repo.git(args.iter().copied()), *expected, "{starting:?}");
    }
    assert!(!TempRepo::new(Starting::Sparse).path().join("docs").exists());
    assert_eq!(TempRepo::new(Starting::Unborn).rev("HEAD"), None);
}

#[test]
fn repositories_are_the_same_each_time() {
    assert_eq!(TempRepo::clean().head(), TempRepo::clean().head());
}
