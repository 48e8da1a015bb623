//! Which repositories may have their configured commands run.
//!
//! A person trusts a configuration file at a path, word for word: the whole text is kept, so that any change of it has to be looked
//! at again. The record lies with the user, never in the repository.

use std::path::{Path, PathBuf};

use aura_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::words;

/// The records of one user.
#[derive(Debug, Clone)]
pub(crate) struct TrustStore {
    dir: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    /// The configuration file.
    path: PathBuf,
    /// Its text when it was trusted.
    text: String,
}

impl TrustStore {
    /// The records below the user's state directory.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self {
            dir: state_dir.join("trust"),
        }
    }

    /// Whether exactly this configuration at exactly this path is trusted. One that names no command needs no trust.
    ///
    /// # Errors
    /// `Io` where the record is there and cannot be read.
    pub(crate) fn trusts(&self, config: &Config) -> Result<bool> {
        if config.commands().is_empty() {
            return Ok(true);
        }
        let file = self.file(&config.path);
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(Error::io("read", &file, error)),
        };
        // A record that cannot be understood trusts nothing.
        Ok(serde_json::from_slice::<Record>(&text)
            .is_ok_and(|record| record.path == config.path && record.text == config.text))
    }

    /// Trusts the configuration as it is now.
    ///
    /// # Errors
    /// `Io` where the record cannot be written.
    pub(crate) fn trust(&self, config: &Config) -> Result<()> {
        let file = self.file(&config.path);
        let record = Record {
            path: config.path.clone(),
            text: config.text.clone(),
        };
        std::fs::create_dir_all(&self.dir)
            .map_err(|error| Error::io("create", &self.dir, error))?;
        let mut temporary = tempfile::NamedTempFile::new_in(&self.dir)
            .map_err(|error| Error::io("write to", &self.dir, error))?;
        std::io::Write::write_all(&mut temporary, crate::output::to_json(&record)?.as_bytes())
            .map_err(|error| Error::io("write", &file, error))?;
        temporary
            .persist(&file)
            .map_err(|error| Error::io("write", &file, error.error))?;
        Ok(())
    }

    /// Trusts the configuration at that path no longer; says whether it was trusted.
    ///
    /// # Errors
    /// `Io` where the record cannot be removed.
    pub(crate) fn revoke(&self, path: &Path) -> Result<bool> {
        let file = self.file(path);
        match std::fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("remove", &file, error)),
        }
    }

    /// The record's file. Two paths may share one; the record says which it is about.
    fn file(&self, path: &Path) -> PathBuf {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in path.as_os_str().as_encoded_bytes() {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.dir.join(format!("{hash:016x}.json"))
    }
}

/// The refusal that lists what would be run.
pub(crate) fn untrusted(config: &Config) -> Error {
    let list: Vec<String> = config
        .commands()
        .into_iter()
        .map(|(what, command)| format!("  {what}: {}", words::join(&command)))
        .collect();
    let path = config.path.display();
    Error::new(
        ErrorKind::Untrusted,
        format!(
            "{path} wants to run commands that you have not allowed:\n{}",
            list.join("\n")
        ),
    )
    .with_help("read them, then run `aura trust`; or allow them for one call with --trust")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(path: &str, command: &str) -> Config {
        let text = format!("gates: [{{ name: test, command: [{command}] }}]\n");
        Config::parse(&text, Path::new(path)).expect("a good configuration")
    }

    #[test]
    fn trust_holds_for_one_text_at_one_path() {
        let temp = tempfile::tempdir().expect("a directory");
        let store = TrustStore::new(temp.path());
        let one = config("/a/agent-config.yaml", "make");
        assert!(!store.trusts(&one).expect("an answer"));
        store.trust(&one).expect("trusted");
        assert!(store.trusts(&one).expect("an answer"));
        assert!(
            !store
                .trusts(&config("/a/agent-config.yaml", "rm"))
                .expect("an answer")
        );
        assert!(
            !store
                .trusts(&config("/b/agent-config.yaml", "make"))
                .expect("an answer")
        );
        assert!(store.revoke(&one.path).expect("revoked"));
        assert!(!store.revoke(&one.path).expect("nothing left"));
        assert!(!store.trusts(&one).expect("an answer"));
    }

    #[test]
    fn a_configuration_without_commands_needs_none_and_a_damaged_record_gives_none() {
        let temp = tempfile::tempdir().expect("a directory");
        let store = TrustStore::new(temp.path());
        let quiet = Config::parse("retry: { max: 1 }", Path::new("/a")).expect("good");
        assert!(store.trusts(&quiet).expect("an answer"));
        let one = config("/a/agent-config.yaml", "make");
        store.trust(&one).expect("trusted");
        std::fs::write(store.file(&one.path), "{").expect("damaged");
        assert!(!store.trusts(&one).expect("an answer"));
    }

    #[test]
    fn the_refusal_lists_every_command() {
        let error = untrusted(&config("/a/agent-config.yaml", "make, 'a b'"));
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert!(
            error.to_string().ends_with("\n  gate test: make 'a b'"),
            "{error}"
        );
    }
}
