//! A disk in memory that loses power, fills up and fails, for tests.
//!
//! Stricter than most disks: nothing is durable before it is synced. A power cut keeps or loses, independently of
//! each other, every piece of 512 bytes of every write that was not synced and every change of a name. After a sync that
//! failed, of a file or of a folder, the next one says that all is well, and does nothing about what that one left.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IoSlice};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{Disk, DiskFile, HeldLock, Waiting};

mod dice;
mod file_state;
mod names;

use dice::Dice;
use file_state::{FileState, Pending};
use names::{NameChange, Names};

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct PowerCutDisk {
    inner: Arc<Mutex<Inner>>,
}

/// What goes wrong, and when. Operations are those that change something: writes, syncs, changes of names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// This operation and all later ones fail; the operation itself may have taken effect. Counted from 1.
    pub power_cut_at: Option<u64>,
    /// The same, where operations of the thread of this name count, from 1 from here on. Whatever other threads do
    /// meanwhile, the cut meets the same operation of this one.
    pub power_cut_on: Option<(&'static str, u64)>,
    /// The next sync of a file by the thread of this name fails, and what it should have synced never gets durable by
    /// a later one. Other threads go on, whenever they come.
    pub next_sync_fails_on: Option<&'static str>,
    /// This sync of a folder fails, counted from 1 from here on, whoever asks for it: the names that it should have made
    /// durable never get so by a later one, only by being made anew.
    pub folder_sync_fails_at: Option<u64>,
    /// The next write by the thread of this name fails without effect.
    pub next_write_fails_on: Option<&'static str>,
    /// All reads fail.
    pub reads_fail: bool,
    /// The lock of the folder keeps nobody out any more.
    pub lock_is_lost: bool,
    /// Bytes that files may have together.
    pub capacity_bytes: Option<u64>,
}

#[derive(Debug, Default)]
struct Inner {
    files: Vec<FileState>,
    names: Names,
    directories: BTreeSet<String>,
    faults: Faults,
    operations: u64,
    nowait_reads: u64,
    locked: bool,
}

impl Inner {
    /// Counts an operation; an error once the power is cut. The operation that meets the cut may have an effect.
    fn operate(&mut self) -> Result<bool, io::Error> {
        self.operations += 1;
        if let Some((thread, left)) = &mut self.faults.power_cut_on
            && is_named(thread)
        {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.faults.power_cut_on = None;
                self.faults.power_cut_at = Some(self.operations);
            }
        }
        match self.faults.power_cut_at {
            Some(cut) if self.operations > cut => Err(no_power()),
            Some(cut) => Ok(self.operations == cut),
            None => Ok(false),
        }
    }

    fn used_bytes(&self) -> u64 {
        let linked: BTreeSet<usize> = self.names.seen.values().copied().collect();
        linked
            .iter()
            .map(|file| self.files[*file].contents.len() as u64)
            .sum()
    }

    fn grow(&self, file: usize, length: usize) -> io::Result<()> {
        let more = length.saturating_sub(self.files[file].contents.len()) as u64;
        match self.faults.capacity_bytes {
            Some(capacity) if more > 0 && self.used_bytes() + more > capacity => {
                Err(io::ErrorKind::StorageFull.into())
            }
            _ => Ok(()),
        }
    }

    fn change_name(&mut self, change: NameChange) -> io::Result<()> {
        let is_cut = self.operate()?;
        self.names.change(change);
        if is_cut { Err(no_power()) } else { Ok(()) }
    }
}

/// Whether the sync of a folder that fails is this one; it is over then.
fn is_this_folder_sync(fails_at: &mut Option<u64>) -> bool {
    let left = fails_at.map(|left| left.saturating_sub(1));
    *fails_at = left.filter(|left| *left > 0);
    left == Some(0)
}

fn is_named(thread: &str) -> bool {
    std::thread::current().name() == Some(thread)
}

/// Whether the fault that waits for a thread is this one's; it is over then.
fn is_this_thread(waits_for: &mut Option<&'static str>) -> bool {
    let is_met = waits_for.is_some_and(is_named);
    if is_met {
        *waits_for = None;
    }
    is_met
}

fn no_power() -> io::Error {
    io::Error::other("the power is cut")
}

impl PowerCutDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what goes wrong from here on.
    pub fn set_faults(&self, faults: Faults) {
        self.inner.lock().faults = faults;
    }

    /// What is still to go wrong.
    pub fn faults(&self) -> Faults {
        self.inner.lock().faults
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.inner.lock().operations
    }

    /// What the disk may hold after a power cut at this moment. Other seeds give other images; seed 0 loses all that
    /// was not synced, seed 1 keeps all of it.
    pub fn after_power_cut(&self, seed: u64) -> Self {
        let inner = self.inner.lock();
        let dice = Dice::new(seed);
        let mut image = Inner {
            names: inner
                .names
                .after_power_cut(|name, nth| dice.keeps(name, nth, 0)),
            directories: inner.directories.clone(),
            ..Inner::default()
        };
        let seen = inner.names.seen.iter();
        let path_of: BTreeMap<_, _> = seen.map(|(path, file)| (file, path)).collect();
        for (file, state) in inner.files.iter().enumerate() {
            let path = path_of.get(&file).map_or("", |path| path);
            let kept = state.after_power_cut(|nth, place| dice.keeps(path, nth, place));
            image.files.push(FileState::durable(kept));
        }
        Self {
            inner: Arc::new(Mutex::new(image)),
        }
    }

    /// What the disk holds for the next process after this one was killed at this moment: the page cache is still there,
    /// and what was not synced is not durable yet. A power cut of the result may lose it.
    pub fn after_kill(&self) -> Self {
        let inner = self.inner.lock();
        let image = Inner {
            files: inner.files.clone(),
            names: inner.names.clone(),
            directories: inner.directories.clone(),
            ..Inner::default()
        };
        Self {
            inner: Arc::new(Mutex::new(image)),
        }
    }

    /// Names of the files.
    pub fn paths(&self) -> Vec<String> {
        self.inner.lock().names.seen.keys().cloned().collect()
    }

    /// Contents of a file; `None` if it is not there.
    pub fn contents(&self, path: &str) -> Option<Vec<u8>> {
        let inner = self.inner.lock();
        let file = inner.names.seen.get(path)?;
        Some(inner.files[*file].contents.clone())
    }

    /// Damages stored bytes: those of `mask` change.
    pub fn damage(&self, path: &str, position: usize, mask: u8) {
        let mut inner = self.inner.lock();
        let file = inner.names.seen.get(path).copied();
        let file = file.map(|file| &mut inner.files[file]);
        for contents in file
            .into_iter()
            .flat_map(|f| [&mut f.contents, &mut f.durable])
        {
            if let Some(byte) = contents.get_mut(position) {
                *byte ^= mask;
            }
        }
    }

    /// Puts a file there, durable.
    pub fn place(&self, path: &str, contents: Vec<u8>) {
        let mut inner = self.inner.lock();
        let file = inner.files.len();
        inner.files.push(FileState::durable(contents));
        inner.names.place(path, file);
        if let Some((directory, _)) = path.rsplit_once('/') {
            inner.directories.insert(directory.to_owned());
        }
    }
}

impl Disk for PowerCutDisk {
    fn lock(&self) -> io::Result<Box<dyn HeldLock>> {
        let mut inner = self.inner.lock();
        if std::mem::replace(&mut inner.locked, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(Lock(self.clone())))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut inner = self.inner.lock();
        if inner.names.seen.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = inner.files.len();
        inner.files.push(FileState::default());
        inner.change_name(NameChange::set(path, file))?;
        Ok(Arc::new(PowerCutFile {
            disk: self.clone(),
            file,
        }))
    }

    fn open(&self, path: &str) -> io::Result<Arc<dyn DiskFile>> {
        let inner = self.inner.lock();
        let file = *inner.names.seen.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(PowerCutFile {
            disk: self.clone(),
            file,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let file = *inner.names.seen.get(from).ok_or(io::ErrorKind::NotFound)?;
        inner.change_name(NameChange::rename(from, to, file))
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        if !inner.names.seen.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        inner.change_name(NameChange::unset(path))
    }

    fn list(&self, directory: &str) -> io::Result<Vec<String>> {
        let inner = self.inner.lock();
        let split = |path: &String| match path.rsplit_once('/') {
            Some((of, name)) => (of.to_owned(), name.to_owned()),
            None => (String::new(), path.clone()),
        };
        let paths = inner.names.seen.keys().map(split);
        Ok(paths
            .filter(|(of, _)| of == directory)
            .map(|(_, name)| name)
            .collect())
    }

    fn create_directory(&self, directory: &str) -> io::Result<()> {
        self.inner.lock().directories.insert(directory.to_owned());
        Ok(())
    }

    fn sync_directory(&self, directory: &str) -> io::Result<()> {
        let mut inner = self.inner.lock();
        let fails = is_this_folder_sync(&mut inner.faults.folder_sync_fails_at);
        if inner.operate()? {
            return Err(no_power());
        }
        inner.names.sync(directory, fails);
        match fails {
            true => Err(io::Error::other("a sync of a folder failed")),
            false => Ok(()),
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let inner = self.inner.lock();
        let capacity = inner.faults.capacity_bytes.unwrap_or(u64::MAX);
        Ok(capacity.saturating_sub(inner.used_bytes()))
    }
}

struct Lock(PowerCutDisk);

impl HeldLock for Lock {
    fn is_held(&self) -> io::Result<bool> {
        Ok(!self.0.inner.lock().faults.lock_is_lost)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.inner.lock().locked = false;
    }
}

#[derive(Debug)]
struct PowerCutFile {
    disk: PowerCutDisk,
    file: usize,
}

impl DiskFile for PowerCutFile {
    fn read_at(&self, buffer: &mut [u8], position: u64, waiting: Waiting) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        if inner.faults.reads_fail {
            return Err(io::Error::other("the disk cannot be read"));
        }
        if waiting == Waiting::Never {
            // Every other read finds nothing in the page cache.
            inner.nowait_reads += 1;
            if inner.nowait_reads.is_multiple_of(2) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
        }
        let contents = &inner.files[self.file].contents;
        let start = position as usize;
        let found = contents.get(start..start + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
        let mut inner = self.disk.inner.lock();
        if is_this_thread(&mut inner.faults.next_write_fails_on) {
            return Err(io::Error::other("a write failed"));
        }
        inner.grow(self.file, position as usize + bytes.len())?;
        let is_cut = inner.operate()?;
        inner.files[self.file].change(Pending::Write(position as usize, bytes));
        if is_cut { Err(no_power()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        let fails = is_this_thread(&mut inner.faults.next_sync_fails_on);
        if inner.operate()? {
            return Err(no_power());
        }
        inner.files[self.file].sync(fails);
        match fails {
            true => Err(io::Error::other("a sync failed")),
            false => Ok(()),
        }
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        let mut inner = self.disk.inner.lock();
        inner.grow(self.file, bytes as usize)?;
        let is_cut = inner.operate()?;
        inner.files[self.file].change(Pending::Length(bytes as usize));
        if is_cut { Err(no_power()) } else { Ok(()) }
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(self.disk.inner.lock().files[self.file].contents.len() as u64)
    }
}
