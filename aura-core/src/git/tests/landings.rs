//! Building and applying landings, and finishing interrupted ones.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::Oid;

use super::kit::*;
use crate::error::ErrorKind;
use crate::git::{
    AuraRepo, Fingerprint, InterruptedLanding, LandRequest, LandResult, LandShape, Landing,
    LandingPlace, UserRepo,
};

/// A story of two commits, published: an edit, an addition, a deletion and an executable.
struct Ready {
    world: World,
    user: UserRepo,
    aura: AuraRepo,
    fingerprint: Fingerprint,
    old: Oid,
    new: Oid,
}

impl Ready {
    fn new() -> Self {
        let world = World::new();
        let old = world.head();
        let user = world.user();
        let fingerprint = user.fingerprint().expect("a fingerprint");
        let aura = world.aura();
        let first = world.change(&aura, "one", old, &[("src/a.txt", Some("landed\n"))]);
        let new = world.change(
            &aura,
            "two",
            first,
            &[
                ("added/deep/new.txt", Some("new\n")),
                ("docs/guide.md", None),
            ],
        );
        aura.publish(&user, new).expect("published");
        Self {
            world,
            user,
            aura,
            fingerprint,
            old,
            new,
        }
    }

    fn root(&self) -> &Path {
        &self.world.root
    }

    fn apply(&self) -> Landing {
        self.user
            .apply_landing("main", self.old, self.new, &self.fingerprint)
            .expect("an outcome")
    }

    fn recover(&self, since: SystemTime) -> Landing {
        let landing = InterruptedLanding {
            branch: "main",
            old: self.old,
            new: self.new,
            since,
        };
        self.user
            .recover_landing(landing, &self.fingerprint)
            .expect("an outcome")
    }

    fn assert_landed(&self, context: &str) {
        assert_eq!(rev(self.root(), "refs/heads/main"), self.new, "{context}");
        assert_eq!(read(self.root(), "src/a.txt"), "landed\n", "{context}");
        assert_eq!(
            read(self.root(), "added/deep/new.txt"),
            "new\n",
            "{context}"
        );
        assert!(!self.root().join("docs/guide.md").exists(), "{context}");
    }
}

fn parked_paths(landing: Landing) -> Vec<String> {
    match landing {
        Landing::Parked { paths, .. } => paths,
        other => panic!("not parked: {other:?}"),
    }
}

#[test]
fn a_branch_that_is_checked_out_nowhere_moves_by_compare_and_swap() {
    let ready = Ready::new();
    git(ready.root(), &["checkout", "--quiet", "--detach"]);
    write(
        ready.root(),
        "src/a.txt",
        "an edit that has nothing to do with main\n",
    );
    assert_eq!(
        ready.user.landing_place("main").expect("place"),
        LandingPlace::Ref
    );
    let before = git(ready.root(), &["status", "--porcelain"]);
    assert_eq!(ready.apply(), Landing::Landed);
    assert_eq!(rev(ready.root(), "refs/heads/main"), ready.new);
    assert_eq!(ready.apply(), Landing::AlreadyThere);
    assert_eq!(git(ready.root(), &["status", "--porcelain"]), before);
}

#[test]
fn a_checked_out_branch_is_fast_forwarded_and_unrelated_edits_stay() {
    let ready = Ready::new();
    write(ready.root(), "src/b.txt", "edited\n");
    write(ready.root(), "mine.txt", "untracked\n");
    write(ready.root(), "staged.txt", "staged\n");
    git(ready.root(), &["add", "staged.txt"]);
    let before = git(ready.root(), &["status", "--porcelain"]);
    let place = ready.user.landing_place("main").expect("place");
    assert_eq!(place, LandingPlace::Worktree(ready.world.root.clone()));
    assert_eq!(ready.apply(), Landing::Landed);
    ready.assert_landed("fast-forward");
    assert_eq!(git(ready.root(), &["status", "--porcelain"]), before);
    assert_eq!(ready.apply(), Landing::AlreadyThere);
}

#[test]
fn a_branch_in_a_linked_worktree_is_fast_forwarded_there() {
    let ready = Ready::new();
    git(ready.root(), &["checkout", "--quiet", "-b", "elsewhere"]);
    let linked = ready.world.beside("linked");
    git(
        ready.root(),
        &[
            "worktree",
            "add",
            "--quiet",
            &linked.to_string_lossy(),
            "main",
        ],
    );
    assert_eq!(ready.apply(), Landing::Landed);
    assert_eq!(read(&linked, "src/a.txt"), "landed\n");
    assert_eq!(read(ready.root(), "src/a.txt"), lines("a", 30));
    assert!(git(&linked, &["status", "--porcelain"]).is_empty());
}

#[test]
fn overlapping_edits_of_the_user_park_the_landing() {
    type Edit = fn(&Path);
    let table: &[(&str, Edit, &[&str])] = &[
        (
            "edited",
            |root| write(root, "src/a.txt", "mine\n"),
            &["src/a.txt"],
        ),
        (
            "staged",
            |root| {
                write(root, "src/a.txt", "mine\n");
                git(root, &["add", "src/a.txt"]);
            },
            &["src/a.txt"],
        ),
        (
            "untracked in the way",
            |root| write(root, "added/deep/new.txt", "mine\n"),
            &["added/deep/new.txt"],
        ),
        (
            "ignored in the way",
            |root| {
                write(root, ".git/info/exclude", "");
                write(root, ".gitignore", "added/\n");
                write(root, "added/deep/new.txt", "mine\n");
            },
            &["added/deep/new.txt"],
        ),
        (
            "deleted file edited",
            |root| write(root, "docs/guide.md", "mine\n"),
            &["docs/guide.md"],
        ),
        (
            "file where a directory comes",
            |root| write(root, "added", "mine\n"),
            &["added"],
        ),
        (
            "merge in progress",
            |root| {
                git(root, &["checkout", "--quiet", "-b", "x"]);
                write(root, "src/b.txt", "x\n");
                commit_all(root, "x");
                git(root, &["checkout", "--quiet", "main"]);
                git(root, &["merge", "--quiet", "--no-ff", "--no-commit", "x"]);
            },
            &[],
        ),
        (
            "git at work",
            |root| write(root, ".git/index.lock", ""),
            &[],
        ),
    ];
    for (name, edit, expected) in table {
        let ready = Ready::new();
        edit(ready.root());
        let mut ready = ready;
        ready.fingerprint = ready.user.fingerprint().expect("a fingerprint");
        let before = everything(ready.root());
        assert_eq!(&parked_paths(ready.apply()), expected, "{name}");
        assert_untouched(&before, &everything(ready.root()), name);
    }
}

#[test]
fn a_moved_target_is_foreign_and_a_changed_repository_refused() {
    let ready = Ready::new();
    let moved = commit_all(ready.root(), "somebody else");
    assert_eq!(ready.apply(), Landing::Foreign(Some(moved)));
    assert_eq!(rev(ready.root(), "main"), moved);

    let backwards = ready
        .user
        .apply_landing("main", ready.new, ready.old, &ready.fingerprint)
        .expect_err("not a descendant");
    assert_eq!(backwards.kind(), ErrorKind::InvalidInput);

    write(
        ready.root(),
        ".git/hooks/post-merge",
        "#!/bin/sh\ntouch /tmp/never\n",
    );
    let planted = ready
        .user
        .apply_landing("main", ready.old, ready.new, &ready.fingerprint)
        .expect_err("a hook was planted");
    assert_eq!(planted.kind(), ErrorKind::ForeignChange);
}

#[test]
fn a_branch_in_the_middle_of_a_rebase_is_left_alone() {
    let ready = Ready::new();
    git(ready.root(), &["checkout", "--quiet", "-b", "other"]);
    write(ready.root(), "src/b.txt", "other\n");
    commit_all(ready.root(), "other");
    git(ready.root(), &["checkout", "--quiet", "main"]);
    write(ready.root(), "src/b.txt", "main\n");
    let old = commit_all(ready.root(), "main");
    assert!(
        !try_git(ready.root(), &["rebase", "other"]).0,
        "the rebase stops"
    );
    let place = ready.user.landing_place("main").expect("place");
    assert!(matches!(place, LandingPlace::Blocked { .. }), "{place:?}");
    assert_eq!(rev(ready.root(), "refs/heads/main"), old);
}

/// Every half that a kill inside git's fast-forward leaves: files, then index, then branch.
#[test]
fn an_interrupted_landing_is_finished() {
    type Crash = fn(&Path, Oid);
    let table: &[(&str, Crash)] = &[
        ("before anything", |_, _| {}),
        ("lock taken", |root, _| write(root, ".git/index.lock", "")),
        ("a file deleted", |root, _| {
            write(root, ".git/index.lock", "");
            std::fs::remove_file(root.join("docs/guide.md")).expect("delete");
        }),
        ("a file removed to be written", |root, _| {
            write(root, ".git/index.lock", "");
            std::fs::remove_file(root.join("docs/guide.md")).expect("delete");
            std::fs::remove_file(root.join("src/a.txt")).expect("delete");
        }),
        ("a file partly written", |root, _| {
            write(root, ".git/index.lock", "");
            write(root, "src/a.txt", "land");
        }),
        ("files written", |root, new| {
            write(root, ".git/index.lock", "half an index");
            for file in ["src/a.txt", "added/deep/new.txt"] {
                let content = git(root, &["show", &format!("{new}:{file}")]);
                write(root, file, content + "\n");
            }
            std::fs::remove_file(root.join("docs/guide.md")).expect("delete");
        }),
        ("index written", |root, new| {
            git(root, &["read-tree", "-m", "-u", "HEAD", &new.to_string()]);
        }),
        ("branch locked", |root, new| {
            git(root, &["read-tree", "-m", "-u", "HEAD", &new.to_string()]);
            write(root, ".git/HEAD.lock", "");
            write(root, ".git/refs/heads/main.lock", "");
        }),
        ("branch moved", |root, new| {
            git(root, &["merge", "--quiet", "--ff-only", &new.to_string()]);
        }),
    ];
    for (name, crash) in table {
        let ready = Ready::new();
        write(ready.root(), "src/b.txt", "the user's edit\n");
        write(ready.root(), "mine.txt", "untracked\n");
        let since = SystemTime::now();
        crash(ready.root(), ready.new);
        let landing = ready.recover(since);
        assert!(
            matches!(landing, Landing::Landed | Landing::AlreadyThere),
            "{name}: {landing:?}"
        );
        ready.assert_landed(name);
        let status = git(ready.root(), &["status", "--porcelain"]);
        assert_eq!(status, "M src/b.txt\n?? mine.txt", "{name}");
        assert!(
            matches!(ready.recover(since), Landing::AlreadyThere),
            "{name}: again"
        );
    }
}

#[test]
fn an_interrupted_landing_with_foreign_content_is_not_touched() {
    type Crash = fn(&Path, Oid);
    let table: &[(&str, Crash, &[&str])] = &[
        (
            "edited meanwhile",
            |root, _| {
                write(root, ".git/index.lock", "");
                std::fs::remove_file(root.join("docs/guide.md")).expect("delete");
                write(root, "src/a.txt", "the user's own\n");
            },
            &["src/a.txt"],
        ),
        (
            "new file differs",
            |root, _| write(root, "added/deep/new.txt", "the user's own\n"),
            &["added/deep/new.txt"],
        ),
        (
            "staged meanwhile",
            |root, _| {
                let text = read(root, "src/a.txt");
                write(root, "src/a.txt", "the user's own\n");
                git(root, &["add", "src/a.txt"]);
                write(root, "src/a.txt", text);
            },
            &["src/a.txt"],
        ),
    ];
    for (name, crash, expected) in table {
        let ready = Ready::new();
        let since = SystemTime::now();
        crash(ready.root(), ready.new);
        let before = everything(ready.root());
        assert_eq!(&parked_paths(ready.recover(since)), expected, "{name}");
        assert_untouched(&before, &everything(ready.root()), name);
    }
}

#[test]
fn a_lock_that_is_old_or_in_use_is_not_ours() {
    let ready = Ready::new();
    write(ready.root(), ".git/index.lock", "");
    let later = SystemTime::now() + Duration::from_secs(60);
    assert!(parked_paths(ready.recover(later)).is_empty());
    assert!(ready.root().join(".git/index.lock").exists());

    if cfg!(target_os = "linux") {
        let lock = std::fs::File::open(ready.root().join(".git/index.lock")).expect("open");
        let since = SystemTime::now();
        assert!(
            parked_paths(ready.recover(since)).is_empty(),
            "somebody has it open"
        );
        assert!(ready.root().join(".git/index.lock").exists());
        drop(lock);
        assert_eq!(ready.recover(since), Landing::Landed);
    }
}

#[test]
fn a_landing_killed_at_any_moment_is_finished() {
    for number in 0..8_u32 {
        let ready = Ready::new();
        let mut files = Vec::new();
        for file in 0..200 {
            files.push((format!("many/{file}.txt"), lines("many", 50)));
        }
        let many: Vec<_> = files
            .iter()
            .map(|(name, text)| (name.as_str(), Some(text.as_str())))
            .collect();
        let new = ready.world.change(&ready.aura, "many", ready.new, &many);
        ready.aura.publish(&ready.user, new).expect("published");
        let ready = Ready { new, ..ready };
        let since = SystemTime::now();
        let mut child = std::process::Command::new("git")
            .current_dir(ready.root())
            .args([
                "-c",
                "core.hooksPath=/dev/null",
                "merge",
                "--quiet",
                "--ff-only",
                &new.to_string(),
            ])
            .spawn()
            .expect("git starts");
        // The moment is found by looking at how far git is, not by the clock.
        let enough = ready
            .root()
            .join("many")
            .join(format!("{}.txt", number * 25));
        while !enough.exists() && child.try_wait().expect("wait").is_none() {
            std::hint::spin_loop();
        }
        drop(child.kill());
        child.wait().expect("waited");
        let landing = ready.recover(since);
        assert!(
            matches!(landing, Landing::Landed | Landing::AlreadyThere),
            "{number}: {landing:?}"
        );
        ready.assert_landed("killed");
        assert!(
            git(ready.root(), &["status", "--porcelain"]).is_empty(),
            "{number}"
        );
    }
}

fn build(ready: &Ready, shape: LandShape, target: Oid) -> LandResult {
    let author = identity();
    ready
        .aura
        .build_landing(&LandRequest {
            shape,
            base: ready.old,
            accepted: ready.new,
            target,
            text: text("the story\n", &author),
            reference: "refs/aura/land/s",
        })
        .expect("built")
}

#[test]
fn results_have_the_asked_shape_on_a_target_that_stood_still_or_moved() {
    let ready = Ready::new();
    write(ready.root(), "src/b.txt", "moved on\n");
    let moved = commit_all(ready.root(), "target moved");
    ready
        .aura
        .refresh_commit(&ready.user, moved)
        .expect("arrived");
    // Per case: shape, target, commits after the target, parents of the result.
    let table = [
        (
            LandShape::Linear,
            ready.old,
            2,
            vec![git(
                ready.aura.dir(),
                &["rev-parse", &format!("{}^", ready.new)],
            )],
        ),
        (LandShape::Linear, moved, 2, Vec::new()),
        (
            LandShape::MergeCommit,
            ready.old,
            3,
            vec![ready.old.to_string(), ready.new.to_string()],
        ),
        (
            LandShape::MergeCommit,
            moved,
            3,
            vec![moved.to_string(), ready.new.to_string()],
        ),
        (LandShape::Squash, ready.old, 1, vec![ready.old.to_string()]),
        (LandShape::Squash, moved, 1, vec![moved.to_string()]),
    ];
    for (shape, target, commits, parents) in table {
        let context = format!("{shape:?} on {target}");
        let LandResult::Built(result) = build(&ready, shape, target) else {
            panic!("{context}: not built")
        };
        assert_eq!(
            aura_ref(&ready, "refs/aura/land/s"),
            Some(result),
            "{context}"
        );
        let range = format!("{target}..{result}");
        assert_eq!(
            git(ready.aura.dir(), &["rev-list", "--count", &range]),
            commits.to_string(),
            "{context}"
        );
        let found = git(
            ready.aura.dir(),
            &["show", "-s", "--format=%P", &result.to_string()],
        );
        if !parents.is_empty() {
            assert_eq!(found, parents.join(" "), "{context}");
        }
        let changed = ready.aura.changed_paths(target, result).expect("compared");
        assert_eq!(
            changed,
            ["added/deep/new.txt", "docs/guide.md", "src/a.txt"],
            "{context}"
        );
        if shape == LandShape::Linear && target == ready.old {
            assert_eq!(result, ready.new, "the gated commit itself");
        }
        assert_eq!(
            build(&ready, shape, target),
            LandResult::Built(result),
            "{context}: again"
        );
    }
    assert_eq!(
        build(&ready, LandShape::Linear, ready.new),
        LandResult::Nothing
    );
}

fn aura_ref(ready: &Ready, name: &str) -> Option<Oid> {
    ready.aura.read_ref(name).expect("read")
}

#[test]
fn a_conflict_with_the_target_names_the_paths() {
    let ready = Ready::new();
    write(ready.root(), "src/a.txt", edited("a", 30, 1, "target"));
    let moved = commit_all(ready.root(), "target moved");
    ready
        .aura
        .refresh_commit(&ready.user, moved)
        .expect("arrived");
    for shape in [LandShape::Linear, LandShape::MergeCommit, LandShape::Squash] {
        let paths = vec!["src/a.txt".to_owned()];
        assert_eq!(
            build(&ready, shape, moved),
            LandResult::Conflict { paths },
            "{shape:?}"
        );
    }
    assert_eq!(aura_ref(&ready, "refs/aura/land/s"), None);
}

#[test]
fn a_target_that_has_the_change_already_gets_nothing_twice() {
    let ready = Ready::new();
    write(ready.root(), "src/a.txt", "landed\n");
    let moved = commit_all(ready.root(), "the first half by hand");
    ready
        .aura
        .refresh_commit(&ready.user, moved)
        .expect("arrived");
    let LandResult::Built(result) = build(&ready, LandShape::Linear, moved) else {
        panic!("the second half is left")
    };
    let range = format!("{moved}..{result}");
    assert_eq!(git(ready.aura.dir(), &["rev-list", "--count", &range]), "1");
}

#[test]
fn symbolic_links_and_modes_survive_recovery() {
    if cfg!(unix) {
        let ready = Ready::new();
        let path: PathBuf = ready
            .world
            .workspace_at(&ready.aura, "links", ready.new)
            .path;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::os::unix::fs::symlink("a.txt", path.join("src/link")).expect("link");
            let executable = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(path.join("src/b.txt"), executable).expect("chmod");
        }
        let new = seal(&ready.aura, &path, ready.new, "refs/aura/attempts/links").commit;
        ready.aura.publish(&ready.user, new).expect("published");
        let ready = Ready { new, ..ready };
        let since = SystemTime::now();
        git(
            ready.root(),
            &["read-tree", "-m", "-u", "HEAD", &new.to_string()],
        );
        assert_eq!(ready.recover(since), Landing::Landed);
        assert!(git(ready.root(), &["status", "--porcelain"]).is_empty());
        assert!(ready.root().join("src/link").is_symlink());
    }
}
