//! Workspaces: made, adopted, healed, reset, moved and removed.

use std::path::Path;

use super::kit::*;
use crate::error::ErrorKind;
use crate::git::{Clean, GateTree, StoryMove, sweep_trash};

fn is_clean_at(path: &Path, commit: git2::Oid) -> bool {
    rev(path, "HEAD") == commit
        && git(path, &["status", "--porcelain"]).is_empty()
        && !try_git(path, &["symbolic-ref", "HEAD"]).0
}

#[test]
fn a_workspace_is_made_and_then_adopted() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let made = world.workspace(&aura, "task");
    assert!(!made.adopted && is_clean_at(&made.path, base));
    write(&made.path, "target/cache", "kept\n");
    let again = world.workspace(&aura, "task");
    assert!(again.adopted && again.salvaged.is_none());
    assert_eq!(read(&made.path, "target/cache"), "kept\n");
}

#[test]
fn caches_are_placed_before_files_are_written() {
    let world = World::new();
    let aura = world.aura();
    let path = world.beside("app-worktrees/task");
    let prepare = |path: &Path| {
        assert!(!path.join("src").exists(), "files come later");
        write(path, "target/cache", "old\n");
        Ok(())
    };
    let made = aura
        .add_workspace(&path, world.head(), "refs/aura/salvage/t", prepare)
        .expect("made");
    assert_eq!(read(&made.path, "target/cache"), "old\n");
    assert!(is_clean_at(&made.path, world.head()));
}

/// What killed calls and agents leave at the place of a workspace.
#[test]
fn remains_are_healed_and_unsaved_work_is_salvaged() {
    type Damage = fn(&Path, &Path);
    let table: &[(&str, Damage, bool)] = &[
        (
            "edits",
            |path, _| write(path, "src/a.txt", "edited\n"),
            true,
        ),
        ("untracked", |path, _| write(path, "new.txt", "new\n"), true),
        (
            "hidden edits",
            |path, _| {
                git(path, &["update-index", "--assume-unchanged", "src/a.txt"]);
                write(path, "src/a.txt", "hidden\n");
            },
            true,
        ),
        (
            "own commits",
            |path, _| {
                write(path, "x.txt", "x\n");
                commit_all(path, "own");
            },
            true,
        ),
        (
            "on a branch",
            |path, _| drop(git(path, &["checkout", "--quiet", "-b", "own"])),
            false,
        ),
        (
            "no link",
            |path, _| std::fs::remove_file(path.join(".git")).expect("delete"),
            false,
        ),
        (
            "a repository instead of the link",
            |path, _| {
                std::fs::remove_file(path.join(".git")).expect("delete");
                git(path, &["init", "--quiet"]);
                write(path, "new.txt", "new\n");
            },
            true,
        ),
        (
            "no directory",
            |path, _| std::fs::remove_dir_all(path).expect("delete"),
            false,
        ),
        (
            "empty directory",
            |path, admin| {
                std::fs::remove_dir_all(path).expect("delete");
                std::fs::create_dir(path).expect("create");
                std::fs::remove_file(admin.join("gitdir")).expect("delete");
            },
            false,
        ),
        (
            "half a checkout",
            |path, admin| {
                std::fs::remove_file(admin.join("aura-index")).expect("delete");
                std::fs::remove_dir_all(path.join("src")).expect("delete");
            },
            false,
        ),
        ("a lock", |_, admin| write(admin, "index.lock", ""), false),
        (
            "a broken index",
            |_, admin| write(admin, "index", "broken"),
            false,
        ),
        (
            "no registration",
            |_, admin| std::fs::remove_dir_all(admin).expect("delete"),
            false,
        ),
    ];
    for (name, damage, has_work) in table {
        let world = World::new();
        let aura = world.aura();
        let made = world.workspace(&aura, "task");
        damage(&made.path, &aura.dir().join("worktrees/task"));
        let again = world.workspace(&aura, "task");
        assert_eq!(again.salvaged.is_some(), *has_work, "{name}");
        assert!(is_clean_at(&again.path, world.head()), "{name}");
        let registered = std::fs::read_dir(aura.dir().join("worktrees"))
            .expect("read")
            .count();
        assert_eq!(registered, 1, "{name}");
    }
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    let world = World::new();
    let aura = world.aura();
    let path = world.beside("app-worktrees/task");
    write(&path, "thesis.txt", "years of work\n");
    let made = aura.add_workspace(&path, world.head(), "refs/aura/salvage/t", |_| Ok(()));
    assert_eq!(made.expect_err("refused").kind(), ErrorKind::Refused);
    let removed = aura.remove_workspace(&path, None, "refs/aura/salvage/t");
    assert_eq!(removed.expect_err("refused").kind(), ErrorKind::Refused);
    let users = aura.add_workspace(&world.root, world.head(), "refs/aura/salvage/t", |_| Ok(()));
    assert_eq!(users.expect_err("refused").kind(), ErrorKind::Refused);
    assert_eq!(read(&path, "thesis.txt"), "years of work\n");
}

#[test]
fn sixteen_workspaces_at_once_all_succeed() {
    let world = World::new();
    let aura = world.aura();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let (world, aura) = (&world, &aura);
            scope.spawn(move || {
                let made = world.workspace(aura, &format!("task-{number}"));
                assert!(is_clean_at(&made.path, world.head()));
            });
        }
    });
}

#[test]
fn a_reset_removes_all_traces_but_ignored_files() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let next = world.change(&aura, "first", base, &[("src/a.txt", Some("next\n"))]);
    let made = world.workspace(&aura, "task");
    let path = &made.path;
    write(path, "docs/guide.md", "own\n");
    commit_all(path, "own commit");
    git(path, &["checkout", "--quiet", "-b", "theirs", "HEAD~1"]);
    write(path, "docs/guide.md", "theirs\n");
    commit_all(path, "theirs");
    assert!(
        !try_git(path, &["merge", "HEAD@{2}"]).0,
        "a merge is left unfinished"
    );
    git(path, &["update-index", "--skip-worktree", "src/b.txt"]);
    write(path, "src/b.txt", "hidden\n");
    write(path, "junk/x.txt", "junk\n");
    write(path, "target/cache", "cache\n");
    git(path, &["init", "--quiet", "nested"]);
    write(&aura.dir().join("worktrees/task"), "index.lock", "");

    aura.reset_workspace(path, next, Clean::Untracked)
        .expect("reset");
    assert!(is_clean_at(path, next));
    assert_eq!(read(path, "src/a.txt"), "next\n");
    assert_eq!(read(path, "src/b.txt"), lines("b", 30));
    assert!(!path.join("junk").exists() && !path.join("nested").exists());
    assert_eq!(read(path, "target/cache"), "cache\n");

    aura.reset_workspace(path, base, Clean::Everything)
        .expect("reset");
    assert!(is_clean_at(path, base) && !path.join("target").exists());
    let missing = aura.reset_workspace(&world.beside("nowhere/x"), base, Clean::Untracked);
    assert_eq!(missing.expect_err("none there").kind(), ErrorKind::NotFound);
}

#[cfg(unix)]
#[test]
fn read_only_directories_are_removed_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let aura = world.aura();
    let made = world.workspace(&aura, "task");
    write(&made.path, "cache/mod/file.txt", "x\n");
    let locked = made.path.join("cache/mod");
    let read_only = std::fs::Permissions::from_mode(0o555);
    std::fs::set_permissions(&locked, read_only.clone()).expect("chmod");
    aura.reset_workspace(&made.path, world.head(), Clean::Untracked)
        .expect("reset");
    assert!(!locked.exists());

    write(&made.path, "target/mod/file.txt", "x\n");
    std::fs::set_permissions(made.path.join("target/mod"), read_only).expect("chmod");
    let removed = aura
        .remove_workspace(&made.path, None, "refs/aura/salvage/t")
        .expect("removed");
    removed
        .trash
        .expect("a directory")
        .delete()
        .expect("deleted");
}

#[test]
fn removal_salvages_what_is_nowhere_else() {
    let world = World::new();
    let aura = world.aura();
    let made = world.workspace(&aura, "task");
    write(&made.path, "src/a.txt", "edited\n");
    write(&made.path, "new/file.txt", "new\n");
    write(&made.path, "x.log", "ignored\n");
    git(&made.path, &["add", "src/a.txt"]);
    git(&made.path, &["init", "--quiet", "nested"]);
    write(&made.path, "nested/inner.txt", "inner\n");
    let removed = aura
        .remove_workspace(&made.path, None, "refs/aura/salvage/t")
        .expect("removed");
    assert!(!made.path.exists());
    let salvaged = removed.salvaged.expect("there was work");
    assert_eq!(salvaged.reference, "refs/aura/salvage/t");
    let files = git(
        aura.dir(),
        &["ls-tree", "-r", "--name-only", &salvaged.reference],
    );
    for file in ["new/file.txt", "nested/inner.txt", "src/a.txt"] {
        assert!(files.lines().any(|line| line == file), "{file} of {files}");
    }
    assert!(!files.contains("x.log"));
    let a = git(
        aura.dir(),
        &["show", &format!("{}:src/a.txt", salvaged.commit)],
    );
    assert_eq!(a, "edited");

    // The kill between rename and deletion leaves trash, which the next start finds.
    drop(removed.trash);
    assert_eq!(
        sweep_trash(&world.beside("app-worktrees")).expect("swept"),
        1
    );
    assert_eq!(
        std::fs::read_dir(world.beside("app-worktrees"))
            .expect("read")
            .count(),
        0
    );
    let again = aura
        .remove_workspace(&made.path, None, "refs/aura/salvage/t")
        .expect("gone");
    assert!(again.trash.is_none() && again.salvaged.is_none());
}

#[test]
fn a_second_salvage_does_not_replace_the_first() {
    let world = World::new();
    let aura = world.aura();
    let made = world.workspace(&aura, "task");
    let name = "refs/aura/salvage/t";
    assert_eq!(aura.salvage(&made.path, None, name).expect("nothing"), None);
    write(&made.path, "one.txt", "one\n");
    let first = aura
        .salvage(&made.path, None, name)
        .expect("kept")
        .expect("work");
    let same = aura
        .salvage(&made.path, None, name)
        .expect("kept")
        .expect("work");
    assert_eq!(first, same, "the same work is the same commit");
    write(&made.path, "one.txt", "two\n");
    let second = aura
        .salvage(&made.path, None, name)
        .expect("kept")
        .expect("work");
    assert_eq!(second.reference, "refs/aura/salvage/t-2");
    assert_eq!(aura.read_ref(name).expect("read"), Some(first.commit));
    assert_eq!(
        git(&made.path, &["status", "--porcelain"]),
        "?? one.txt",
        "left as it was"
    );
}

#[test]
fn gates_that_change_tracked_files_are_named() {
    let world = World::new();
    let aura = world.aura();
    let path = world.beside("app-worktrees/gate");
    let commit = world.head();
    type Gate = fn(&Path);
    let table: &[(&str, Gate, &[&str])] = &[
        ("builds", |path| write(path, "target/out", "x\n"), &[]),
        (
            "writes untracked files",
            |path| write(path, "out.txt", "x\n"),
            &[],
        ),
        (
            "formats",
            |path| write(path, "src/a.txt", "x\n"),
            &["src/a.txt"],
        ),
        (
            "deletes",
            |path| std::fs::remove_file(path.join("src/b.txt")).expect("delete"),
            &["src/b.txt"],
        ),
        (
            "hides",
            |path| {
                git(path, &["update-index", "--assume-unchanged", "src/a.txt"]);
                write(path, "src/a.txt", "x\n");
            },
            &["src/a.txt"],
        ),
        (
            "commits",
            |path| {
                write(path, "src/a.txt", "x\n");
                commit_all(path, "by a gate");
            },
            &["src/a.txt", "HEAD"],
        ),
    ];
    for (name, gate, expected) in table {
        aura.checkout_gate(&path, commit, Clean::Untracked)
            .expect("checked out");
        assert!(is_clean_at(&path, commit), "{name}");
        gate(&path);
        let paths = match aura.verify_unchanged(&path, commit).expect("looked") {
            GateTree::Unchanged => Vec::new(),
            GateTree::Dirtied { paths } => paths,
        };
        assert_eq!(&paths, expected, "{name}");
    }
    write(&path, "target/out", "x\n");
    aura.checkout_gate(&path, commit, Clean::Untracked)
        .expect("checked out");
    assert!(path.join("target/out").exists());
    aura.checkout_gate(&path, commit, Clean::Everything)
        .expect("checked out");
    assert!(!path.join("target").exists());
}

#[test]
fn the_storys_worktree_moves_only_when_nobody_works_there() {
    let world = World::new();
    let aura = world.aura();
    let old = world.head();
    let new = world.change(
        &aura,
        "t",
        old,
        &[("src/a.txt", Some("new\n")), ("add.log", None)][..1],
    );
    let path = world.workspace(&aura, "story").path;
    write(&path, "notes.txt", "mine\n");
    let busy = aura.move_story_worktree(&path, old, new).expect("looked");
    assert_eq!(
        busy,
        StoryMove::Busy {
            paths: vec!["notes.txt".to_owned()]
        }
    );
    assert_eq!(rev(&path, "HEAD"), old);

    std::fs::remove_file(path.join("notes.txt")).expect("delete");
    assert_eq!(
        aura.move_story_worktree(&path, old, new).expect("moved"),
        StoryMove::Moved
    );
    assert_eq!(read(&path, "src/a.txt"), "new\n");
    assert_eq!(
        aura.move_story_worktree(&path, old, new).expect("there"),
        StoryMove::AlreadyThere
    );

    git(&path, &["checkout", "--quiet", "-b", "mine"]);
    let busy = aura.move_story_worktree(&path, new, old).expect("looked");
    assert_eq!(
        busy,
        StoryMove::Busy {
            paths: vec!["HEAD".to_owned()]
        }
    );
}
