//! Backups of a running server, and data folders made of them.
//!
//! The server makes a backup itself, because it alone can keep segments from being removed meanwhile: `make` copies one
//! moment of the log and each file of tables. Whoever may write the data folder asks for it through a socket in it
//! (`control`, `ask`), never over the network. A backup is a data folder with a `list` of its files.
//!
//! Deliberately absent: backups of a folder on which no server runs, which any program that copies files makes.

mod ask;
mod control;
mod copying;
mod list;
mod make;

use std::io;
use std::path::{Path, PathBuf};

use millstream_log::EngineError;
use millstream_sealing::KeyRingError;
use millstream_tables::TablesCopyError;

pub use ask::{AskError, ask_for_backup};
pub(crate) use control::{Backups, Control};
pub(crate) use copying::{Progress, Target, Unseen, write_file};
pub(crate) use list::{BackupList, LIST, UNFINISHED_RESTORE, refuse_marked, refuse_unfinished};

/// What a backup holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Files, without the list of them.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Why a backup cannot be made, or a folder not be restored. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there.
    #[error("{0} is not empty: choose a folder that is not there yet, or is empty")]
    NotEmpty(PathBuf),
    /// It would be copied into itself.
    #[error("{0} is in the data folder: choose one outside of it, best on another disk")]
    Inside(PathBuf),
    /// The disk is full.
    #[error(
        "the disk of {0} is full: what was written there is removed again. Make room, or choose another disk"
    )]
    NoRoom(PathBuf),
    /// A file or a folder cannot be read or written.
    #[error("{path} cannot be {what}")]
    File {
        /// Which.
        path: PathBuf,
        /// Read or written.
        what: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The log cannot be held.
    #[error("the log cannot be copied")]
    Log(#[source] EngineError),
    /// The data keys cannot be copied.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// Tables cannot be copied.
    #[error(transparent)]
    Tables(TablesCopyError),
    /// Nothing is kept.
    #[error("the server keeps everything in memory: there is nothing to copy")]
    NothingKept,
    /// Whoever asked has left, or the server ends.
    #[error("the backup was given up, because whoever asked for it has left or the server ends")]
    GivenUp,
    /// It has no list.
    #[error("{0} is not a backup: it has no file `{LIST}`. `millstream backup` makes one")]
    NoBackup(PathBuf),
    /// It was cut off.
    #[error(
        "{0} is an unfinished backup: whoever made it was ended before it was whole. Remove it and make another"
    )]
    Unfinished(PathBuf),
    /// It was cut off.
    #[error(
        "{0} is an unfinished restore: it was ended before the folder was whole. Remove it and restore again"
    )]
    UnfinishedRestore(PathBuf),
    /// A server would change it.
    #[error(
        "{0} is a backup, and a server would change it. `millstream restore --from {0} --to FOLDER` makes a data \
         folder of it"
    )]
    IsBackup(PathBuf),
    /// The list, or a file on it, is not as it was made.
    #[error("the backup {folder} is damaged: {}", .findings.join("; "))]
    Damaged {
        /// The backup.
        folder: PathBuf,
        /// What is wrong, each with its file.
        findings: Vec<String>,
    },
}

impl BackupError {
    pub(crate) fn reading(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            path,
            what: "read",
            source,
        }
    }

    /// Something under a target cannot be written.
    pub(crate) fn writing(target: &Path, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let (target, path) = (target.to_owned(), path.to_owned());
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom(target),
            _ => Self::File {
                path,
                what: "written",
                source,
            },
        }
    }
}
