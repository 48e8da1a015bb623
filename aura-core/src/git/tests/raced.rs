//! A target that moves while git writes the files of a landing.

use super::kit::*;
use crate::git::Landing;

/// Makes `main` move to `other` while the next file of a landing is written: a filter of the user does it.
fn arm(world: &World, other: git2::Oid) {
    std::fs::write(world.beside("other"), other.to_string()).expect("write");
}

fn world_with_filter() -> World {
    let world = World::new();
    let (script, other) = (world.beside("smudge.sh"), world.beside("other"));
    let text = format!(
        "if [ -e '{0}' ]; then read id < '{0}'; rm '{0}'; git --git-dir='{1}' update-ref refs/heads/main $id; fi\ncat\n",
        other.display(),
        world.root.join(".git").display()
    );
    std::fs::write(&script, text).expect("write");
    let smudge = format!("sh '{}'", script.display());
    git(&world.root, &["config", "filter.mover.smudge", &smudge]);
    write(&world.root, ".gitattributes", "src/*.txt filter=mover\n");
    commit_all(&world.root, "filter");
    world
}

/// What is in the way of each: the landing edits `src/a.txt`, adds a file and deletes one; meanwhile the target gets another
/// version of the first, or something unrelated.
#[test]
fn a_landing_that_loses_the_race_leaves_the_checkout_as_the_winner_has_it() {
    for (name, winner) in [
        ("the same file", ("src/a.txt", "won\n")),
        ("another file", ("docs/other.md", "won\n")),
    ] {
        let world = world_with_filter();
        let (user, aura, old) = (world.user(), world.aura(), world.head());
        let fingerprint = user.fingerprint().expect("a fingerprint");
        let files = [
            ("src/a.txt", Some("landed\n")),
            ("src/new.txt", Some("new\n")),
            ("docs/guide.md", None),
        ];
        let new = world.change(&aura, "story", old, &files);
        let other = world.change(&aura, "other", old, &[(winner.0, Some(winner.1))]);
        for commit in [new, other] {
            aura.publish(&user, commit).expect("published");
        }
        write(&world.root, "src/b.txt", "my own edit\n");
        arm(&world, other);
        let landing = user.apply_landing("main", old, new, &fingerprint);
        assert_eq!(
            landing.expect("an outcome"),
            Landing::Foreign(Some(other)),
            "{name}"
        );
        assert!(!world.beside("other").exists(), "{name}: the filter ran");
        assert_eq!(rev(&world.root, "refs/heads/main"), other, "{name}");
        let mut expected = vec!["M src/b.txt".to_owned()];
        if winner.0 == "docs/other.md" {
            // Whoever moved the branch did not touch the checkout; that is theirs to mend.
            expected.insert(0, "D  docs/other.md".to_owned());
        }
        let status = git(&world.root, &["status", "--porcelain"]);
        assert_eq!(
            status.lines().map(str::trim).collect::<Vec<_>>(),
            expected,
            "{name}"
        );
        let text = if winner.0 == "src/a.txt" {
            "won\n".to_owned()
        } else {
            lines("a", 30)
        };
        assert_eq!(read(&world.root, "src/a.txt"), text, "{name}");
        assert_eq!(read(&world.root, "src/b.txt"), "my own edit\n", "{name}");
        assert!(!world.root.join("src/new.txt").exists(), "{name}");
        assert!(world.root.join("docs/guide.md").exists(), "{name}");
    }
}
