//! Finding, refusing, reading and moving refs of the user's repository.

use super::kit::*;
use crate::error::ErrorKind;
use crate::git::{RefMove, UserRepo};

#[test]
fn unsupported_repositories_are_refused_by_name() {
    let unborn = World::empty();
    let plain = tempfile::tempdir().expect("temporary directory");
    let partial = World::new();
    git(&partial.root, &["config", "remote.origin.promisor", "true"]);
    let sha256 = tempfile::tempdir().expect("temporary directory");
    git(
        sha256.path(),
        &["init", "--quiet", "--object-format=sha256"],
    );
    let reftable = tempfile::tempdir().expect("temporary directory");
    let (has_reftable, _) = try_git(
        reftable.path(),
        &["init", "--quiet", "--ref-format=reftable"],
    );

    let mut table = vec![
        (
            unborn.root.as_path(),
            ErrorKind::UnsupportedRepository,
            "no commit yet",
            "first commit",
        ),
        (
            plain.path(),
            ErrorKind::NotFound,
            "not inside a git repository",
            "git init",
        ),
        (
            partial.root.as_path(),
            ErrorKind::UnsupportedRepository,
            "partial clone",
            "--filter",
        ),
        (
            sha256.path(),
            ErrorKind::UnsupportedRepository,
            "SHA-256",
            "SHA-1",
        ),
    ];
    if has_reftable {
        table.push((
            reftable.path(),
            ErrorKind::UnsupportedRepository,
            "reftable",
            "refs migrate",
        ));
    }
    for (path, kind, words, remedy) in table {
        let error = UserRepo::discover(path).expect_err(words);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error} lacks {words}");
        assert!(
            error.help().is_some_and(|help| help.contains(remedy)),
            "{error:?}"
        );
    }
}

#[test]
fn head_branch_and_identity_are_read() {
    let world = World::new();
    let user = world.user();
    let head = user.head().expect("HEAD");
    assert_eq!(head.branch.as_deref(), Some("main"));
    assert_eq!(head.commit, world.head());
    assert_eq!(user.workdir(), Some(world.root.as_path()));
    assert_eq!(
        user.resolve_branch("main").expect("read"),
        Some(world.head())
    );
    assert_eq!(user.resolve_branch("nope").expect("read"), None);
    assert_eq!(user.identity().expect("identity"), identity());
    git(&world.root, &["checkout", "--quiet", "--detach"]);
    assert_eq!(user.head().expect("HEAD").branch, None);
}

#[test]
fn an_empty_identity_is_refused_with_a_remedy() {
    let world = World::new();
    git(&world.root, &["config", "user.email", ""]);
    git(&world.root, &["config", "user.name", ""]);
    let error = world.user().identity().expect_err("no identity");
    assert!(
        error.help().is_some_and(|help| help.contains("user.email")),
        "{error:?}"
    );
}

#[test]
fn a_workspace_leads_to_the_repository_it_works_for() {
    let world = World::new();
    let aura = world.aura();
    let workspace = world.workspace(&aura, "story");
    let user = UserRepo::discover(&workspace.path).expect("found");
    assert_eq!(user.common_dir(), world.root.join(".git"));
}

#[test]
fn only_own_refs_move_and_only_from_the_expected_value() {
    let world = World::new();
    let user = world.user();
    let first = world.head();
    let second = commit_all(&world.root, "second");
    let third = commit_all(&world.root, "third");
    for name in [
        "refs/heads/main",
        "refs/tags/x",
        "HEAD",
        "refs/aura/../heads/main",
        "refs/aura/a..b",
    ] {
        let error = user.move_ref(name, None, first).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Refused, "{name}");
    }
    let name = "refs/heads/story/x-1";
    let steps = [
        (None, first, RefMove::Moved),
        (None, first, RefMove::AlreadyThere),
        (None, second, RefMove::Foreign(Some(first))),
        (Some(first), second, RefMove::Moved),
        (Some(first), third, RefMove::Foreign(Some(second))),
        (Some(first), second, RefMove::AlreadyThere),
    ];
    for (old, new, expected) in steps {
        assert_eq!(user.move_ref(name, old, new).expect("moved"), expected);
    }
    assert_eq!(
        user.delete_ref(name, first).expect("kept"),
        RefMove::Foreign(Some(second))
    );
    assert_eq!(user.delete_ref(name, second).expect("gone"), RefMove::Moved);
    assert_eq!(
        user.delete_ref(name, second).expect("gone"),
        RefMove::AlreadyThere
    );
    let gone = user.move_ref(name, Some(second), third).expect("foreign");
    assert_eq!(
        gone,
        RefMove::Foreign(None),
        "a missing ref is not recreated"
    );
}

#[test]
fn a_story_branch_that_somebody_looks_at_stays() {
    let world = World::new();
    git(&world.root, &["checkout", "--quiet", "-b", "story/x-1"]);
    let old = world.head();
    let new = commit_all(&world.root, "second");
    git(
        &world.root,
        &["reset", "--quiet", "--hard", &old.to_string()],
    );
    let moved = world
        .user()
        .move_ref("refs/heads/story/x-1", Some(old), new);
    assert_eq!(
        moved.expect("looked"),
        RefMove::CheckedOut(world.root.clone())
    );
    assert_eq!(world.head(), old);
}

#[test]
fn of_sixteen_racers_one_moves_the_ref() {
    let world = World::new();
    let user = world.user();
    let old = world.head();
    let commits: Vec<_> = (0..16)
        .map(|number| commit_all(&world.root, &format!("racer {number}")))
        .collect();
    for start in [None, Some(old)] {
        let name = format!("refs/aura/race/{}", start.is_some());
        if let Some(start) = start {
            user.move_ref(&name, None, start).expect("made");
        }
        let barrier = std::sync::Barrier::new(commits.len());
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let racers: Vec<_> = commits
                .iter()
                .map(|commit| {
                    let (user, barrier, name) = (&user, &barrier, &name);
                    scope.spawn(move || {
                        barrier.wait();
                        user.move_ref(name, start, *commit).expect("an outcome")
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| racer.join().expect("joined"))
                .collect()
        });
        let winners: Vec<_> = outcomes
            .iter()
            .zip(&commits)
            .filter(|(outcome, _)| **outcome == RefMove::Moved)
            .map(|(_, commit)| *commit)
            .collect();
        assert_eq!(winners.len(), 1, "{outcomes:?}");
        assert_eq!(user.read_ref(&name).expect("read"), Some(winners[0]));
        for outcome in outcomes
            .iter()
            .filter(|outcome| **outcome != RefMove::Moved)
        {
            assert!(matches!(outcome, RefMove::Foreign(_)), "{outcome:?}");
        }
    }
}

#[test]
fn the_fingerprint_sees_what_can_run_programs_and_nothing_else() {
    let world = World::new();
    let user = world.user();
    let start = user.fingerprint().expect("a fingerprint");
    git(
        &world.root,
        &["config", "branch.main.description", "harmless"],
    );
    commit_all(&world.root, "more");
    git(&world.root, &["branch", "another"]);
    assert!(user.require_fingerprint(&start).is_ok());

    git(&world.root, &["config", "filter.evil.clean", "evil"]);
    write(&world.root, ".git/info/attributes", "* filter=evil\n");
    write(&world.root, ".git/hooks/post-merge", "#!/bin/sh\n");
    let error = user.require_fingerprint(&start).expect_err("changed");
    assert_eq!(error.kind(), ErrorKind::ForeignChange);
    for part in ["config", "hooks", "info"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn foreign_refs_are_listed_and_own_ones_are_not() {
    let world = World::new();
    let user = world.user();
    let head = world.head();
    user.move_ref("refs/aura/keep/s", None, head).expect("made");
    user.move_ref("refs/heads/story/s", None, head)
        .expect("made");
    let refs = user.foreign_refs().expect("listed");
    let expected = [("refs/heads/main".to_owned(), head.to_string())];
    assert_eq!(refs.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn checkouts_are_found_in_every_worktree_and_in_rebases() {
    let world = World::new();
    let linked = world.beside("linked");
    let text = linked.to_string_lossy().into_owned();
    git(
        &world.root,
        &["worktree", "add", "--quiet", "-b", "side", &text],
    );
    let user = world.user();
    let paths = |branch: &str| -> Vec<_> {
        let found = user.checkouts(branch).expect("listed");
        found
            .into_iter()
            .map(|found| (found.path, found.busy.is_some()))
            .collect()
    };
    assert_eq!(paths("main"), [(world.root.clone(), false)]);
    assert_eq!(paths("side"), [(linked.clone(), false)]);
    assert_eq!(paths("nowhere"), []);

    write(&linked, "src/a.txt", "side\n");
    commit_all(&linked, "side");
    write(&world.root, "src/a.txt", "main\n");
    commit_all(&world.root, "main");
    assert!(
        !try_git(&linked, &["rebase", "main"]).0,
        "the rebase stops at a conflict"
    );
    assert_eq!(paths("side"), [(linked, true)]);
}
