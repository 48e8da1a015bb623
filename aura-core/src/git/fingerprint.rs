//! What in the user's repository can make git run other programs, as a comparable value.
//!
//! An agent that leaves its workspace could plant a filter, a hook or an attribute there, which a
//! later git command of Aura would run as the user. So before Aura writes there, the value is
//! compared with the one from the start of the run.

use std::collections::BTreeMap;
use std::path::Path;

use git2::{ObjectType, Oid};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

use super::command::split_nul;
use super::failure::{AtPath, During};
use super::user::UserRepo;

/// Digests of the repository's configuration, hooks and `info/`.
///
/// Sections `branch.*` are left out: editors write them all the time, and every command that Aura
/// runs overrides the one of them that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fingerprint {
    config: String,
    hooks: String,
    info: String,
}

impl Fingerprint {
    /// The names of the parts that differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<&'static str> {
        [
            ("config", self.config != other.config),
            ("hooks", self.hooks != other.hooks),
            ("info", self.info != other.info),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

impl UserRepo {
    /// The present fingerprint.
    pub(crate) fn fingerprint(&self) -> Result<Fingerprint> {
        let common = self.common_dir();
        Ok(Fingerprint {
            config: self.config_digest()?,
            hooks: digest_of_directory(&common.join("hooks"), &[])?,
            info: digest_of_directory(&common.join("info"), &["refs"])?,
        })
    }

    /// Refuses when something changed since `expected` was taken.
    ///
    /// # Errors
    /// `ForeignChange` naming the parts.
    pub(crate) fn require_fingerprint(&self, expected: &Fingerprint) -> Result<()> {
        let changed = expected.differences(&self.fingerprint()?);
        if changed.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::ForeignChange,
            format!(
                "{} of {} changed while the run was active",
                changed.join(", "),
                self.common_dir().display()
            ),
        )
        .with_help(
            "look at what changed; if you made the change yourself, resume with --accept-repo-changes",
        ))
    }

    fn config_digest(&self) -> Result<String> {
        let mut entries = Vec::new();
        let output = self
            .command()
            .args(["config", "--local", "--includes", "--list", "-z"])
            .run()?;
        for entry in split_nul(&output) {
            if !entry.starts_with(b"branch.") {
                entries.extend_from_slice(entry);
                entries.push(0);
            }
        }
        for place in [self.common_dir(), self.git_dir()] {
            let file = place.join("config.worktree");
            if file.exists() {
                entries.extend(std::fs::read(&file).at("read", &file)?);
            }
            entries.push(1);
        }
        digest(&entries)
    }
}

fn digest(bytes: &[u8]) -> Result<String> {
    Ok(Oid::hash_object(ObjectType::Blob, bytes)
        .during("hash the repository's settings")?
        .to_string())
}

fn digest_of_directory(directory: &Path, except: &[&str]) -> Result<String> {
    let mut files = BTreeMap::new();
    collect(directory, "", except, &mut files)?;
    let mut all = Vec::new();
    for (name, value) in files {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.extend_from_slice(value.as_bytes());
        all.push(0);
    }
    digest(&all)
}

fn collect(
    directory: &Path,
    prefix: &str,
    except: &[&str],
    files: &mut BTreeMap<String, String>,
) -> Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at("read", directory),
    };
    for entry in entries {
        let entry = entry.at("read", directory)?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().at("look at", &path)?;
        if except.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            collect(&path, &format!("{name}/"), except, files)?;
            continue;
        }
        let target = std::fs::read_link(&path).unwrap_or_default();
        let content = match std::fs::metadata(&path) {
            Ok(about) if about.is_file() => std::fs::read(&path).at("read", &path)?,
            _ => Vec::new(),
        };
        let value = format!(
            "{} {} {}",
            is_executable(&path),
            target.display(),
            digest(&content)?
        );
        files.insert(name, value);
    }
    Ok(())
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
}
