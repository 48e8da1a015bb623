//! The tables, how an older file becomes a newer one, and how a connection is set up.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::problem::{self, Fault};
use crate::error::{Error, ErrorKind, Result};

/// How long a statement waits for other processes.
const BUSY: Duration = Duration::from_secs(5);

/// How the database survives a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Journal {
    /// A write-ahead log, which needs memory that is shared between the processes.
    WriteAhead,
    /// A rollback journal, which works on every file system.
    Rollback,
}

/// One step from a schema to the next.
pub(super) struct Step {
    /// The version that the step leads to.
    pub(super) version: u32,
    /// What it does.
    pub(super) sql: &'static str,
}

/// All steps, from an empty file to the present schema. A published step is never changed. The computed type is for people
/// with a SQL shell, and refuses a body that is not JSON.
pub(super) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
        CREATE TABLE stories (
            id TEXT PRIMARY KEY,
            title TEXT NOT NULL,
            branch TEXT NOT NULL,
            status TEXT NOT NULL,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            last_seq INTEGER NOT NULL,
            epoch INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE events (
            story TEXT NOT NULL,
            seq INTEGER NOT NULL,
            at TEXT NOT NULL,
            body TEXT NOT NULL,
            type TEXT AS (json_extract(body, '$.type')),
            PRIMARY KEY (story, seq)
        ) STRICT;
        CREATE TABLE inbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            story TEXT NOT NULL,
            verb TEXT NOT NULL,
            actor TEXT NOT NULL,
            at TEXT NOT NULL
        ) STRICT;
        CREATE INDEX inbox_by_story ON inbox (story, id);
    ",
}];

/// The version that these steps lead to.
pub(super) fn latest(steps: &[Step]) -> u32 {
    steps.last().map_or(0, |step| step.version)
}

/// The connection that writes: tables present and up to date.
pub(super) fn open_writer(path: &Path, journal: Journal) -> Result<Connection> {
    let open = || -> Result<Connection, Fault> {
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        let journal = set_journal(&connection, journal)?;
        let synchronous = match journal {
            Journal::WriteAhead => "FULL",
            // With FULL a power cut can bring the journal back, and so take a commit back.
            Journal::Rollback => "EXTRA",
        };
        connection.pragma_update(None, "synchronous", synchronous)?;
        migrate(&mut connection, path, STEPS)?;
        Ok(connection)
    };
    open().map_err(|fault| fault.into_error("open", path))
}

/// A connection that only reads. It may still have to finish what a crashed writer left, so the file is opened for writing.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The best journal that this place can have.
pub(super) fn journal_for(directory: &Path) -> Journal {
    if is_shared_between_machines(directory) {
        Journal::Rollback
    } else {
        Journal::WriteAhead
    }
}

fn set_journal(connection: &Connection, wanted: Journal) -> rusqlite::Result<Journal> {
    let set = |mode: &str| -> rusqlite::Result<String> {
        connection.pragma_update_and_check(None, "journal_mode", mode, |row| row.get(0))
    };
    // SQLite answers "busy" at once, without its timeout, when several processes set the mode of a new file.
    let patiently = |mode: &str| {
        let end = Instant::now() + BUSY;
        loop {
            match set(mode) {
                Err(error) if problem::is_busy(&error) && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                answer => return answer,
            }
        }
    };
    if wanted == Journal::WriteAhead
        && let Ok(mode) = patiently("wal")
        && mode == "wal"
    {
        return Ok(Journal::WriteAhead);
    }
    match patiently("delete")?.as_str() {
        "wal" => Ok(Journal::WriteAhead),
        _ => Ok(Journal::Rollback),
    }
}

/// Brings the tables up to date, after a copy of the file when there is something in it. All or nothing.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    steps: &[Step],
) -> Result<(), Fault> {
    if version(connection, path)? == latest(steps) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = version(&transaction, path)?;
    expect_at_most(from, latest(steps), path)?;
    if from > 0 && from < latest(steps) {
        back_up(path, from)?;
    }
    for step in steps.iter().filter(|step| step.version > from) {
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES ('schema_version', ?1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [step.version.to_string()],
        )?;
    }
    transaction.commit()?;
    Ok(())
}

/// Refuses to write to tables that another version has changed since they were opened.
pub(super) fn expect_latest(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let found = stated_version(connection, path)?;
    expect_at_most(found, latest(STEPS), path)
}

fn expect_at_most(found: u32, known: u32, path: &Path) -> Result<(), Fault> {
    if found <= known {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Store,
        format!(
            "the store {} has schema version {found}, and this version of Aura knows versions up to {known}",
            path.display()
        ),
    )
    .with_help("a newer version of Aura has been used in this repository; use that one")
    .into())
}

/// 0 for an empty file.
fn version(connection: &Connection, path: &Path) -> Result<u32, Fault> {
    let (tables, ours): (u32, bool) = connection.query_row(
        "SELECT count(*), coalesce(max(name = 'meta'), 0) FROM sqlite_schema WHERE type = 'table'",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match (tables, ours) {
        (0, _) => Ok(0),
        (_, true) => stated_version(connection, path),
        (_, false) => Err(foreign(path)),
    }
}

fn stated_version(connection: &Connection, path: &Path) -> Result<u32, Fault> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'schema_version'")?
        .query_row([], |row| row.get::<_, String>(0))
        .optional()?
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| foreign(path))
}

fn foreign(path: &Path) -> Fault {
    Error::new(
        ErrorKind::Store,
        format!("{} is a database, but not a store of Aura", path.display()),
    )
    .with_help("move the file away; Aura makes a new one")
    .into()
}

/// The caller holds the write lock, so the copy is exactly what the steps start from.
fn back_up(path: &Path, version: u32) -> Result<(), Fault> {
    let target = beside(path, &format!(".v{version}.backup"));
    let unfinished = beside(path, &format!(".v{version}.backup.{}", std::process::id()));
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::io("remove", &unfinished, error).into());
        }
        _ => {}
    }
    let copier = Connection::open(path)?;
    copier.busy_timeout(BUSY)?;
    let name = unfinished.to_str().ok_or_else(|| {
        Error::new(
            ErrorKind::Store,
            format!("the path {} is not Unicode", unfinished.display()),
        )
        .with_help("SQLite can only copy to a path in Unicode; move the repository")
    })?;
    copier.execute("VACUUM INTO ?1", [name])?;
    std::fs::rename(&unfinished, &target)
        .map_err(|error| Error::io("move the backup to", &target, error))?;
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

/// File systems on which two machines do not see one another's shared memory.
#[cfg(target_os = "linux")]
fn is_shared_between_machines(directory: &Path) -> bool {
    const MAGIC: [u64; 10] = [
        0x6969,      // NFS
        0x517b,      // SMB
        0xfe53_4d42, // SMB 2
        0xff53_4d42, // CIFS
        0x5346_414f, // AFS
        0x00c3_6400, // Ceph
        0x0bd0_0bd0, // Lustre
        0x0102_1997, // 9P
        0x0116_1970, // GFS2
        0x6573_5546, // FUSE, behind which anything can be
    ];
    rustix::fs::statfs(directory)
        .is_ok_and(|stat| MAGIC.contains(&(stat.f_type as u64 & 0xffff_ffff)))
}

/// Elsewhere only the refusal of SQLite itself tells.
#[cfg(not(target_os = "linux"))]
fn is_shared_between_machines(_: &Path) -> bool {
    false
}
