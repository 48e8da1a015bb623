//! Where the repository's checkout is, for the files that a person keeps in it.

use std::path::{Path, PathBuf};

/// The root of the checkout that `path` lies in. A workspace of Aura stands for the checkout of the repository that Aura works for:
/// what agents wrote there says nothing about how they are to be judged. `None` outside a checkout and in a bare repository.
pub(crate) fn root(path: &Path) -> Option<PathBuf> {
    let path = std::fs::canonicalize(path).ok()?;
    let found = path.ancestors().find(|dir| dir.join(".git").exists())?;
    let dot_git = found.join(".git");
    if dot_git.is_dir() {
        return Some(found.to_owned());
    }
    let text = std::fs::read_to_string(&dot_git).ok()?;
    let git_dir = found.join(text.trim().strip_prefix("gitdir:")?.trim());
    let git_dir = std::fs::canonicalize(&git_dir).unwrap_or(git_dir);
    match owner(&git_dir) {
        Some(common) => checkout_of(&common),
        None => Some(found.to_owned()),
    }
}

/// Whether HEAD of the checkout that `path` lies in names a commit and not a branch. What cannot be read is left to git to judge.
pub(crate) fn is_detached(path: &Path) -> bool {
    let Some(root) = root(path) else {
        return false;
    };
    let dot_git = root.join(".git");
    let git_dir = match std::fs::read_to_string(&dot_git) {
        Ok(text) => root.join(text.trim().trim_start_matches("gitdir:").trim()),
        Err(_) => dot_git,
    };
    std::fs::read_to_string(git_dir.join("HEAD")).is_ok_and(|head| !head.starts_with("ref:"))
}

/// The user's common git directory, where `git_dir` is `<common>/aura/repo.git/worktrees/<name>`.
fn owner(git_dir: &Path) -> Option<PathBuf> {
    let home = git_dir
        .ancestors()
        .find(|dir| dir.file_name().is_some_and(|name| name == "repo.git"))?
        .parent()?;
    let common = home.parent()?;
    let is_aura =
        home.file_name().is_some_and(|name| name == "aura") && common.join("HEAD").is_file();
    is_aura.then(|| common.to_owned())
}

fn checkout_of(common: &Path) -> Option<PathBuf> {
    (common.file_name()? == ".git").then(|| common.parent().map(Path::to_owned))?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{is_detached, root};

    #[test]
    fn checkouts_are_found_from_inside_and_workspaces_stand_for_them() {
        let temp = tempfile::tempdir().expect("a directory");
        let base = fs::canonicalize(temp.path()).expect("a path");
        let user = base.join("app");
        let inside = user.join("src/deep");
        fs::create_dir_all(&inside).expect("directories");
        let workspace_git = user.join(".git/aura/repo.git/worktrees/w1");
        fs::create_dir_all(&workspace_git).expect("directories");
        fs::write(user.join(".git/HEAD"), "ref: refs/heads/main\n").expect("a file");
        let link = |dir: &str, git_dir: &std::path::Path| {
            let dir = base.join(dir);
            fs::create_dir_all(&dir).expect("directories");
            fs::write(dir.join(".git"), format!("gitdir: {}\n", git_dir.display()))
                .expect("a file");
            dir
        };
        let workspace = link("app-worktrees/w1", &workspace_git);
        let linked_git = user.join(".git/worktrees/side");
        fs::create_dir_all(&linked_git).expect("directories");
        let linked = link("side", &linked_git);

        for (from, expected) in [
            (&user, Some(&user)),
            (&inside, Some(&user)),
            (&workspace, Some(&user)),
            (&linked, Some(&linked)),
            (&base.join("missing"), None),
        ] {
            assert_eq!(root(from).as_ref(), expected, "{}", from.display());
        }
    }

    #[test]
    fn a_detached_head_is_told_from_a_branch() {
        let temp = tempfile::tempdir().expect("a directory");
        let base = fs::canonicalize(temp.path()).expect("a path");
        let (main, linked) = (base.join("main"), base.join("linked"));
        let linked_git = main.join(".git/worktrees/linked");
        fs::create_dir_all(&linked_git).expect("directories");
        fs::create_dir_all(&linked).expect("a directory");
        fs::write(
            linked.join(".git"),
            format!("gitdir: {}\n", linked_git.display()),
        )
        .expect("a file");
        let commit = "0123456789abcdef0123456789abcdef01234567\n";
        for (main_head, linked_head) in [
            ("ref: refs/heads/main\n", commit),
            (commit, "ref: refs/heads/x\n"),
        ] {
            fs::write(main.join(".git/HEAD"), main_head).expect("a file");
            fs::write(linked_git.join("HEAD"), linked_head).expect("a file");
            let found = (is_detached(&main), is_detached(&linked));
            assert_eq!(found, (main_head == commit, linked_head == commit));
        }
        assert!(!is_detached(&base.join("missing")));
    }
}
