//! Whether one file is the one that was made, and sound.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};

use super::identity::Identity;
use crate::owner::TableOwner;

/// `MSTB`, in the file's header: SQLite's place for whose format it is.
const APPLICATION_ID: i32 = 0x4d53_5442;
/// The table of the mark. No table of DynamoDB can have this name.
const MARK: &str = "millstream file";
/// A table that the embedded database always makes.
const EMBEDDED: &str = "_tables";

const INTERRUPT_INTERVAL: Duration = Duration::from_millis(10);

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("the file is missing")]
    Missing,
    #[error("the file is empty")]
    Empty,
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    #[error("the file is no SQLite database, or its header is damaged")]
    NoDatabase,
    #[error("the database is damaged: {0}")]
    Damaged(String),
    #[error("the file is not one that Millstream made for these tables")]
    Foreign,
    #[error("the file was made for these tables, but another one was here last")]
    Other,
    #[error(
        "the file was replaced while the server ran; it is looked at when the server starts again"
    )]
    Replaced,
    #[error("the disk did not keep what was written: {0}; the server must be started again")]
    Unsynced(String),
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// It was made before there were marks, or by somebody else.
    None,
    Some(Identity),
}

/// How much of a file is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Depth {
    /// That it opens, and its mark.
    Mark,
    /// Every page, and whether it can be one of a database; until then, and no longer.
    Pages(Instant),
    /// Every page, and whether the indexes agree with the tables.
    Everything,
}

/// What was found in a file in which nothing is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sound {
    pub(super) mark: Mark,
    /// False if the time was over before.
    pub(super) is_read_whole: bool,
}

/// Looks at a file. A journal that a killed server left beside it is played back, as opening it always does.
pub(super) fn check(path: &Path, owner: &TableOwner, depth: Depth) -> Result<Sound, Damage> {
    is_there(path)?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(damage)?;
    let mark = mark(&connection, owner)?;
    let is_read_whole = match depth {
        Depth::Mark => false,
        Depth::Pages(deadline) => pages(&connection, "quick_check", Some(deadline))?,
        Depth::Everything => pages(&connection, "integrity_check", None)?,
    };
    Ok(Sound {
        mark,
        is_read_whole,
    })
}

/// What the file system alone tells. SQLite takes an empty file for a new database.
pub(super) fn is_there(path: &Path) -> Result<(), Damage> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(Damage::Unreadable("it is no file".to_owned())),
        Ok(found) if found.len() == 0 => Err(Damage::Empty),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Damage::Missing),
        Err(error) => Err(Damage::Unreadable(error.to_string())),
    }
}

/// Makes a file, or marks one that has no mark. It is durable when this returns, but for its name in its folder.
pub(super) fn make(
    path: &Path,
    owner: &TableOwner,
    identity: Identity,
) -> Result<(), rusqlite::Error> {
    let mut connection = Connection::open(path)?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.execute_batch(&format!(
        "CREATE TABLE \"{MARK}\" (account TEXT NOT NULL, region TEXT NOT NULL, identity TEXT NOT NULL)"
    ))?;
    transaction.execute(
        &format!("INSERT INTO \"{MARK}\" VALUES (?1, ?2, ?3)"),
        [
            owner.account.as_str(),
            owner.region.as_str(),
            &identity.to_string(),
        ],
    )?;
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}

fn mark(connection: &Connection, owner: &TableOwner) -> Result<Mark, Damage> {
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(damage)?;
    match application {
        0 if has_table(connection, EMBEDDED)? && !has_table(connection, MARK)? => {
            return Ok(Mark::None);
        }
        APPLICATION_ID if has_table(connection, MARK)? => {}
        _ => return Err(Damage::Foreign),
    }
    let read = connection
        .query_row(
            &format!("SELECT account, region, identity FROM \"{MARK}\""),
            [],
            |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                ))
            },
        )
        .optional()
        .map_err(damage)?;
    let Some((account, region, identity)) = read else {
        return Err(Damage::Foreign);
    };
    let is_own = account == owner.account.as_str() && region == owner.region.as_str();
    match identity.parse() {
        Ok(identity) if is_own => Ok(Mark::Some(identity)),
        _ => Err(Damage::Foreign),
    }
}

fn has_table(connection: &Connection, name: &str) -> Result<bool, Damage> {
    let found = connection.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [name],
        |row| row.get::<_, i64>(0),
    );
    found.map(|count| count > 0).map_err(damage)
}

/// False if the time was over before all was read.
fn pages(connection: &Connection, pragma: &str, deadline: Option<Instant>) -> Result<bool, Damage> {
    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
        return Ok(false);
    }
    let interrupt = connection.get_interrupt_handle();
    let checked = thread::scope(|scope| {
        let (done, is_done) = channel::<()>();
        if let Some(deadline) = deadline {
            scope.spawn(move || {
                let mut left = deadline.saturating_duration_since(Instant::now());
                // Again and again: an interrupt before the statement has begun is none.
                while is_done.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
                    interrupt.interrupt();
                    left = INTERRUPT_INTERVAL;
                }
            });
        }
        let answer: Result<String, _> =
            connection.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get(0));
        drop(done);
        answer
    });
    match checked {
        Ok(answer) if answer == "ok" => Ok(true),
        Ok(answer) => Err(Damage::Damaged(answer)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(false)
        }
        Err(error) => Err(damage(error)),
    }
}

fn damage(error: rusqlite::Error) -> Damage {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => Damage::NoDatabase,
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            Damage::Unreadable(error.to_string())
        }
        _ => Damage::Damaged(error.to_string()),
    }
}
