//! Whatever state the user's repository is in, a whole life cycle leaves it as it was.

use std::path::{Path, PathBuf};

use super::kit::*;
use crate::git::{AuraRepo, Merged, RefMove, UserRepo};

/// Prepares one starting state and returns where Aura is started and what must stay the same.
type Prepare = fn(&World) -> (PathBuf, PathBuf);

fn at_root(world: &World) -> (PathBuf, PathBuf) {
    (world.root.clone(), world.root.clone())
}

const STATES: &[(&str, Prepare)] = &[
    ("clean", at_root),
    ("dirty", |world| {
        write(&world.root, "src/a.txt", "edited\n");
        write(&world.root, "new.txt", "untracked\n");
        write(&world.root, ".env", "ignored\n");
        at_root(world)
    }),
    ("staged", |world| {
        write(&world.root, "src/b.txt", "staged\n");
        git(&world.root, &["add", "src/b.txt"]);
        write(&world.root, "src/b.txt", "and edited again\n");
        git(&world.root, &["rm", "--quiet", "--cached", "docs/guide.md"]);
        at_root(world)
    }),
    ("stash", |world| {
        write(&world.root, "src/a.txt", "stashed\n");
        git(&world.root, &["stash", "--quiet"]);
        at_root(world)
    }),
    ("detached", |world| {
        git(&world.root, &["checkout", "--quiet", "--detach"]);
        at_root(world)
    }),
    ("subdirectory", |world| {
        (world.root.join("src"), world.root.clone())
    }),
    ("packed", |world| {
        git(&world.root, &["tag", "-a", "v1", "-m", "one"]);
        git(&world.root, &["gc", "--quiet"]);
        at_root(world)
    }),
    ("bare", |world| {
        let bare = world.beside("app.git");
        let text = bare.to_string_lossy().into_owned();
        git(&world.root, &["clone", "--quiet", "--bare", ".", &text]);
        configure(&bare);
        (bare.clone(), bare)
    }),
    ("merge in progress", |world| {
        git(&world.root, &["checkout", "--quiet", "-b", "other"]);
        write(&world.root, "src/a.txt", "theirs\n");
        commit_all(&world.root, "theirs");
        git(&world.root, &["checkout", "--quiet", "main"]);
        write(&world.root, "src/a.txt", "ours\n");
        commit_all(&world.root, "ours");
        let (clean, _) = try_git(&world.root, &["merge", "other"]);
        assert!(!clean, "the merge must conflict");
        at_root(world)
    }),
    ("linked worktree", |world| {
        let linked = world.beside("linked");
        let text = linked.to_string_lossy().into_owned();
        git(
            &world.root,
            &["worktree", "add", "--quiet", "-b", "side", &text],
        );
        write(&linked, "src/a.txt", "edited there\n");
        (linked, world.root.clone())
    }),
    ("submodule", |world| {
        let library = world.beside("library");
        init(&library);
        write(&library, "lib.txt", "library\n");
        commit_all(&library, "library");
        let text = library.to_string_lossy().into_owned();
        git(&world.root, &["submodule", "--quiet", "add", &text, "lib"]);
        commit_all(&world.root, "with a submodule");
        configure(&world.root.join("lib"));
        (world.root.join("lib"), world.root.clone())
    }),
    ("borrowing", |world| {
        let borrower = world.beside("borrower");
        let text = borrower.to_string_lossy().into_owned();
        git(&world.root, &["clone", "--quiet", "--shared", ".", &text]);
        configure(&borrower);
        (borrower.clone(), borrower)
    }),
    ("shallow", |world| {
        commit_all(&world.root, "second");
        let shallow = world.beside("shallow");
        let url = format!("file://{}", world.root.display());
        let text = shallow.to_string_lossy().into_owned();
        git(&world.root, &["clone", "--quiet", "--depth=1", &url, &text]);
        configure(&shallow);
        (shallow.clone(), shallow)
    }),
];

#[test]
fn every_starting_state_is_unchanged_after_a_whole_life() {
    for (name, prepare) in STATES {
        let world = World::new();
        let (start, kept) = prepare(&world);
        let before = everything(&kept);
        live(&world, &start, name);
        assert_untouched(&before, &everything(&kept), name);
    }
}

/// Workspace, agent, seal, candidate, gate, accept, story worktree, removal.
fn live(world: &World, start: &Path, name: &str) {
    let user = UserRepo::discover(start).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let base = user.head().expect("HEAD").commit;
    let fingerprint = user.fingerprint().expect("a fingerprint");
    let aura = AuraRepo::open_or_create(&user).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let workspace = world.workspace_at(&aura, "task", base);
    write(&workspace.path, "src/made.txt", "made by the agent\n");
    let sealed = seal(&aura, &workspace.path, base, "refs/aura/attempts/s/t/1");
    assert_eq!(sealed.paths, ["src/made.txt"], "{name}");

    let author = identity();
    let merged = aura
        .rebase_onto(base, base, sealed.commit, &text("made\n", &author))
        .expect("a candidate");
    let Merged::Clean(candidate) = merged else {
        panic!("{name}: {merged:?}")
    };
    let gate = world.beside("app-worktrees").join("gate");
    aura.checkout_gate(&gate, candidate, crate::git::Clean::Everything)
        .expect("a gate workspace");
    assert_eq!(read(&gate, "src/made.txt"), "made by the agent\n");

    aura.keep("refs/aura/keep/s", candidate).expect("kept");
    aura.publish(&user, candidate).expect("published");
    for reference in ["refs/aura/keep/s", "refs/heads/story/s-1"] {
        let moved = user.move_ref(reference, None, candidate).expect("moved");
        assert_eq!(moved, RefMove::Moved, "{name}: {reference}");
    }
    let (sound, report) = try_git(
        user.common_dir(),
        &["fsck", "--strict", "refs/heads/story/s-1"],
    );
    assert!(sound, "{name}: {report}");

    let removed = aura
        .remove_workspace(&workspace.path, Some(sealed.commit), "refs/aura/salvage/t")
        .expect("removed");
    assert_eq!(removed.salvaged, None, "{name}: sealed work is saved work");
    removed
        .trash
        .expect("a directory")
        .delete()
        .expect("deleted");
    assert!(!workspace.path.exists());
    assert!(user.require_fingerprint(&fingerprint).is_ok(), "{name}");
}

/// What agents were seen to do in worktrees, and some that nobody saw yet.
const AGENT_COMMANDS: &[&[&str]] = &[
    &["stash", "--include-untracked"],
    &["config", "user.name", "Mallory"],
    &["config", "filter.evil.clean", "touch /tmp/never"],
    &["config", "core.hooksPath", "/tmp/never"],
    &["config", "extensions.worktreeConfig", "true"],
    &["checkout", "--quiet", "main"],
    &["commit", "--quiet", "--allow-empty", "-m", "on main"],
    &["branch", "-D", "topic"],
    &["tag", "-f", "v1", "HEAD"],
    &["remote", "add", "evil", "https://evil.example/x"],
    &["worktree", "prune"],
    &["reflog", "expire", "--expire=now", "--all"],
    &["gc", "--quiet", "--prune=now"],
    &["update-ref", "refs/heads/main", "HEAD~1"],
];

#[test]
fn git_commands_of_an_agent_reach_neither_the_user_nor_kept_work() {
    let world = World::new();
    write(&world.root, "src/a.txt", "the user's stash\n");
    git(&world.root, &["stash", "--quiet"]);
    git(&world.root, &["branch", "topic"]);
    git(&world.root, &["tag", "v1"]);
    write(&world.root, "src/b.txt", "the user's edit\n");
    let before = everything(&world.root);

    let aura = world.aura();
    let base = world.head();
    let accepted = world.change(&aura, "first", base, &[("one.txt", Some("one\n"))]);
    let other = world.workspace(&aura, "other");
    let workspace = world.workspace(&aura, "agent");
    write(&workspace.path, "src/a.txt", "an agent's edit\n");
    for command in AGENT_COMMANDS {
        try_git(&workspace.path, command);
    }
    assert_untouched(&before, &everything(&world.root), "after the agent");

    aura.refresh(&world.user()).expect("refreshed");
    let name = git(aura.dir(), &["config", "user.name"]);
    assert_eq!(name, "Uma User", "the configuration is put back");
    assert!(!try_git(aura.dir(), &["config", "filter.evil.clean"]).0);
    assert_eq!(
        git(aura.dir(), &["cat-file", "-t", &accepted.to_string()]),
        "commit"
    );
    let (sound, report) = try_git(aura.dir(), &["fsck", "--strict", "--no-dangling"]);
    assert!(sound, "{report}");

    write(&other.path, "two.txt", "two\n");
    let sealed = seal(&aura, &other.path, base, "refs/aura/attempts/other");
    assert_eq!(sealed.paths, ["two.txt"]);
}

#[test]
fn a_users_prune_takes_nothing_from_us() {
    let world = World::new();
    git(&world.root, &["checkout", "--quiet", "-b", "topic"]);
    write(&world.root, "only-here.txt", "base of a story\n");
    let base = commit_all(&world.root, "topic");
    let aura = world.aura();
    let sealed = world.change(&aura, "task", base, &[("x.txt", Some("x\n"))]);

    git(&world.root, &["checkout", "--quiet", "main"]);
    git(&world.root, &["branch", "-D", "topic"]);
    git(&world.root, &["reflog", "expire", "--expire=now", "--all"]);
    git(&world.root, &["gc", "--quiet", "--prune=now"]);
    assert!(!try_git(&world.root, &["cat-file", "-e", &base.to_string()]).0);

    let workspace = world.workspace_at(&aura, "again", sealed);
    assert_eq!(read(&workspace.path, "only-here.txt"), "base of a story\n");
    let (sound, report) = try_git(aura.dir(), &["fsck", "--strict", "--no-dangling"]);
    assert!(sound, "{report}");
    // Publishing brings back what the user pruned.
    let user = world.user();
    aura.publish(&user, sealed).expect("published");
    user.move_ref("refs/heads/story/x-1", None, sealed)
        .expect("moved");
    let (sound, report) = try_git(&world.root, &["fsck", "--strict"]);
    assert!(sound, "{report}");
}

#[test]
fn remains_of_a_killed_creation_are_swept() {
    let world = World::new();
    let home = world.root.join(".git/aura");
    write(&home, "repo.git.new-1234/objects/pack/half", "half\n");
    let aura = world.aura();
    assert!(!home.join("repo.git.new-1234").exists());
    assert!(aura.dir().join("HEAD").is_file());
}

#[test]
fn newer_commits_and_refs_are_brought_over() {
    let world = World::new();
    let aura = world.aura();
    git(&world.root, &["branch", "a"]);
    let user = world.user();
    aura.refresh(&user).expect("refreshed");
    git(&world.root, &["branch", "-D", "a"]);
    git(&world.root, &["branch", "a/b"]);
    write(&world.root, "later.txt", "later\n");
    let later = commit_all(&world.root, "later");
    git(&world.root, &["repack", "-adq"]);
    aura.refresh_commit(&user, later).expect("arrived");
    assert_eq!(aura.read_ref("refs/heads/main").expect("read"), Some(later));
    let missing = git2::Oid::hash_object(git2::ObjectType::Blob, b"nothing").expect("hash");
    let error = aura
        .refresh_commit(&user, missing)
        .expect_err("no such commit");
    assert_eq!(error.kind(), crate::error::ErrorKind::NotFound);
}

#[test]
fn nothing_is_borrowed_from_the_user() {
    let world = World::new();
    let aura = world.aura();
    assert!(!aura.dir().join("objects/info/alternates").exists());
    assert_eq!(
        git(aura.dir(), &["config", "extensions.preciousObjects"]),
        "true"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let hex = world.head().to_string();
        let file = aura.dir().join("objects").join(&hex[..2]).join(&hex[2..]);
        assert!(
            std::fs::metadata(file).expect("the file").nlink() >= 2,
            "hard-linked"
        );
    }
}

#[test]
fn what_an_agent_committed_on_a_shared_branch_is_kept_when_the_branch_is_put_back() {
    let world = World::new();
    let aura = world.aura();
    let path = world.workspace(&aura, "task").path;
    git(&path, &["checkout", "--quiet", "main"]);
    write(&path, "x.txt", "x\n");
    let own = commit_all(&path, "on main");
    aura.refresh(&world.user()).expect("refreshed");
    let main = || aura.read_ref("refs/heads/main").expect("read");
    assert_eq!(
        main(),
        Some(own),
        "not moved under an agent that stands on it"
    );

    git(&path, &["checkout", "--quiet", "--detach"]);
    aura.refresh(&world.user()).expect("refreshed");
    assert_eq!(main(), Some(world.head()));
    let kept = aura.refs_below("refs/aura/salvage/moved/").expect("listed");
    assert_eq!(kept.into_values().collect::<Vec<_>>(), [own]);
}

#[cfg(unix)]
#[test]
fn a_link_in_the_place_of_a_workspace_is_not_followed() {
    let world = World::new();
    let aura = world.aura();
    let base = world.head();
    let path = world.workspace(&aura, "task").path;
    write(&world.root, "src/a.txt", "the user's edit\n");
    write(&world.root, "mine.txt", "untracked\n");
    let before = everything(&world.root);
    std::fs::remove_dir_all(&path).expect("delete");
    std::os::unix::fs::symlink(&world.root, &path).expect("link");

    let clean = crate::git::Clean::Everything;
    assert!(aura.reset_workspace(&path, base, clean).is_err());
    assert!(aura.salvage(&path, None, "refs/aura/salvage/t").is_err());
    assert!(aura.verify_unchanged(&path, base).is_err());
    let again = world.workspace(&aura, "task");
    assert!(again.salvaged.is_none() && path.is_dir() && !path.is_symlink());
    std::fs::remove_dir_all(&path).expect("delete");
    std::os::unix::fs::symlink(&world.root, &path).expect("link");
    let removed = aura
        .remove_workspace(&path, None, "refs/aura/salvage/t")
        .expect("removed");
    removed.trash.expect("the link").delete().expect("deleted");
    assert_untouched(&before, &everything(&world.root), "behind the link");
}

#[cfg(target_os = "linux")]
#[test]
fn objects_are_copied_where_links_cannot_be_made() {
    use std::os::unix::fs::MetadataExt as _;
    let world = World::new();
    git(&world.root, &["repack", "-adq"]);
    commit_all(&world.root, "a loose one beside the pack");
    let other = tempfile::tempdir_in("/dev/shm").expect("another file system");
    let device = |path: &Path| std::fs::metadata(path).expect("metadata").dev();
    assert_ne!(
        device(other.path()),
        device(&world.root),
        "two file systems"
    );
    git(other.path(), &["init", "--quiet", "--bare"]);
    for _ in 0..2 {
        crate::git::objects::link(&world.root.join(".git"), other.path()).expect("copied");
    }
    let commit = world.head().to_string();
    let (sound, report) = try_git(other.path(), &["fsck", "--strict", &commit]);
    assert!(sound, "{report}");
}
