//! Which lines are new.

use std::ops::ControlFlow;

use git2::Oid;

use super::kit::{World, commit_all, lines, write};
use crate::error::ErrorKind;
use crate::git::added::{AddedContent, AddedFile, LARGEST, added_lines, file_at};

fn added(world: &World, base: Oid, commit: Oid) -> Vec<AddedFile> {
    let mut all = Vec::new();
    let visit = |file| {
        all.push(file);
        ControlFlow::Continue(())
    };
    added_lines(&world.root, base, commit, visit).expect("read");
    all
}

/// A file a line: its path, then what is new as `NUMBER:TEXT`.
fn show(files: &[AddedFile]) -> Vec<String> {
    let show = |file: &AddedFile| match &file.content {
        AddedContent::Lines(lines) => {
            let runs = lines.new.iter().map(|run| {
                let (first, count) = (run.start as usize - 1, run.len());
                let new = lines.file.split_inclusive(|byte| *byte == b'\n');
                let new: Vec<u8> = new.skip(first).take(count).flatten().copied().collect();
                let text = String::from_utf8_lossy(&new).replace('\n', "|");
                format!(" {}:{text}", run.start)
            });
            format!("{}{}", file.path, runs.collect::<String>())
        }
        AddedContent::Binary => format!("{} binary", file.path),
        AddedContent::Huge(size) => format!("{} huge {size}", file.path),
    };
    files.iter().map(show).collect()
}

#[test]
fn only_new_lines_are_shown_with_their_numbers() {
    let world = World::new();
    let base = world.head();
    let old = lines("a", 30);
    let mut all: Vec<&str> = old.lines().collect();
    all.splice(2..3, ["new one", "new two"]);
    all.push("at the end");
    write(&world.root, "src/a.txt", all.join("\n"));
    write(&world.root, "new.txt", "first\r\nsecond\n");
    write(&world.root, "empty.txt", "");
    std::fs::remove_file(world.root.join("docs/guide.md")).unwrap();
    let commit = commit_all(&world.root, "change");
    assert_eq!(
        show(&added(&world, base, commit)),
        [
            "new.txt 1:first\r|second|",
            "src/a.txt 3:new one|new two| 32:at the end",
        ]
    );
    assert_eq!(show(&added(&world, commit, commit)), [""; 0]);
    // Looked at from the other side, the deleted file is new again.
    let back = show(&added(&world, commit, base));
    assert!(back[0].starts_with("docs/guide.md 1:"), "{back:?}");
}

#[test]
fn a_file_that_moved_is_compared_with_what_it_was() {
    let world = World::new();
    let base = world.head();
    std::fs::rename(
        world.root.join("src/b.txt"),
        world.root.join("src/moved.txt"),
    )
    .unwrap();
    write(
        &world.root,
        "src/moved.txt",
        format!("{}one more\n", lines("b", 30)),
    );
    let commit = commit_all(&world.root, "move");
    assert_eq!(
        show(&added(&world, base, commit)),
        ["src/moved.txt 31:one more|"]
    );
}

#[test]
fn neither_attributes_nor_odd_content_hide_a_line() {
    let world = World::new();
    write(&world.root, "latin.txt", b"caf\xe9\n");
    let base = commit_all(&world.root, "latin");
    write(&world.root, "latin.txt", b"caf\xe9\n\xff\xfe new\n");
    write(&world.root, ".gitattributes", "* -diff\n*.txt binary\n");
    write(&world.root, "plain.txt", "seen\n");
    write(&world.root, "image.bin", b"\x89PNG\0\0\n");
    write(&world.root, "huge.txt", vec![b'x'; LARGEST + 1]);
    let commit = commit_all(&world.root, "hide");
    let shown = show(&added(&world, base, commit));
    assert_eq!(
        shown,
        [
            ".gitattributes 1:* -diff|*.txt binary|".to_owned(),
            format!("huge.txt huge {}", LARGEST + 1),
            "image.bin binary".to_owned(),
            "latin.txt 2:\u{fffd}\u{fffd} new|".to_owned(),
            "plain.txt 1:seen|".to_owned(),
        ]
    );
}

#[test]
fn whoever_looks_may_stop_and_what_is_not_there_is_an_error() {
    let world = World::new();
    let base = world.head();
    write(&world.root, "one.txt", "1\n");
    write(&world.root, "two.txt", "2\n");
    let commit = commit_all(&world.root, "two");
    let mut seen = 0;
    let visit = |_| {
        seen += 1;
        ControlFlow::Break(())
    };
    added_lines(&world.root, base, commit, visit).expect("read");
    assert_eq!(seen, 1);
    let nobody = Oid::from_bytes(&[7; 20]).unwrap();
    let ignore = |_| ControlFlow::Continue(());
    let error = added_lines(&world.root, nobody, commit, ignore).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Git);
    let error = added_lines(&world.beside("nowhere"), base, commit, ignore).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn a_file_is_read_as_it_was() {
    let world = World::new();
    write(&world.root, "some/list", "old\n");
    let base = commit_all(&world.root, "list");
    write(&world.root, "some/list", "new\n");
    commit_all(&world.root, "another");
    let read = |path, limit| file_at(&world.root, base, path, limit);
    assert_eq!(read("some/list", 100).unwrap(), Some(b"old\n".to_vec()));
    assert_eq!(read("some", 100).unwrap(), None);
    assert_eq!(read("some/other", 100).unwrap(), None);
    assert_eq!(read("none/other", 100).unwrap(), None);
    assert!(read("some/list", 3).is_err());
}
