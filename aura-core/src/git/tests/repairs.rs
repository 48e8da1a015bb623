//! What the next attempt starts from.

use super::kit::*;
use crate::git::{Prepared, SealOutcome, Unfinished};

const REFS: &str = "refs/aura/attempts/s/t/1";

#[test]
fn an_earlier_attempt_is_merged_onto_the_new_head() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let head = world.change(
        &aura,
        "other",
        base,
        &[("src/a.txt", Some(&edited("a", 30, 2, "accepted")))],
    );
    let attempt = world.change(
        &aura,
        "mine",
        base,
        &[
            ("src/a.txt", Some(&edited("a", 30, 28, "attempt"))),
            ("src/new.txt", Some("new\n")),
            ("docs/guide.md", None),
        ],
    );
    let path = world.workspace_at(&aura, "mine", base).path;
    write(&path, "junk.txt", "junk\n");
    let prepared = aura
        .prepare_merge(&path, base, head, attempt)
        .expect("prepared");
    assert_eq!(prepared, Prepared::Previous);
    assert_eq!(rev(&path, "HEAD"), head);
    let a = read(&path, "src/a.txt");
    assert!(a.contains("accepted") && a.contains("attempt"), "{a}");
    assert!(!path.join("docs/guide.md").exists() && !path.join("junk.txt").exists());
    let sealed = seal(&aura, &path, head, "refs/aura/attempts/s/mine/2");
    assert_eq!(sealed.paths, ["docs/guide.md", "src/a.txt", "src/new.txt"]);
}

#[test]
fn an_ignored_file_that_was_committed_survives_the_next_attempt() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let path = world.workspace(&aura, "task").path;
    write(&path, "keep.log", "kept\n");
    git(&path, &["add", "--force", "keep.log"]);
    let attempt = seal(&aura, &path, base, REFS).commit;
    let head = world.change(&aura, "other", base, &[("x.txt", Some("x\n"))]);
    aura.prepare_merge(&path, base, head, attempt)
        .expect("prepared");
    let sealed = seal(&aura, &path, head, "refs/aura/attempts/s/t/2");
    assert_eq!(sealed.paths, ["keep.log"]);
}

#[test]
fn conflicts_are_put_down_with_both_sides_named_and_must_be_resolved() {
    use crate::git::repair::ConflictKind::*;
    let world = World::new();
    write(&world.root, "picture.bin", b"\0base");
    write(&world.root, "gone-here.txt", "text\n");
    write(&world.root, "gone-there.txt", "text\n");
    let base = commit_all(&world.root, "more");
    let aura = world.aura();
    let head = world.change(
        &aura,
        "other",
        base,
        &[
            ("src/a.txt", Some(&edited("a", 30, 5, "accepted"))),
            ("picture.bin", Some("\0accepted")),
            ("gone-here.txt", None),
            ("gone-there.txt", Some("changed by accepted\n")),
            ("both.txt", Some("accepted\n")),
        ],
    );
    let mine = edited("a", 30, 5, "attempt").replace("a line 25\n", "clean hunk\n");
    let attempt = world.change(
        &aura,
        "mine",
        base,
        &[
            ("src/a.txt", Some(&mine)),
            ("src/b.txt", Some("clean file\n")),
            ("picture.bin", Some("\0attempt")),
            ("gone-here.txt", Some("changed by attempt\n")),
            ("gone-there.txt", None),
            ("both.txt", Some("attempt\n")),
        ],
    );
    let path = world.workspace_at(&aura, "mine", base).path;
    let prepared = aura
        .prepare_merge(&path, base, head, attempt)
        .expect("prepared");
    let Prepared::Repair { conflicts } = prepared else {
        panic!("it conflicts")
    };
    let mut found: Vec<_> = conflicts
        .iter()
        .map(|file| (file.path.as_str(), file.kind))
        .collect();
    found.sort_by_key(|(path, _)| *path);
    assert_eq!(
        found,
        [
            ("both.txt", Content),
            ("gone-here.txt", DeletedByAccepted),
            ("gone-there.txt", DeletedByAttempt),
            ("picture.bin", Unmarked),
            ("src/a.txt", Content),
        ]
    );
    let a = read(&path, "src/a.txt");
    let expected = format!(
        "<<<<<<< accepted work (aura {})\naccepted\n=======\nattempt\n>>>>>>> your earlier attempt (aura {})\n",
        &head.to_string()[..8],
        &attempt.to_string()[..8]
    );
    assert!(a.contains(&expected) && a.contains("clean hunk\n"), "{a}");
    assert_eq!(read(&path, "src/b.txt"), "clean file\n");
    assert!(read(&path, "gone-here.txt").contains("deleted\n=======\nchanged by attempt\n>>>>>>>"));
    assert!(read(&path, "gone-there.txt").contains("changed by accepted\n=======\n>>>>>>>"));

    let refs = "refs/aura/attempts/s/mine/2";
    let SealOutcome::Incomplete { why, paths } = try_seal(&aura, &path, head, refs) else {
        panic!("markers are left")
    };
    assert_eq!(why, Unfinished::Markers);
    assert_eq!(
        paths,
        ["both.txt", "gone-here.txt", "gone-there.txt", "src/a.txt"]
    );
    for file in ["both.txt", "src/a.txt"] {
        write(&path, file, "resolved\n");
    }
    for file in ["gone-here.txt", "gone-there.txt"] {
        std::fs::remove_file(path.join(file)).expect("delete");
    }
    seal(&aura, &path, head, refs);
}

#[test]
fn a_file_against_a_directory_loses_neither_side() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let file = world.change(&aura, "file", base, &[("thing", Some("a file\n"))]);
    let directory = world.change(
        &aura,
        "directory",
        base,
        &[("thing/inner.txt", Some("inner\n"))],
    );
    let path = world.workspace_at(&aura, "task", base).path;
    for (head, attempt) in [(file, directory), (directory, file)] {
        let prepared = aura
            .prepare_merge(&path, base, head, attempt)
            .expect("prepared");
        assert!(matches!(prepared, Prepared::Repair { .. }), "{prepared:?}");
        let everything = git(&path, &["ls-files", "--cached", "--others"]);
        let contents: String = everything
            .lines()
            .filter(|name| path.join(name).is_file())
            .map(|name| read(&path, name))
            .collect();
        assert!(
            contents.contains("a file\n") && contents.contains("inner\n"),
            "{everything}"
        );
    }
}
