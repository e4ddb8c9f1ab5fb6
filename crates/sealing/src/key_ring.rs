//! The data keys of a data folder.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use millstream_log::GroupId;
use parking_lot::{Mutex, RwLock};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::data_key::DataKey;
use crate::key_file::{self, FILE, Owner, StoredKey, StoredKeys, Unreadable};
use crate::master_key::MasterKey;

/// Why keys cannot be used. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyRingError {
    /// The folder's keys are under another master key.
    #[error(
        "the keys in {folder} are under the master key {wanted}, and {given} was given: give that one, or both \
         (--master-key with the new one, --master-key-before with the old one) to wrap the keys anew"
    )]
    OtherMaster {
        /// The data folder.
        folder: PathBuf,
        /// The id of the master key that is needed.
        wanted: String,
        /// The id of the one that was given.
        given: String,
    },
    /// The folder's keys need a master key.
    #[error(
        "the data folder {folder} is encrypted under the master key {wanted}: give it with --master-key FILE or \
         --master-key-command COMMAND"
    )]
    NoMaster {
        /// The data folder.
        folder: PathBuf,
        /// The id of the master key that is needed.
        wanted: String,
    },
    /// The file is not what was written.
    #[error(
        "{} is damaged: without it nothing that was encrypted can be read. Put it back from a backup",
        .0.display()
    )]
    Damaged(PathBuf),
    /// The file cannot be read or written.
    #[error("the keys in {folder} cannot be read or written")]
    Folder {
        /// The data folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something in the folder is sealed, and there is no file of keys.
    #[error(
        "the data folder {0} is encrypted, and its file `keys` is missing: without it nothing that was encrypted can be \
         read. Put it back from a backup"
    )]
    Lost(PathBuf),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Randomness,
    /// The ring was closed, or only reads: no key is made and none is forgotten.
    #[error("the keys are not to be changed any more")]
    Closed,
}

/// All data keys of a folder: of the service itself, and of streams by the group of their logs. A key is durable, in the
/// file `keys`, before anything is sealed with it. Cheap to read from many threads.
pub struct KeyRing {
    /// `None` for what is kept in memory only.
    folder: Option<PathBuf>,
    master: MasterKey,
    keys: RwLock<Keys>,
    /// What is in the file; held while it is written. `None` once nothing is to be written any more.
    stored: Mutex<Option<StoredKeys>>,
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<u32, Arc<DataKey>>,
    /// Of the newest epoch.
    newest: HashMap<Owner, Arc<DataKey>>,
}

impl KeyRing {
    /// The name of the file in a data folder.
    pub const FILE: &'static str = FILE;

    /// Whether a folder has keys.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn is_in(folder: &Path) -> Result<bool, KeyRingError> {
        folder.join(FILE).try_exists().map_err(failed(folder))
    }

    /// Opens the keys of a folder (its lock is the caller's), and makes the service's own if there is none. Keys that are
    /// under the master key `before` are wrapped anew, and everyone who has one gets a new one: who could open the old ones
    /// can open nothing that comes. Without a folder all is in memory. Blocks.
    ///
    /// # Errors
    /// See [`KeyRingError`]; the file is as it was then.
    pub fn open(
        folder: Option<PathBuf>,
        master: MasterKey,
        before: Option<&MasterKey>,
    ) -> Result<Self, KeyRingError> {
        let found = match &folder {
            Some(folder) => read(folder, &master, before)?,
            None => None,
        };
        let (mut stored, is_rewrapped) = match found {
            Some(found) => found,
            None => (empty()?, false),
        };
        let mut due = BTreeSet::new();
        if is_rewrapped {
            due.extend(stored.keys.iter().map(|key| key.owner));
        }
        if !stored.keys.iter().any(|key| key.owner == Owner::Own) {
            due.insert(Owner::Own);
        }
        for owner in &due {
            stored.begin_epoch(*owner)?;
        }
        let mut keys = Keys::default();
        stored.keys.iter().try_for_each(|key| keys.add(key))?;
        let ring = Self {
            folder,
            master,
            keys: RwLock::new(keys),
            stored: Mutex::default(),
        };
        if !due.is_empty() {
            ring.write(&stored)?;
        }
        if is_rewrapped {
            tracing::info!(
                master_key = ring.master_id(),
                "the data keys are wrapped anew"
            );
        }
        *ring.stored.lock() = Some(stored);
        Ok(ring)
    }

    /// Opens the keys of a folder to read what was sealed; writes nothing. `None` if there are none. Blocks.
    ///
    /// # Errors
    /// See [`KeyRingError`].
    pub fn read_only(
        folder: &Path,
        master: Option<&MasterKey>,
    ) -> Result<Option<Self>, KeyRingError> {
        let Some(master) = master else {
            return Self::refuse_encrypted(folder).map(|()| None);
        };
        let Some((stored, _)) = read(folder, master, None)? else {
            return Ok(None);
        };
        let mut keys = Keys::default();
        stored.keys.iter().try_for_each(|key| keys.add(key))?;
        Ok(Some(Self {
            folder: None,
            master: master.clone(),
            keys: RwLock::new(keys),
            stored: Mutex::new(None),
        }))
    }

    /// For who has no master key.
    ///
    /// # Errors
    /// If the folder needs one.
    pub fn refuse_encrypted(folder: &Path) -> Result<(), KeyRingError> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            read => read.map_err(failed(folder))?,
        };
        Err(match key_file::master_id(&text) {
            Some(wanted) => KeyRingError::NoMaster {
                folder: folder.to_owned(),
                wanted,
            },
            None => KeyRingError::Damaged(path),
        })
    }

    /// By which people tell the master key from others.
    pub fn master_id(&self) -> String {
        self.master.id()
    }

    /// The service's own key.
    pub(crate) fn own(self: &Arc<Self>) -> Option<Arc<DataKey>> {
        self.newest(Owner::Own)
    }

    /// A stream's newest key; `None` if it never got one.
    pub fn of(self: &Arc<Self>, stream: GroupId) -> Option<Arc<DataKey>> {
        self.newest(Owner::Group(stream.0))
    }

    fn newest(self: &Arc<Self>, owner: Owner) -> Option<Arc<DataKey>> {
        let key = self.keys.read().newest.get(&owner).cloned()?;
        if key.is_to_be_renewed() {
            self.renew(owner);
        }
        Some(key)
    }

    /// Begins the next epoch on a thread of its own. Nobody waits for it: the key before lasts, and who seals with it later
    /// tries again.
    fn renew(self: &Arc<Self>, owner: Owner) {
        let ring = Arc::clone(self);
        let work = move || {
            if let Err(error) = ring.begin(owner) {
                tracing::error!(%owner, %error, "no new data key could be made");
            }
        };
        let thread = thread::Builder::new().name("data-key".to_owned());
        if let Err(error) = thread.spawn(work) {
            tracing::error!(%owner, %error, "no new data key could be made");
        }
    }

    /// The key that sealed bytes name.
    pub fn by_id(&self, id: u32) -> Option<Arc<DataKey>> {
        self.keys.read().by_id.get(&id).cloned()
    }

    /// Makes a stream's next key: what is sealed from now on is sealed with it, what was sealed before opens as ever.
    /// Durable when this returns. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written; the key before stays the newest.
    pub fn begin_epoch(&self, stream: GroupId) -> Result<(), KeyRingError> {
        self.begin(Owner::Group(stream.0))
    }

    /// Forgets the keys of a stream: what was sealed with them can never be read again. Blocks.
    ///
    /// # Errors
    /// If the file cannot be written; nothing is forgotten then.
    pub fn forget(&self, stream: GroupId) -> Result<(), KeyRingError> {
        let owner = Owner::Group(stream.0);
        let mut stored = self.stored.lock();
        let before = stored.as_ref().ok_or(KeyRingError::Closed)?;
        let keys = before.keys.iter().cloned();
        let (gone, kept): (Vec<_>, Vec<_>) = keys.partition(|key| key.owner == owner);
        if gone.is_empty() {
            return Ok(());
        }
        let kept = StoredKeys {
            next: before.next,
            keys: kept,
        };
        self.write(&kept)?;
        let mut keys = self.keys.write();
        keys.newest.remove(&owner);
        for key in gone {
            keys.by_id.remove(&key.id);
        }
        *stored = Some(kept);
        Ok(())
    }

    /// Waits for a change that is under way; from now on there is none. What is open stays so. Blocks.
    pub fn close(&self) {
        *self.stored.lock() = None;
    }

    /// Does some work while no key is made and none forgotten, and answers what it does together with the file of that
    /// time: what is durable at any moment of the work was sealed with keys that are in it. Blocks, and so do changes.
    ///
    /// # Errors
    /// If the file cannot be read. Of a ring that is in memory there is none.
    pub fn while_unchanged<T>(
        &self,
        work: impl FnOnce() -> T,
    ) -> Result<(T, Vec<u8>), KeyRingError> {
        let _unchanged = self.stored.lock();
        let done = work();
        let Some(folder) = &self.folder else {
            return Ok((done, Vec::new()));
        };
        let file = fs::read(folder.join(FILE)).map_err(failed(folder))?;
        Ok((done, file))
    }

    fn begin(&self, owner: Owner) -> Result<(), KeyRingError> {
        let mut stored = self.stored.lock();
        let mut with_it = stored.clone().ok_or(KeyRingError::Closed)?;
        with_it.begin_epoch(owner)?;
        // Before anybody seals with it.
        self.write(&with_it)?;
        let key = with_it.keys.last().expect("it was just begun");
        self.keys.write().add(key)?;
        *stored = Some(with_it);
        Ok(())
    }

    fn write(&self, stored: &StoredKeys) -> Result<(), KeyRingError> {
        match &self.folder {
            Some(folder) => key_file::write(folder, &self.master, stored).map_err(failed(folder)),
            None => Ok(()),
        }
    }
}

fn empty() -> Result<StoredKeys, KeyRingError> {
    let mut first = [0; 4];
    let filled = SystemRandom::new().fill(&mut first);
    filled.map_err(|_| KeyRingError::Randomness)?;
    Ok(StoredKeys {
        // Not 0, and with as many behind it.
        next: (u32::from_le_bytes(first) >> 1).max(1),
        keys: Vec::new(),
    })
}

impl StoredKeys {
    /// Adds the owner's next key.
    fn begin_epoch(&mut self, owner: Owner) -> Result<(), KeyRingError> {
        let mut bytes = Zeroizing::new([0; 32]);
        let filled = SystemRandom::new().fill(&mut *bytes);
        filled.map_err(|_| KeyRingError::Randomness)?;
        let epochs = self.keys.iter().filter(|key| key.owner == owner);
        let epoch = epochs.map(|key| key.epoch).max().unwrap_or(0) + 1;
        let id = self.next;
        self.next = id.checked_add(1).expect("fewer keys than a file holds");
        self.keys.push(StoredKey {
            id,
            owner,
            epoch,
            bytes,
        });
        Ok(())
    }
}

impl Keys {
    /// In order of id, so that the newest epoch comes last.
    fn add(&mut self, stored: &StoredKey) -> Result<(), KeyRingError> {
        let key = DataKey::new(stored.id, &stored.bytes).map_err(|_| KeyRingError::Randomness)?;
        let key = Arc::new(key);
        self.by_id.insert(stored.id, Arc::clone(&key));
        self.newest.insert(stored.owner, key);
        Ok(())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}

/// The keys of a folder, and whether they were under the key before; `None` if there are none.
fn read(
    folder: &Path,
    master: &MasterKey,
    before: Option<&MasterKey>,
) -> Result<Option<(StoredKeys, bool)>, KeyRingError> {
    let path = folder.join(FILE);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read.map_err(failed(folder))?,
    };
    let refused = |unreadable, given: &MasterKey| match unreadable {
        Unreadable::Damaged => KeyRingError::Damaged(path.clone()),
        Unreadable::OtherMaster(wanted) => KeyRingError::OtherMaster {
            folder: folder.to_owned(),
            wanted,
            given: given.id(),
        },
    };
    match (key_file::decode(&text, master), before) {
        (Ok(keys), _) => Ok(Some((keys, false))),
        (Err(Unreadable::OtherMaster(_)), Some(before)) => {
            let keys = key_file::decode(&text, before);
            Ok(Some((keys.map_err(|error| refused(error, before))?, true)))
        }
        (Err(error), _) => Err(refused(error, master)),
    }
}

fn failed(folder: &Path) -> impl FnOnce(io::Error) -> KeyRingError {
    let folder = folder.to_owned();
    move |source| KeyRingError::Folder { folder, source }
}

#[cfg(test)]
mod tests;
