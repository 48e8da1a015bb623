//! Questions about the history of commits.
//!
//! Libgit2's walks do not know the boundary of shallow repositories (reading one commit does), so
//! these go to the git program unless a short look along first parents answers them.

use git2::{Oid, Repository};

use crate::error::{Error, ErrorKind, Result};

use super::command::GitCommand;
use super::failure::During;

/// How many first parents are looked at before git is asked.
const SHORT_LOOK: usize = 64;

/// Whether `ancestor` is `commit` or in its history.
pub(super) fn contains(
    repo: &Repository,
    command: impl FnOnce() -> Result<GitCommand>,
    commit: Oid,
    ancestor: Oid,
) -> Result<bool> {
    let mut next = commit;
    for _ in 0..SHORT_LOOK {
        if next == ancestor {
            return Ok(true);
        }
        let found = match repo.find_commit(next) {
            // The boundary of a shallow repository: what a bare one reads of it still names its parents.
            Err(error) if next != commit && error.code() == git2::ErrorCode::NotFound => break,
            found => found.during(format!("read commit {next}"))?,
        };
        match found.parent_id(0) {
            Ok(parent) if found.parent_count() == 1 => next = parent,
            Ok(_) => break,
            Err(_) => return Ok(false),
        }
    }
    let mut command = command()?.args(["merge-base", "--is-ancestor"]);
    command = command.args([ancestor.to_string(), commit.to_string()]);
    let output = command.output()?;
    match output.code {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(command.failed(&output)),
    }
}

/// The best common ancestor; `None` when the histories share none.
pub(super) fn merge_base(command: GitCommand, one: Oid, other: Oid) -> Result<Option<Oid>> {
    let mut command = command.args(["merge-base", &one.to_string(), &other.to_string()]);
    let output = command.output()?;
    match output.code {
        Some(0) => parse(&output.stdout).map(|ids| ids.first().copied()),
        Some(1) => Ok(None),
        _ => Err(command.failed(&output)),
    }
}

/// The commits that `commit` reaches and none of `known` does, parents first.
pub(super) fn new_commits(
    command: GitCommand,
    commit: Oid,
    known: impl IntoIterator<Item = Oid>,
) -> Result<Vec<Oid>> {
    let mut input = format!("{commit}\n");
    for id in known {
        input.push_str(&format!("^{id}\n"));
    }
    let output = command
        .args(["rev-list", "--topo-order", "--reverse", "--stdin"])
        .input(input.into_bytes())
        .run()?;
    parse(&output)
}

/// How many commits `head` has that `base` has not.
pub(super) fn count_since(command: GitCommand, base: Oid, head: Oid) -> Result<usize> {
    if base == head {
        return Ok(0);
    }
    let text = command
        .args(["rev-list", "--count", &format!("{base}..{head}")])
        .text()?;
    text.parse().map_err(|_| unexpected(&text))
}

/// Whether a branch, a tag or a ref of Aura reaches `commit`. The stash does not count: it is dropped easily.
pub(super) fn is_kept(command: GitCommand, commit: Oid) -> Result<bool> {
    let output = command
        .args(["rev-list", "--max-count=1", &commit.to_string(), "--not"])
        .args(["--branches", "--tags", "--remotes", "--glob=refs/aura/*"])
        .run()?;
    Ok(parse(&output)?.is_empty())
}

fn parse(output: &[u8]) -> Result<Vec<Oid>> {
    let text = String::from_utf8_lossy(output);
    text.split_whitespace()
        .map(|word| Oid::from_str(word).map_err(|_| unexpected(word)))
        .collect()
}

fn unexpected(text: &str) -> Error {
    Error::new(
        ErrorKind::Git,
        format!("git answered {text:?} where an object name or a number was expected"),
    )
}
