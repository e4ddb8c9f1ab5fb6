//! The seam between the engine and the disk.
//!
//! What the engine assumes of a disk: see `docs/log-format.md`. Nothing is durable before `sync_data` (contents and
//! length of a file) or `sync_directory` (names). Paths are relative to the data folder.

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::Arc;

mod os;
#[cfg(any(test, feature = "testing"))]
pub mod power_cut;

pub use os::OsDisk;

/// May a read wait for the disk?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Answer from memory or fail with [`io::ErrorKind::WouldBlock`].
    Never,
    /// Wait as long as it takes.
    Allowed,
}

/// A folder of files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Locks the folder until the result is dropped; [`io::ErrorKind::WouldBlock`] if another process holds it.
    fn lock(&self) -> io::Result<Box<dyn HeldLock>>;

    /// Creates a file that must not exist, for reading and writing.
    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Renames a file, replacing what has the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. Files that are open stay readable.
    fn unlink(&self, path: &str) -> io::Result<()>;

    /// Names in a folder; empty path: the data folder itself. Unordered.
    fn list(&self, directory: &str) -> io::Result<Vec<String>>;

    /// Creates a folder if it is not there.
    fn create_directory(&self, directory: &str) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_directory(&self, directory: &str) -> io::Result<()>;

    /// Free bytes that this process may use.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// The lock of a folder, held until it is dropped.
pub trait HeldLock: Send + Sync {
    /// Whether it still keeps others out: not once what it stands on was removed or replaced. An error says nothing
    /// about it.
    fn is_held(&self) -> io::Result<bool>;
}

/// An open file.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Fills the buffer from a position; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_at(&self, buffer: &mut [u8], position: u64, waiting: Waiting) -> io::Result<()>;

    /// Writes all parts, one behind the other, from a position.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()>;

    /// Makes contents and length durable.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves room for `bytes` and makes the file at least that long; new bytes read as 0.
    fn allocate(&self, bytes: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len_bytes(&self) -> io::Result<u64>;
}
