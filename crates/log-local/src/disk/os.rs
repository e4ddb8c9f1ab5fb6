//! The operating system's disk.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::ReadWriteFlags;

use super::{Disk, DiskFile, HeldLock, Waiting};

/// Most parts of one `pwritev`.
const PARTS_MAX: usize = 1024;

/// A folder of the operating system's.
#[derive(Debug)]
pub struct OsDisk {
    root: PathBuf,
}

impl OsDisk {
    /// Opens a folder; creates it, and what stands above it, if it is not there.
    pub fn open(root: &Path) -> io::Result<Self> {
        make_folder(root, |folder| File::open(folder)?.sync_all())?;
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() {
            self.root.clone()
        } else {
            self.root.join(path)
        }
    }
}

/// Makes a folder and what stands above it, unless it is there. Each new name is in the folder above it, which `sync`
/// makes durable.
fn make_folder(folder: &Path, mut sync: impl FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let whole = std::path::absolute(folder)?;
    let made: Vec<&Path> = whole.ancestors().take_while(|one| !one.exists()).collect();
    std::fs::create_dir_all(folder)?;
    for folder in made {
        if let Some(parent) = folder.canonicalize()?.parent() {
            sync(parent)?;
        }
    }
    Ok(())
}

impl Disk for OsDisk {
    fn lock(&self) -> io::Result<Box<dyn HeldLock>> {
        let path = self.path("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(OsLock { file, path }))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.create_new(true).read(true).write(true);
        Ok(Arc::new(OsFile(options.open(self.path(path))?)))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.path(path))?;
        Ok(Arc::new(OsFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(path))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        std::fs::read_dir(self.path(directory))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        match std::fs::create_dir(self.path(directory)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        File::open(self.path(directory))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let found = rustix::fs::statvfs(&self.root)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

/// A locked file. Whoever comes next locks what has its name then, which may be another file.
#[derive(Debug)]
struct OsLock {
    file: File,
    path: PathBuf,
}

impl HeldLock for OsLock {
    fn is_held(&self) -> io::Result<bool> {
        let named = match std::fs::metadata(&self.path) {
            Ok(named) => named,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let locked = self.file.metadata()?;
        Ok((named.dev(), named.ino()) == (locked.dev(), locked.ino()))
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn read_at(&self, buffer: &mut [u8], position: u64, waiting: Waiting) -> io::Result<()> {
        match waiting {
            Waiting::Allowed => {
                std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, position)
            }
            Waiting::Never => {
                let wanted = buffer.len();
                let mut parts = [IoSliceMut::new(buffer)];
                let flags = ReadWriteFlags::NOWAIT;
                match rustix::io::preadv2(&self.0, &mut parts, position, flags) {
                    Ok(read) if read == wanted => Ok(()),
                    // A short read, no page in memory, or a file system that does not know the flag.
                    Ok(_) | Err(rustix::io::Errno::AGAIN | rustix::io::Errno::OPNOTSUPP) => {
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    fn write_at(&self, parts: &[IoSlice<'_>], mut position: u64) -> io::Result<()> {
        for parts in parts.chunks(PARTS_MAX) {
            let mut left = parts.to_vec();
            let mut left = left.as_mut_slice();
            while !left.is_empty() {
                let written = match rustix::io::pwritev(&self.0, left, position) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => written,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(error) => return Err(error.into()),
                };
                position += written as u64;
                IoSlice::advance_slices(&mut left, written);
            }
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            Ok(()) => Ok(()),
            // A file system that cannot reserve: the room is found, or not, when it is written.
            Err(rustix::io::Errno::OPNOTSUPP) => self.0.set_len(bytes),
            Err(error) => Err(error.into()),
        }
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A power cut must not take the name of a folder above the data folder, and all that is below it.
    #[test]
    fn every_new_name_above_a_data_folder_is_made_durable() {
        let scratch = tempfile::tempdir().unwrap();
        let top = scratch.path().canonicalize().unwrap();
        let mut synced = Vec::new();
        let folder = top.join("a/b/data");
        make_folder(&folder, |parent| {
            synced.push(parent.to_owned());
            Ok(())
        })
        .unwrap();
        assert!(folder.is_dir());
        assert_eq!(synced, [top.join("a/b"), top.join("a"), top]);
        make_folder(&folder, |_| Err(io::ErrorKind::Unsupported.into())).unwrap();
    }
}
