//! Files from one folder into another, with their sums.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::BackupError;

/// Copied at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What tells a file from others: its length, and the CRC-32 of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSum {
    pub(crate) bytes: u64,
    pub(crate) crc32: u32,
}

/// Whoever looks on.
pub(crate) trait Watch {
    /// So many bytes more are done. False: nobody wants the rest.
    fn done(&mut self, bytes: u64) -> bool;
}

/// Tells whoever looks on how far it is.
pub(crate) struct Progress<'a> {
    pub(crate) done_bytes: u64,
    pub(crate) total_bytes: u64,
    /// So many of so many; false: nobody wants the rest.
    pub(crate) tell: &'a mut dyn FnMut(u64, u64) -> bool,
}

impl Watch for Progress<'_> {
    fn done(&mut self, bytes: u64) -> bool {
        self.done_bytes += bytes;
        (self.tell)(self.done_bytes, self.total_bytes)
    }
}

/// What is read again is not what anybody waits for.
pub(crate) struct Unseen;

impl Watch for Unseen {
    fn done(&mut self, _bytes: u64) -> bool {
        true
    }
}

/// Where bytes come from: fills the buffer from a position.
pub(crate) type Source<'a> = &'a dyn Fn(&mut [u8], u64) -> Result<(), BackupError>;

/// Writes a new file of `bytes`, of which the first `held_bytes` come from the source and the rest are zeros. Durable when
/// this returns, but for its name.
pub(crate) fn write_file(
    target: &Path,
    path: &str,
    (held_bytes, bytes): (u64, u64),
    source: Source<'_>,
    watch: &mut dyn Watch,
) -> Result<FileSum, BackupError> {
    let to = target.join(path);
    let failed = || BackupError::writing(target, &to);
    let mut file = File::create_new(&to).map_err(failed())?;
    let mut sum = crc32fast::Hasher::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut position = 0;
    while position < held_bytes {
        let chunk = &mut buffer[..(held_bytes - position).min(CHUNK_BYTES as u64) as usize];
        source(chunk, position)?;
        sum.update(chunk);
        file.write_all(chunk).map_err(failed())?;
        position += chunk.len() as u64;
        step(watch, chunk.len())?;
    }
    if bytes > held_bytes {
        // Not written: most file systems keep no room for it.
        file.set_len(bytes).map_err(failed())?;
        buffer.fill(0);
        while position < bytes {
            let chunk = &buffer[..(bytes - position).min(CHUNK_BYTES as u64) as usize];
            sum.update(chunk);
            position += chunk.len() as u64;
        }
    }
    file.sync_all().map_err(failed())?;
    Ok(FileSum {
        bytes,
        crc32: sum.finalize(),
    })
}

/// Length and sum of a file.
pub(crate) fn sum(path: &Path, watch: &mut dyn Watch) -> Result<FileSum, BackupError> {
    let failed = || BackupError::reading(path);
    let mut file = File::open(path).map_err(failed())?;
    let mut sum = crc32fast::Hasher::new();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut bytes = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed()(error)),
        };
        sum.update(&buffer[..read]);
        bytes += read as u64;
        step(watch, read)?;
    }
    Ok(FileSum {
        bytes,
        crc32: sum.finalize(),
    })
}

fn step(watch: &mut dyn Watch, bytes: usize) -> Result<(), BackupError> {
    match watch.done(bytes as u64) {
        true => Ok(()),
        false => Err(BackupError::GivenUp),
    }
}

/// A folder that is there, empty, and marked as unfinished until [`finish`](Self::finish); what was written is removed
/// if this is dropped before. One whose process is killed stays marked.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    mark: &'static str,
    is_finished: bool,
}

impl<'a> Target<'a> {
    pub(crate) fn begin(
        folder: &'a Path,
        mark: &'static str,
        why: &str,
    ) -> Result<Self, BackupError> {
        let failed = || BackupError::writing(folder, folder);
        fs::create_dir_all(folder).map_err(failed())?;
        if fs::read_dir(folder).map_err(failed())?.next().is_some() {
            return Err(BackupError::NotEmpty(folder.to_owned()));
        }
        let target = Self {
            folder,
            mark,
            is_finished: false,
        };
        let path = folder.join(mark);
        let failed = || BackupError::writing(folder, &path);
        let mut file = File::create_new(&path).map_err(failed())?;
        file.write_all(why.as_bytes()).map_err(failed())?;
        file.sync_all().map_err(failed())?;
        target.sync("")?;
        if let Some(parent) = folder
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            let synced = File::open(parent).and_then(|parent| parent.sync_all());
            synced.map_err(BackupError::writing(folder, parent))?;
        }
        Ok(target)
    }

    /// Makes the folders on the way to a file.
    pub(crate) fn make_folder_of(&self, path: &str) -> Result<(), BackupError> {
        let Some(folder) = Path::new(path).parent() else {
            return Ok(());
        };
        let folder = self.folder.join(folder);
        fs::create_dir_all(&folder).map_err(BackupError::writing(self.folder, &folder))
    }

    /// Makes the names in a folder of it durable.
    pub(crate) fn sync(&self, folder: &str) -> Result<(), BackupError> {
        let folder = self.folder.join(folder);
        let synced = File::open(&folder).and_then(|folder| folder.sync_all());
        synced.map_err(BackupError::writing(self.folder, &folder))
    }

    /// Makes the names of files durable, in all folders on the way to them.
    pub(crate) fn sync_names<'p>(
        &self,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<(), BackupError> {
        let folders = paths.flat_map(|path| Path::new(path).ancestors().skip(1));
        let folders: std::collections::BTreeSet<&Path> = folders.collect();
        for folder in folders.into_iter().rev() {
            self.sync(&folder.to_string_lossy())?;
        }
        Ok(())
    }

    /// It is whole.
    pub(crate) fn finish(mut self) -> Result<(), BackupError> {
        let path = self.folder.join(self.mark);
        fs::remove_file(&path).map_err(BackupError::writing(self.folder, &path))?;
        self.sync("")?;
        self.is_finished = true;
        Ok(())
    }
}

impl Drop for Target<'_> {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // Best effort, the mark last: what stays is refused by it. It was empty before, so all of it is ours.
        let Ok(entries) = fs::read_dir(self.folder) else {
            return;
        };
        let mut are_gone = true;
        for entry in entries.filter_map(Result::ok) {
            if entry.file_name() == self.mark {
                continue;
            }
            let path = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = match is_folder {
                true => fs::remove_dir_all(&path),
                false => fs::remove_file(&path),
            };
            are_gone &= removed.is_ok();
        }
        if are_gone {
            drop(fs::remove_file(self.folder.join(self.mark)));
        }
    }
}
