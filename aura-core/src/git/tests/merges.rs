//! Candidates: the three ways to merge agree.

use git2::Oid;

use super::kit::*;
use crate::git::merge::{TreeMerge, merge_trees, patch_disjoint};
use crate::git::stage::tree_of;
use crate::git::{AuraRepo, Merged};

fn rebase(aura: &AuraRepo, base: Oid, head: Oid, commit: Oid) -> Merged {
    let author = identity();
    aura.rebase_onto(
        base,
        head,
        commit,
        &text("candidate\n\nAura-Task: t\n", &author),
    )
    .expect("merged")
}

/// A generator that needs no crate and repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Commits random edits to files whose number is `side` modulo 2, so that two sides stay disjoint;
/// `mixed` lets both touch all files.
fn random_side(world: &World, base: Oid, random: &mut Random, side: u64, mixed: bool) -> Oid {
    git(
        &world.root,
        &["checkout", "--quiet", "--detach", &base.to_string()],
    );
    for _ in 0..4 {
        let number = if mixed {
            random.below(24)
        } else {
            random.below(12) * 2 + side
        };
        let name = format!("d{}/e{}/f{number}.txt", number % 3, number % 2);
        let path = world.root.join(&name);
        match random.below(4) {
            0 if path.exists() => std::fs::remove_file(&path).expect("delete"),
            1 => write(
                &world.root,
                &format!("new{side}/{number}.txt"),
                lines("new", number as usize + 3),
            ),
            _ if path.exists() => {
                let line = random.below(20) as usize + 1;
                let content = read(&world.root, &name).replace(
                    &format!("f{number} line {line}\n"),
                    &format!("side {side} was here\n"),
                );
                write(&world.root, &name, content);
            }
            _ => {}
        }
    }
    commit_all(&world.root, "side")
}

#[test]
fn the_fast_path_libgit2_and_git_give_the_same_tree() {
    let world = World::new();
    for number in 0..24 {
        let name = format!("d{}/e{}/f{number}.txt", number % 3, number % 2);
        write(&world.root, &name, lines(&format!("f{number}"), 20));
    }
    let base = commit_all(&world.root, "many files");
    let mut random = Random(42);
    let (mut fast, mut conflicts) = (0, 0);
    for round in 0..24 {
        let mixed = round % 2 == 1;
        let ours = random_side(&world, base, &mut random, 0, mixed);
        let theirs = random_side(&world, base, &mut random, 1, mixed);
        let aura = world.aura();
        let (clean, output) = try_git(
            &world.root,
            &[
                "-c",
                "merge.directoryRenames=false",
                "merge-tree",
                "--write-tree",
                "--name-only",
                "--merge-base",
                &base.to_string(),
                &ours.to_string(),
                &theirs.to_string(),
            ],
        );
        let by_git = output.lines().next().unwrap_or_default().to_owned();
        let repo = aura.open().expect("open");
        let trees = [base, ours, theirs].map(|commit| tree_of(&repo, commit).expect("tree"));
        let general = merge_trees(&repo, &trees[0], &trees[1], &trees[2]).expect("merged");
        let patched = patch_disjoint(&repo, &trees[0], &trees[1], &trees[2]).expect("patched");
        match general {
            TreeMerge::Clean(tree) => {
                assert!(clean, "round {round}: git conflicts: {output}");
                assert_eq!(tree.to_string(), by_git, "round {round}");
                if let Some(patched) = patched {
                    assert_eq!(patched, tree, "round {round}");
                    fast += 1;
                }
            }
            TreeMerge::Conflict(_) => {
                assert!(!clean, "round {round}: only libgit2 conflicts");
                assert_eq!(patched, None, "round {round}");
                conflicts += 1;
            }
        }
    }
    assert!(
        fast >= 6 && conflicts >= 1,
        "{fast} fast, {conflicts} conflicts: too few to mean anything"
    );
}

#[test]
fn a_candidate_is_one_commit_on_the_head_with_the_given_message() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let head = world.change(&aura, "one", base, &[("one.txt", Some("1\n"))]);
    let commit = world.change(
        &aura,
        "two",
        base,
        &[("two.txt", Some("2\n")), ("docs/guide.md", None)],
    );
    let Merged::Clean(candidate) = rebase(&aura, base, head, commit) else {
        panic!("disjoint changes merge")
    };
    assert_eq!(
        rebase(&aura, base, head, commit),
        Merged::Clean(candidate),
        "deterministic"
    );
    let shown = git(
        aura.dir(),
        &[
            "show",
            "-s",
            "--format=%P|%an|%ae|%at|%B",
            &candidate.to_string(),
        ],
    );
    assert_eq!(
        shown,
        format!("{head}|Uma User|uma@example.org|{TIME}|candidate\n\nAura-Task: t")
    );
    assert_eq!(
        aura.changed_paths(base, candidate).expect("compared"),
        ["docs/guide.md", "one.txt", "two.txt"]
    );
    assert!(aura.contains(candidate, base).expect("asked"));
    assert!(!aura.contains(base, candidate).expect("asked"));
}

#[test]
fn edits_follow_a_rename_on_the_other_side() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let a = lines("a", 30);
    let head = world.change(
        &aura,
        "mover",
        base,
        &[("src/a.txt", None), ("lib/moved.txt", Some(&a))],
    );
    let commit = world.change(
        &aura,
        "editor",
        base,
        &[("src/a.txt", Some(&edited("a", 30, 7, "edited")))],
    );
    let Merged::Clean(candidate) = rebase(&aura, base, head, commit) else {
        panic!("an edit and a rename merge")
    };
    let moved = git(aura.dir(), &["show", &format!("{candidate}:lib/moved.txt")]);
    assert!(moved.contains("edited"), "{moved}");
    assert!(
        !try_git(
            aura.dir(),
            &["cat-file", "-e", &format!("{candidate}:src/a.txt")]
        )
        .0
    );
}

#[test]
fn conflicts_name_their_paths_and_write_nothing() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let edit = |text: &str| edited("a", 30, 3, text);
    type Files = Vec<(&'static str, Option<String>)>;
    let table: &[(&str, Files, Files, &[&str])] = &[
        (
            "same line",
            vec![("src/a.txt", Some(edit("x")))],
            vec![("src/a.txt", Some(edit("y")))],
            &["src/a.txt"],
        ),
        (
            "edit and delete",
            vec![("src/a.txt", None)],
            vec![("src/a.txt", Some(edit("y")))],
            &["src/a.txt"],
        ),
        (
            "both add",
            vec![("n.txt", Some("x\n".into()))],
            vec![("n.txt", Some("y\n".into()))],
            &["n.txt"],
        ),
    ];
    for (number, (name, ours, theirs, expected)) in table.iter().enumerate() {
        let make = |who: &str, files: &[(&str, Option<String>)]| {
            let files: Vec<_> = files
                .iter()
                .map(|(path, text)| (*path, text.as_deref()))
                .collect();
            world.change(&aura, &format!("{who}-{number}"), base, &files)
        };
        let (ours, theirs) = (make("ours", ours), make("theirs", theirs));
        let Merged::Conflict { paths } = rebase(&aura, base, ours, theirs) else {
            panic!("{name} conflicts")
        };
        assert_eq!(&paths, expected, "{name}");
    }
}

#[test]
fn the_same_change_twice_is_a_commit_without_change() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let one = world.change(&aura, "one", base, &[("x.txt", Some("x\n"))]);
    let other = world.change(
        &aura,
        "other",
        base,
        &[("x.txt", Some("x\n")), ("y.txt", Some("y\n"))],
    );
    let Merged::Clean(candidate) = rebase(&aura, base, one, other) else {
        panic!("equal additions merge")
    };
    assert_eq!(
        aura.changed_paths(one, candidate).expect("compared"),
        ["y.txt"]
    );
    let Merged::Clean(again) = rebase(&aura, base, candidate, other) else {
        panic!("what is there already merges")
    };
    assert_eq!(
        aura.tree_id(again).expect("tree"),
        aura.tree_id(candidate).expect("tree")
    );
}
