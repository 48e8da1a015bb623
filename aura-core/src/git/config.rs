//! The configuration of Aura's repository: an allow-list copied from the user's, kept against changes.
//!
//! A linked worktree shares the repository's configuration with every other, so an agent's
//! `git config` would reach all of them and Aura's own commands. The files are therefore compared
//! with what they should be before every command, and put back.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::error::Result;

use super::command::split_nul;
use super::failure::AtPath;
use super::user::UserRepo;

/// Plain keys that change how files are written or who authors commits.
const KEYS: &[&str] = &[
    "user.name",
    "user.email",
    "author.name",
    "author.email",
    "committer.name",
    "committer.email",
    "core.autocrlf",
    "core.eol",
    "core.filemode",
    "core.symlinks",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.longpaths",
    "lfs.url",
    "lfs.storage",
];

/// The files that Aura keeps as they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnSettings {
    config: String,
    exclude: Vec<u8>,
}

impl OwnSettings {
    /// Writes whatever differs back into the repository `dir`.
    pub(super) fn restore(&self, dir: &Path) -> Result<()> {
        write_when_different(&dir.join("config"), self.config.as_bytes())?;
        let info = dir.join("info");
        std::fs::create_dir_all(&info).at("create", &info)?;
        write_when_different(&info.join("exclude"), &self.exclude)?;
        for planted in ["attributes", "grafts"] {
            let path = info.join(planted);
            if path.symlink_metadata().is_ok() {
                std::fs::remove_file(&path).at("remove", &path)?;
            }
        }
        Ok(())
    }
}

fn write_when_different(path: &Path, content: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let mut aside = path.as_os_str().to_owned();
    // Distinct for every process and thread that may put the same file back at the same time.
    let thread = std::thread::current().id();
    aside.push(format!(".aura-{}-{thread:?}", std::process::id()));
    let aside = PathBuf::from(aside);
    std::fs::write(&aside, content).at("write", &aside)?;
    std::fs::rename(&aside, path).at("replace", path)
}

/// Reads the allow-listed settings of the user's repository.
pub(super) fn collect_settings(user: &UserRepo) -> Result<OwnSettings> {
    let output = user.command().args(["config", "--list", "-z"]).run()?;
    let mut settings = Vec::new();
    let mut excludes_file = None;
    for entry in split_nul(&output) {
        let text = String::from_utf8_lossy(entry);
        let (key, value) = text.split_once('\n').unwrap_or((&text, "true"));
        if key == "core.excludesfile" {
            excludes_file = Some(value.to_owned());
        }
        if let Some(value) = allowed(key, value) {
            settings.push((key.to_owned(), value));
        }
    }
    let shared_lfs = user.common_dir().join("lfs");
    if !settings.iter().any(|(key, _)| key == "lfs.storage") {
        settings.push(("lfs.storage".to_owned(), shared_lfs.display().to_string()));
    } else {
        for (key, value) in &mut settings {
            if key == "lfs.storage" && Path::new(value).is_relative() {
                *value = user.common_dir().join(&*value).display().to_string();
            }
        }
    }
    let mut exclude = std::fs::read(user.common_dir().join("info/exclude")).unwrap_or_default();
    if excludes_file.is_some() {
        // Git itself expands a leading `~`.
        let path = user
            .command()
            .args(["config", "--path", "core.excludesFile"])
            .text()?;
        exclude.push(b'\n');
        exclude.extend(std::fs::read(path).unwrap_or_default());
    }
    Ok(OwnSettings {
        config: render(&settings),
        exclude,
    })
}

/// The value to copy for an allowed key.
fn allowed(key: &str, value: &str) -> Option<String> {
    if KEYS.contains(&key) {
        return Some(value.to_owned());
    }
    let (section, rest) = key.split_once('.')?;
    let (name, variable) = rest.rsplit_once('.')?;
    match (section, variable) {
        ("filter", "clean" | "smudge" | "process" | "required") => Some(value.to_owned()),
        ("remote", "url") if !name.is_empty() => Some(without_credentials(value)),
        ("remote", "fetch") => Some(value.to_owned()),
        _ => None,
    }
}

/// Removes user names, passwords and tokens from an address; the account of an ssh address stays.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let Some((account, host)) = authority.rsplit_once('@') else {
        return url.to_owned();
    };
    if scheme.contains("ssh") {
        let name = account.split(':').next().unwrap_or_default();
        return format!("{scheme}://{name}@{host}{path}");
    }
    format!("{scheme}://{host}{path}")
}

fn render(settings: &[(String, String)]) -> String {
    let mut text = String::from(
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n\
         \tfsync = committed,reference\n[extensions]\n\tpreciousObjects = true\n[gc]\n\tauto = 0\n\
         [maintenance]\n\tauto = false\n[push]\n\tdefault = nothing\n",
    );
    for (key, value) in settings {
        let Some((section, rest)) = key.split_once('.') else {
            continue;
        };
        // Writing to a string cannot fail.
        let _ = match rest.rsplit_once('.') {
            Some((name, variable)) => {
                writeln!(
                    text,
                    "[{section} \"{}\"]\n\t{variable} = {}",
                    escaped(name),
                    quoted(value)
                )
            }
            None => writeln!(text, "[{section}]\n\t{rest} = {}", quoted(value)),
        };
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

fn quoted(value: &str) -> String {
    let inner = escaped(value).replace('\n', "\\n").replace('\t', "\\t");
    format!("\"{inner}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_left_out_of_addresses() {
        let table = [
            (
                "https://me:secret@host.example/x.git",
                "https://host.example/x.git",
            ),
            (
                "https://token@host.example/x.git",
                "https://host.example/x.git",
            ),
            ("https://a@b:c@host.example/x@y", "https://host.example/x@y"),
            (
                "ssh://git:pw@host.example:22/x",
                "ssh://git@host.example:22/x",
            ),
            ("git@host.example:x.git", "git@host.example:x.git"),
            ("/srv/x.git", "/srv/x.git"),
            ("https://host.example", "https://host.example"),
        ];
        for (url, expected) in table {
            assert_eq!(without_credentials(url), expected);
        }
    }

    #[test]
    fn only_listed_settings_are_copied() {
        let table = [
            ("user.name", true),
            ("filter.lfs.process", true),
            ("remote.origin.url", true),
            ("core.fsmonitor", false),
            ("core.hookspath", false),
            ("alias.x", false),
            ("credential.helper", false),
            ("http.https://host/.extraheader", false),
            ("include.path", false),
            ("merge.mine.driver", false),
            ("url.x.insteadof", false),
        ];
        for (key, expected) in table {
            assert_eq!(allowed(key, "v").is_some(), expected, "{key}");
        }
    }

    #[test]
    fn git_reads_back_what_is_rendered() {
        let nasty = "a \"b\" \\ c # d ; e\tf\n g ";
        let settings = [
            ("user.name".to_owned(), nasty.to_owned()),
            (
                "filter.my \"odd\".name.clean".to_owned(),
                "cat %f".to_owned(),
            ),
        ];
        let directory = tempfile::tempdir().expect("temporary directory");
        let file = directory.path().join("config");
        std::fs::write(&file, render(&settings)).expect("write");
        let git = super::super::command::Git::locate().expect("git");
        for (key, value) in &settings {
            let output = git
                .command(super::super::command::Owner::Aura, directory.path())
                .args(["config", "-z", "-f", "config", key])
                .run()
                .expect("git reads the file");
            assert_eq!(output.strip_suffix(b"\0"), Some(value.as_bytes()));
        }
    }
}
