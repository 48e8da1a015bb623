//! Every outcome of sealing.

use std::collections::BTreeSet;
use std::path::Path;

use super::kit::*;
use crate::error::ErrorKind;
use crate::git::{Clean, SealOutcome, SealRequest, Unfinished};

const REFS: &str = "refs/aura/attempts/s/t/1";

#[test]
fn whatever_way_an_agent_saves_its_work_the_commit_holds_it() {
    type Work = fn(&Path);
    let table: &[(&str, Work, &[&str], usize)] = &[
        (
            "edits only",
            |path| {
                write(path, "src/a.txt", "a\n");
                write(path, "new file.txt", "new\n");
                std::fs::remove_file(path.join("docs/guide.md")).expect("delete");
            },
            &["docs/guide.md", "new file.txt", "src/a.txt"],
            0,
        ),
        (
            "staged",
            |path| {
                write(path, "src/a.txt", "a\n");
                git(path, &["add", "."]);
            },
            &["src/a.txt"],
            0,
        ),
        (
            "commits and edits",
            |path| {
                write(path, "one.txt", "1\n");
                commit_all(path, "one");
                write(path, "two.txt", "2\n");
                commit_all(path, "two");
                write(path, "three.txt", "3\n");
            },
            &["one.txt", "three.txt", "two.txt"],
            2,
        ),
        (
            "on an own branch",
            |path| {
                git(path, &["checkout", "--quiet", "-b", "feature"]);
                write(path, "one.txt", "1\n");
                commit_all(path, "one");
            },
            &["one.txt"],
            1,
        ),
        (
            "on main",
            |path| {
                git(path, &["checkout", "--quiet", "main"]);
                write(path, "one.txt", "1\n");
                commit_all(path, "one");
            },
            &["one.txt"],
            1,
        ),
        (
            "ignored file added by force",
            |path| {
                write(path, "keep.log", "kept\n");
                git(path, &["add", "--force", "keep.log"]);
            },
            &["keep.log"],
            0,
        ),
        (
            "ignored file committed",
            |path| {
                write(path, "keep.log", "kept\n");
                git(path, &["add", "--force", "keep.log"]);
                git(path, &["commit", "--quiet", "-m", "log"]);
            },
            &["keep.log"],
            1,
        ),
        (
            "hidden by an index flag",
            |path| {
                git(path, &["update-index", "--assume-unchanged", "src/a.txt"]);
                git(path, &["update-index", "--skip-worktree", "src/b.txt"]);
                write(path, "src/a.txt", "a\n");
                write(path, "src/b.txt", "b\n");
            },
            &["src/a.txt", "src/b.txt"],
            0,
        ),
        (
            "link and git directory removed",
            |path| {
                write(path, "one.txt", "1\n");
                std::fs::remove_file(path.join(".git")).expect("delete");
            },
            &["one.txt"],
            0,
        ),
        (
            "a document that shows markers",
            |path| {
                write(
                    path,
                    "docs/merge.md",
                    "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> main\n",
                );
            },
            &["docs/merge.md"],
            0,
        ),
        (
            "an ignored nested repository",
            |path| {
                git(path, &["init", "--quiet", "target/dep"]);
                write(path, "one.txt", "1\n");
            },
            &["one.txt"],
            0,
        ),
        (
            "file becomes directory",
            |path| {
                std::fs::remove_file(path.join("src/a.txt")).expect("delete");
                write(path, "src/a.txt/inner", "x\n");
            },
            &["src/a.txt", "src/a.txt/inner"],
            0,
        ),
    ];
    for (name, work, expected, commits) in table {
        let world = World::new();
        let aura = world.aura();
        let base = world.head();
        let path = world.workspace(&aura, "task").path;
        work(&path);
        let sealed = seal(&aura, &path, base, REFS);
        assert_eq!(&sealed.paths, expected, "{name}");
        assert_eq!(sealed.agent_commits, *commits, "{name}");
        assert_eq!(
            rev(aura.dir(), &format!("{}^", sealed.commit)),
            base,
            "{name}"
        );
        let agent = aura.read_ref(&format!("{REFS}/agent")).expect("read");
        assert_eq!(agent.is_some(), *commits > 0, "{name}: originals are kept");
        aura.reset_workspace(&path, sealed.commit, Clean::Untracked)
            .expect("reset");
        let tree = git(&path, &["write-tree"]);
        assert_eq!(tree, sealed.tree.to_string(), "{name}");
    }
}

#[test]
fn sealing_again_gives_the_same_commit() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let path = world.workspace(&aura, "task").path;
    write(&path, "one.txt", "1\n");
    commit_all(&path, "one");
    let first = seal(&aura, &path, base, REFS);
    // Killed before the ref was written: the same input is the same commit.
    aura.drop_refs("refs/aura/attempts/s/t/1/")
        .expect("dropped");
    assert_eq!(seal(&aura, &path, base, REFS), first);
    // Killed after it: adopted, even when the workspace is gone.
    write(&path, "later.txt", "later\n");
    assert_eq!(seal(&aura, &path, base, REFS), first);
    drop(aura.remove_workspace(&path, None, "refs/aura/salvage/t"));
    assert_eq!(seal(&aura, &path, base, REFS), first);
}

#[test]
fn a_sealed_ref_on_another_base_is_foreign() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    aura.keep(&format!("{REFS}/sealed"), base).expect("kept");
    let path = world.workspace(&aura, "task").path;
    let author = identity();
    let known_ignored = BTreeSet::new();
    let error = aura
        .seal(&SealRequest {
            path: &path,
            base,
            text: text("x\n", &author),
            refs: REFS,
            known_ignored: &known_ignored,
            declared: None,
        })
        .expect_err("foreign");
    assert_eq!(error.kind(), ErrorKind::ForeignMove);
}

#[test]
fn nothing_done_is_no_change() {
    type Work = fn(&Path);
    let table: &[(&str, Work, &[&str])] = &[
        ("nothing", |_| {}, &[]),
        (
            "ignored files only",
            |path| {
                write(path, "target/x", "x\n");
                write(path, "y.log", "y\n");
            },
            &["target/", "y.log"],
        ),
        (
            "touched",
            |path| write(path, "src/a.txt", lines("a", 30)),
            &[],
        ),
        (
            "commits that cancel out",
            |path| {
                write(path, "x.txt", "x\n");
                commit_all(path, "there");
                git(path, &["rm", "--quiet", "x.txt"]);
                git(path, &["commit", "--quiet", "-m", "and back"]);
            },
            &[],
        ),
    ];
    for (name, work, ignored) in table {
        let world = World::new();
        let aura = world.aura();
        let path = world.workspace(&aura, "task").path;
        work(&path);
        let SealOutcome::NoChange { new_ignored, .. } = try_seal(&aura, &path, world.head(), REFS)
        else {
            panic!("{name} is no change")
        };
        assert_eq!(&new_ignored, ignored, "{name}");
        assert!(aura.refs_below(REFS).expect("listed").is_empty(), "{name}");
    }
}

#[test]
fn half_done_work_is_incomplete_and_left_alone() {
    type Work = fn(&Path);
    fn diverge(path: &Path) {
        git(path, &["checkout", "--quiet", "-b", "one"]);
        write(path, "src/a.txt", "one\n");
        commit_all(path, "one");
        git(path, &["checkout", "--quiet", "-b", "two", "HEAD~1"]);
        write(path, "src/a.txt", "two\n");
        commit_all(path, "two");
    }
    let table: &[(&str, Work, Unfinished, &[&str])] = &[
        (
            "merge",
            |path| {
                diverge(path);
                assert!(!try_git(path, &["merge", "one"]).0);
            },
            Unfinished::Operation("a merge"),
            &["src/a.txt"],
        ),
        (
            "rebase",
            |path| {
                diverge(path);
                assert!(!try_git(path, &["rebase", "one"]).0);
                write(path, "src/a.txt", "resolved\n");
                git(path, &["add", "src/a.txt"]);
            },
            Unfinished::Operation("a rebase"),
            &[],
        ),
        (
            "cherry-pick",
            |path| {
                diverge(path);
                assert!(!try_git(path, &["cherry-pick", "one"]).0);
            },
            Unfinished::Operation("a cherry-pick"),
            &["src/a.txt"],
        ),
        (
            "stash pop with conflict",
            |path| {
                write(path, "src/a.txt", "stashed\n");
                git(path, &["stash", "--quiet"]);
                write(path, "src/a.txt", "committed\n");
                commit_all(path, "committed");
                assert!(!try_git(path, &["stash", "pop"]).0);
            },
            Unfinished::Markers,
            &["src/a.txt"],
        ),
        (
            "embedded repository",
            |path| {
                git(path, &["init", "--quiet", "vendor/dep"]);
                write(path, "vendor/dep/x.txt", "x\n");
                write(path, "one.txt", "1\n");
            },
            Unfinished::Embedded,
            &["vendor/dep"],
        ),
        (
            "embedded repository with commits",
            |path| {
                init(&path.join("dep"));
                commit_all(&path.join("dep"), "x");
            },
            Unfinished::Embedded,
            &["dep"],
        ),
    ];
    for (name, work, expected, expected_paths) in table {
        let world = World::new();
        let aura = world.aura();
        let path = world.workspace(&aura, "task").path;
        work(&path);
        let before = git(&path, &["status", "--porcelain", "--branch"]);
        let SealOutcome::Incomplete { why, paths } = try_seal(&aura, &path, world.head(), REFS)
        else {
            panic!("{name} is incomplete")
        };
        assert_eq!(&why, expected, "{name}");
        assert_eq!(&paths, expected_paths, "{name}");
        assert_eq!(
            git(&path, &["status", "--porcelain", "--branch"]),
            before,
            "{name}"
        );
        assert!(aura.refs_below(REFS).expect("listed").is_empty(), "{name}");
    }
}

#[test]
fn a_lost_base_is_reported_and_both_sides_kept() {
    type Work = fn(&Path);
    let table: &[(&str, Work, bool, usize)] = &[
        (
            "older commit",
            |path| {
                git(path, &["reset", "--quiet", "--hard", "HEAD~1"]);
                write(path, "x.txt", "x\n");
            },
            true,
            2,
        ),
        (
            "amended away",
            |path| {
                git(
                    path,
                    &[
                        "commit",
                        "--quiet",
                        "--amend",
                        "--allow-empty",
                        "-m",
                        "amended",
                    ],
                );
            },
            true,
            1,
        ),
        (
            "orphan branch",
            |path| {
                git(path, &["checkout", "--quiet", "--orphan", "fresh"]);
            },
            false,
            1,
        ),
    ];
    for (name, work, has_head, kept) in table {
        let world = World::new();
        commit_all(&world.root, "second");
        let aura = world.aura();
        let path = world.workspace(&aura, "task").path;
        work(&path);
        let SealOutcome::BaseLost { head, salvaged } = try_seal(&aura, &path, world.head(), REFS)
        else {
            panic!("{name} loses the base")
        };
        assert_eq!(head.is_some(), *has_head, "{name}");
        assert_eq!(salvaged.len(), *kept, "{name}: {salvaged:?}");
        for kept in salvaged {
            assert_eq!(
                aura.read_ref(&kept.reference).expect("read"),
                Some(kept.commit)
            );
        }
        assert_eq!(
            aura.read_ref(&format!("{REFS}/sealed")).expect("read"),
            None,
            "{name}"
        );
    }
}

#[test]
fn submodules_are_known_and_their_changes_flagged() {
    let world = World::new();
    let library = world.beside("library");
    init(&library);
    let first = commit_all(&library, "first");
    let second = commit_all(&library, "second");
    let text = library.to_string_lossy().into_owned();
    git(&world.root, &["submodule", "--quiet", "add", &text, "lib"]);
    git(
        &world.root.join("lib"),
        &["checkout", "--quiet", &first.to_string()],
    );
    let base = commit_all(&world.root, "with a submodule");
    let aura = world.aura();

    let path = world.workspace(&aura, "untouched").path;
    assert!(matches!(
        try_seal(&aura, &path, base, REFS),
        SealOutcome::NoChange { .. }
    ));

    let path = world.workspace(&aura, "moved").path;
    git(&path, &["clone", "--quiet", &text, "lib"]);
    assert_eq!(rev(&path.join("lib"), "HEAD"), second);
    git(&path, &["clone", "--quiet", &text, "other"]);
    write(
        &path,
        ".gitmodules",
        format!(
            "{}[submodule \"other\"]\n\tpath = other\n\turl = {text}\n",
            read(&path, ".gitmodules")
        ),
    );
    let sealed = seal(&aura, &path, base, REFS);
    assert_eq!(sealed.submodules, ["lib", "other"]);
}

#[test]
fn filters_of_the_user_are_applied_by_git() {
    let world = World::new();
    git(&world.root, &["config", "filter.upper.clean", "tr a-z A-Z"]);
    git(
        &world.root,
        &["config", "filter.upper.smudge", "tr A-Z a-z"],
    );
    git(&world.root, &["config", "filter.upper.required", "true"]);
    write(&world.root, ".gitattributes", "*.up filter=upper\n");
    write(&world.root, "x.up", "hello\n");
    let base = commit_all(&world.root, "filtered");
    assert_eq!(git(&world.root, &["show", "HEAD:x.up"]), "HELLO");
    let aura = world.aura();
    let path = world.workspace(&aura, "task").path;
    assert_eq!(read(&path, "x.up"), "hello\n", "smudged");
    write(&path, "y.up", "world\n");
    // What an agent configures is not run.
    git(&path, &["config", "filter.upper.clean", "false"]);
    let sealed = seal(&aura, &path, base, REFS);
    assert_eq!(sealed.paths, ["y.up"]);
    assert_eq!(
        git(aura.dir(), &["show", &format!("{}:y.up", sealed.commit)]),
        "WORLD"
    );
}

#[test]
fn a_shared_workspace_is_sealed_by_declared_path() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let path = world.workspace(&aura, "shared").path;
    write(&path, "src/a.txt", "by one\n");
    std::fs::remove_file(path.join("src/b.txt")).expect("delete");
    write(&path, "docs/two.md", "by two\n");
    write(&path, "stray.txt", "by nobody\n");
    let author = identity();
    let known_ignored = BTreeSet::new();
    let seal_part = |base, refs: &str, prefix: &'static str| {
        let own = move |path: &str| path.starts_with(prefix);
        let outcome = aura
            .seal(&SealRequest {
                path: &path,
                base,
                text: text("part\n", &author),
                refs,
                known_ignored: &known_ignored,
                declared: Some(&own),
            })
            .expect("sealed");
        match outcome {
            SealOutcome::Sealed(sealed) => sealed,
            other => panic!("{other:?}"),
        }
    };
    let one = seal_part(base, "refs/aura/attempts/s/one/1", "src/");
    assert_eq!(one.paths, ["src/a.txt", "src/b.txt"]);
    assert_eq!(one.undeclared, ["docs/two.md", "stray.txt"]);
    assert_eq!(read(&path, "stray.txt"), "by nobody\n");
}

#[test]
fn new_ignored_files_are_named_and_old_ones_not() {
    let world = World::new();
    let aura = world.aura();
    let path = world.workspace(&aura, "task").path;
    write(&path, ".env", "from setup\n");
    let known_ignored: BTreeSet<_> = aura
        .ignored_files(&path)
        .expect("listed")
        .into_iter()
        .collect();
    assert!(known_ignored.contains(".env"));
    write(&path, "made.log", "by the agent\n");
    write(&path, "one.txt", "1\n");
    let author = identity();
    let outcome = aura.seal(&SealRequest {
        path: &path,
        base: world.head(),
        text: text("x\n", &author),
        refs: REFS,
        known_ignored: &known_ignored,
        declared: None,
    });
    let SealOutcome::Sealed(sealed) = outcome.expect("sealed") else {
        panic!("there was a change")
    };
    assert_eq!(sealed.new_ignored, ["made.log"]);
    assert_eq!(sealed.paths, ["one.txt"]);
}
