//! Copies of the files of tables while they are served.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::list::{self, Entries};
use super::{State, TableFiles, create_folder, line, relative};
use crate::files::check::{Depth, Mark, check};
use crate::owner::TableOwner;

/// How often a file is tried again that somebody else has locked, and how long it is waited for each time. SQLite lets
/// readers and a writer work beside each other: who locks a file as a whole is opening, closing or repairing it.
const TRIES: u32 = 50;
const TRY_INTERVAL: Duration = Duration::from_millis(100);

/// Why files of tables cannot be copied. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum TablesCopyError {
    /// A file is not as it must be, and is not served.
    #[error("tables cannot be copied: {0}. See `millstream verify`")]
    Damaged(String),
    /// A file cannot be read, or its copy not written.
    #[error("tables cannot be copied: {file}")]
    File {
        /// Relative to the data folder.
        file: String,
        /// What failed.
        #[source]
        source: rusqlite::Error,
    },
    /// Folders or the list cannot be written, or the copy is not what was copied.
    #[error("the copies of tables cannot be written")]
    Folder(#[source] io::Error),
}

impl TablesCopyError {
    /// Whether the disk of the copies has no room.
    pub fn is_for_want_of_room(&self) -> bool {
        match self {
            Self::Damaged(_) => false,
            Self::File { source, .. } => {
                source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            }
            Self::Folder(source) => source.kind() == io::ErrorKind::StorageFull,
        }
    }
}

impl TableFiles {
    /// Copies every file into another folder, with a list of them, each as of some moment after this was called: so all
    /// that was answered before is there. Each is whole by itself; their moments differ. All is durable when this returns.
    /// Answers the paths that were written, relative to the folder, which must have no tables.
    ///
    /// # Errors
    /// See [`TablesCopyError`]; some of the copies may be there then.
    pub(crate) fn copy_to(&self, folder: &Path) -> Result<Vec<PathBuf>, TablesCopyError> {
        let known = self.known.lock().clone();
        let mut entries = Entries::new();
        let mut written = Vec::new();
        for (owner, state) in known {
            let identity = match state {
                State::Sound { identity, .. } => identity,
                State::Damaged(damage) => {
                    return Err(TablesCopyError::Damaged(line(&owner, &damage)));
                }
            };
            let file = relative(&owner);
            let target = folder.join(&file);
            copy_file(&self.data_dir.join(&file), &target, &owner)?;
            let copied = check(&target, &owner, Depth::Mark);
            if !matches!(&copied, Ok(sound) if sound.mark == Mark::Some(identity)) {
                let what = format!("{}: the copy is not what was copied", file.display());
                return Err(TablesCopyError::Folder(io::Error::other(what)));
            }
            entries.insert(owner, identity);
            written.push(file);
        }
        if !entries.is_empty() {
            list::write(folder, &entries).map_err(TablesCopyError::Folder)?;
            written.push(list::LIST.into());
        }
        Ok(written)
    }
}

fn copy_file(source: &Path, target: &Path, owner: &TableOwner) -> Result<(), TablesCopyError> {
    let failed = |source| TablesCopyError::File {
        file: relative(owner).display().to_string(),
        source,
    };
    let folder = target.parent().expect("a file is in a folder");
    create_folder(folder).map_err(TablesCopyError::Folder)?;
    copy_pages(source, target).map_err(failed)?;
    let sync = || {
        File::open(target)?.sync_all()?;
        File::open(folder)?.sync_all()
    };
    sync().map_err(TablesCopyError::Folder)
}

/// All pages in one step: a reader of the source sees one moment for as long as that takes, and a copy that was
/// interrupted would begin again with each write of somebody else.
fn copy_pages(source: &Path, target: &Path) -> Result<(), rusqlite::Error> {
    let source = Connection::open_with_flags(source, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    source.busy_timeout(TRY_INTERVAL)?;
    let mut copied = Connection::open(target)?;
    {
        let copying = Backup::new(&source, &mut copied)?;
        let mut tries = 0;
        while copying.step(-1)? != StepResult::Done {
            tries += 1;
            if tries == TRIES {
                return Err(rusqlite::Error::SqliteFailure(
                    rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
                    Some("somebody else has it locked".to_owned()),
                ));
            }
            std::thread::sleep(TRY_INTERVAL);
        }
    }
    // One file, without a journal beside it: it is listed and copied as such.
    copied.pragma_update(None, "journal_mode", "DELETE")?;
    copied.close().map_err(|(_, error)| error)
}
