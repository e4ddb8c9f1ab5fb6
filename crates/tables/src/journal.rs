//! The journal of an open file: how what was written is made durable.
//!
//! SQLite is set to write its journal without syncing it at each commit (`synchronous = NORMAL`); it still syncs what
//! keeps the file whole, the journal before and the file after each checkpoint. So a power cut loses nothing but the last
//! commits, and one sync of the journal makes all commits before it durable. Nothing is answered before that.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The journal of a file that SQLite has open. SQLite holds no lock on it that closing it here could drop.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

impl Journal {
    /// The journal beside an open file. Its name is durable when this returns.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push("-wal");
        let file = File::open(PathBuf::from(name))?;
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self { file })
    }

    /// One whose syncs fail.
    #[cfg(test)]
    pub(crate) fn that_fails() -> Self {
        Self {
            file: File::open("/dev/null").expect("a device that cannot be synced"),
        }
    }

    /// Makes every commit that has returned durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
