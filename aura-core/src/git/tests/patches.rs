//! What changed, file by file.

use std::ops::ControlFlow;

use git2::Oid;

use super::kit::{World, commit_all, write};
use crate::error::ErrorKind;
use crate::git::{FilePatch, patches};

#[test]
fn files_come_one_by_one_until_nobody_wants_more() {
    let world = World::new();
    let base = world.head();
    std::fs::remove_file(world.root.join("docs/guide.md")).unwrap();
    write(&world.root, "a.txt", "1\n");
    write(&world.root, "b.bin", b"\0");
    write(&world.root, "src/a.txt", "only\n");
    let commit = commit_all(&world.root, "change");
    let look = |most: usize| {
        let mut seen: Vec<(FilePatch, usize)> = Vec::new();
        patches(&world.root, base, commit, |file, left| {
            seen.push((file, left));
            if seen.len() == most {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        seen
    };
    let all = look(usize::MAX);
    let names: Vec<_> = all
        .iter()
        .map(|(file, left)| (file.path.as_str(), file.what.as_str(), *left))
        .collect();
    assert_eq!(
        names,
        [
            ("a.txt", "added, mode 100644", 3),
            ("b.bin", "added, mode 100644", 2),
            ("docs/guide.md", "deleted", 1),
            ("src/a.txt", "changed", 0),
        ]
    );
    let texts: Vec<_> = all[..2].iter().map(|(file, _)| file.text.clone()).collect();
    assert_eq!(
        texts,
        [
            Ok("@@ -0,0 +1 @@\n+1\n".to_owned()),
            Err("a binary file of 1 bytes".to_owned()),
        ]
    );
    assert_eq!(look(2), all[..2]);
    let nobody = Oid::from_bytes(&[7; 20]).unwrap();
    let ignore = |_, _| ControlFlow::Continue(());
    let error = patches(&world.root, nobody, commit, ignore).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Git);
}
