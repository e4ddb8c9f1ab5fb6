//! The files of tables: which must be there, and whether they are.
//!
//! A file is made with a mark inside (whose tables, and an identity), then it is put on a list in the data folder, and
//! only then does a table in it exist for anybody. So a file that is gone, emptied, replaced or damaged is never taken for
//! tables that were never made.

mod check;
mod copy;
mod identity;
mod list;
mod salvage;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(crate) use check::Damage;
use check::{Depth, Mark, Sound, check};
pub use copy::TablesCopyError;
use identity::Identity;
use list::{Entries, Found, LIST};
pub use salvage::SalvagedTables;

use crate::owner::TableOwner;

/// The folder of the files, in the data folder.
const FOLDER: &str = "tables";
const ENDING: &str = "sqlite";

/// How long the pages of one file are read when it is opened and the start had no time for it.
const OPENING_CHECK_TIME: Duration = Duration::from_secs(5);

/// Why the files of tables cannot be used. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum TablesOpenError {
    /// At least one file is not the one that it must be, or is damaged.
    #[error(
        "tables cannot be served: {}. Put the files back from a backup; or `millstream repair` sets them aside, and says \
         what that loses; or --tables-damaged leave-out starts the server without them",
        .0.join("; ")
    )]
    Damaged(
        /// A line for each file.
        Vec<String>,
    ),
    /// The list of files cannot be believed.
    #[error(
        "tables cannot be served: {LIST} in the data folder, the list of their files, {0}. `millstream repair` makes it \
         anew from the files that are there"
    )]
    List(
        /// What is wrong with it.
        String,
    ),
    /// The data folder cannot be read or written.
    #[error("the files of tables in the data folder cannot be looked at")]
    Folder(#[source] io::Error),
}

/// What is known of one owner's file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Sound {
        identity: Identity,
        is_read_whole: bool,
    },
    Damaged(Damage),
}

/// The files of a data folder on which nobody else works.
#[derive(Debug)]
pub(crate) struct TableFiles {
    data_dir: PathBuf,
    known: Mutex<BTreeMap<TableOwner, State>>,
    /// What the log was told of files, so that it is told once.
    told: Mutex<BTreeMap<TableOwner, Damage>>,
}

impl TableFiles {
    /// Looks at every file, and reads their pages for at most `time` in all. Files that were made before there was a
    /// list are put on it.
    ///
    /// # Errors
    /// If a file that must be there is not, or is damaged, unless `leave_out`: then that owner's tables answer errors.
    pub(crate) fn open(
        data_dir: PathBuf,
        time: Duration,
        leave_out: bool,
    ) -> Result<Self, TablesOpenError> {
        let deadline = Instant::now() + time;
        let found = found(&data_dir).map_err(TablesOpenError::Folder)?;
        let listed = match list::read(&data_dir) {
            Found::List(entries) => Some(entries),
            Found::Nothing => None,
            Found::Damaged(why) => return Err(TablesOpenError::List(why)),
        };
        let mut known = BTreeMap::new();
        let mut damaged = Vec::new();
        for (owner, identity) in listed.iter().flatten() {
            let state = listed_state(&path(&data_dir, owner), owner, *identity, deadline);
            if let State::Damaged(damage) = &state {
                damaged.push(line(owner, damage));
            }
            known.insert(owner.clone(), state);
        }
        for owner in found {
            if known.contains_key(&owner) {
                continue;
            }
            let state = unlisted_state(&data_dir, &owner, listed.is_some(), deadline)?;
            if let State::Damaged(damage) = &state {
                // What is on no list was never told to be there, or was told by a version without lists.
                match &listed {
                    Some(_) => {
                        tracing::warn!(file = %relative(&owner).display(), %damage, "a file among the tables is not used")
                    }
                    None => damaged.push(line(&owner, damage)),
                }
            }
            known.insert(owner, state);
        }
        let files = Self {
            data_dir,
            known: Mutex::new(known),
            told: Mutex::default(),
        };
        if !damaged.is_empty() {
            if !leave_out {
                return Err(TablesOpenError::Damaged(damaged));
            }
            for damage in damaged {
                tracing::error!(%damage, "tables are left out");
            }
        }
        files.tell_unread();
        files.write_list(listed).map_err(TablesOpenError::Folder)?;
        Ok(files)
    }

    /// The path of an owner's file, which was just looked at; `None` if the owner never had a table.
    ///
    /// # Errors
    /// If the file is not the one that was made, or is damaged.
    pub(crate) fn find(&self, owner: &TableOwner) -> Result<Option<PathBuf>, Damage> {
        let state = self.known.lock().get(owner).cloned();
        let (identity, is_read_whole) = match state {
            None => return Ok(None),
            Some(State::Damaged(damage)) => return Err(damage),
            Some(State::Sound {
                identity,
                is_read_whole,
            }) => (identity, is_read_whole),
        };
        let path = path(&self.data_dir, owner);
        let depth = match is_read_whole {
            true => Depth::Mark,
            false => Depth::Pages(Instant::now() + OPENING_CHECK_TIME),
        };
        let sound = check(&path, owner, depth)?;
        if sound.mark != Mark::Some(identity) {
            return Err(other(&sound.mark));
        }
        // Whether or not the time was enough: it is looked at once only.
        let state = State::Sound {
            identity,
            is_read_whole: true,
        };
        self.known.lock().insert(owner.clone(), state);
        Ok(Some(path))
    }

    /// Makes the file of an owner that has none, and puts it on the list. Both are durable when this returns.
    ///
    /// # Errors
    /// If the disk fails, or something else is there.
    pub(crate) fn make(&self, owner: &TableOwner) -> io::Result<PathBuf> {
        let path = path(&self.data_dir, owner);
        // One at a time: the list is replaced as a whole.
        let mut known = self.known.lock();
        if known.contains_key(owner) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        let identity = match check(&path, owner, Depth::Mark) {
            Err(Damage::Missing) => make_file(&path, owner)?,
            // An attempt that failed before the list was written.
            Ok(Sound {
                mark: Mark::Some(identity),
                ..
            }) => identity,
            Ok(_) => return Err(io::Error::other(line(owner, &Damage::Foreign))),
            Err(damage) => return Err(io::Error::other(line(owner, &damage))),
        };
        let mut entries = entries(&known);
        entries.insert(owner.clone(), identity);
        list::write(&self.data_dir, &entries)?;
        let state = State::Sound {
            identity,
            is_read_whole: true,
        };
        known.insert(owner.clone(), state);
        Ok(path)
    }

    /// Serves an owner's tables no more, until the server starts again.
    pub(crate) fn condemn(&self, owner: &TableOwner, damage: Damage) {
        let mut known = self.known.lock();
        known.insert(owner.clone(), State::Damaged(damage));
    }

    /// Tells the log what is wrong with a file, unless that was the last that it was told of it.
    pub(crate) fn tell(&self, owner: &TableOwner, damage: &Damage) {
        let before = self.told.lock().insert(owner.clone(), damage.clone());
        if before.as_ref() != Some(damage) {
            tracing::error!(file = %relative(owner).display(), %damage, "tables cannot be served");
        }
    }

    fn tell_unread(&self) {
        let known = self.known.lock();
        let is_unread = |state: &&State| {
            matches!(
                state,
                State::Sound {
                    is_read_whole: false,
                    ..
                }
            )
        };
        let unread = known.values().filter(is_unread).count();
        if unread > 0 {
            tracing::info!(
                unread,
                of = known.len(),
                "the start had no time to read all pages of these files of tables; they are read when they are opened"
            );
        }
    }

    /// Writes the list if it does not say what is known.
    fn write_list(&self, listed: Option<Entries>) -> io::Result<()> {
        let mut entries = entries(&self.known.lock());
        // Those that are left out stay on it: they must be there still.
        entries.extend(
            listed
                .iter()
                .flatten()
                .map(|(owner, identity)| (owner.clone(), *identity)),
        );
        if entries.is_empty() || listed.as_ref() == Some(&entries) {
            return Ok(());
        }
        list::write(&self.data_dir, &entries)
    }
}

fn make_file(path: &Path, owner: &TableOwner) -> io::Result<Identity> {
    let folder = path.parent().expect("a file is in a folder");
    create_folder(folder)?;
    let identity = Identity::random()?;
    if let Err(error) = check::make(path, owner, identity) {
        // Half a file would be in the way of the next attempt.
        fs::remove_file(path).ok();
        return Err(io::Error::other(error));
    }
    File::open(folder)?.sync_all()?;
    Ok(identity)
}

fn listed_state(path: &Path, owner: &TableOwner, identity: Identity, deadline: Instant) -> State {
    match check(path, owner, Depth::Pages(deadline)) {
        Err(damage) => State::Damaged(damage),
        Ok(sound) if sound.mark == Mark::Some(identity) => State::Sound {
            identity,
            is_read_whole: sound.is_read_whole,
        },
        Ok(sound) => State::Damaged(other(&sound.mark)),
    }
}

/// A file that is on no list: one with its owner's mark was made just before a crash, or was put here; tables without a
/// mark were made before there were marks, or such a backup was put here.
fn unlisted_state(
    data_dir: &Path,
    owner: &TableOwner,
    is_there_a_list: bool,
    deadline: Instant,
) -> Result<State, TablesOpenError> {
    let path = path(data_dir, owner);
    let file = relative(owner);
    let file = file.display();
    match check(&path, owner, Depth::Pages(deadline)) {
        Err(damage) => Ok(State::Damaged(damage)),
        Ok(sound) => match sound.mark {
            Mark::Some(_) if !is_there_a_list => Err(TablesOpenError::List(format!(
                "is missing, though {file} was on it"
            ))),
            Mark::Some(identity) => {
                tracing::warn!(%file, "a file of tables that is on no list was found and is used");
                Ok(State::Sound {
                    identity,
                    is_read_whole: sound.is_read_whole,
                })
            }
            Mark::None => {
                let identity = Identity::random().map_err(TablesOpenError::Folder)?;
                check::make(&path, owner, identity)
                    .map_err(|error| TablesOpenError::Folder(io::Error::other(error)))?;
                tracing::warn!(%file, "a file of tables of an earlier version is marked and listed");
                Ok(State::Sound {
                    identity,
                    is_read_whole: sound.is_read_whole,
                })
            }
        },
    }
}

fn other(mark: &Mark) -> Damage {
    match mark {
        Mark::None => Damage::Foreign,
        Mark::Some(_) => Damage::Other,
    }
}

fn entries(known: &BTreeMap<TableOwner, State>) -> Entries {
    let entry = |(owner, state): (&TableOwner, &State)| match state {
        State::Sound { identity, .. } => Some((owner.clone(), *identity)),
        State::Damaged(_) => None,
    };
    known.iter().filter_map(entry).collect()
}

/// What is wrong, for people.
pub(crate) fn line(owner: &TableOwner, damage: &Damage) -> String {
    format!("{}: {damage}", relative(owner).display())
}

/// Accounts are digits and regions words, and the ending keeps `..` from being a folder.
fn relative(owner: &TableOwner) -> PathBuf {
    let TableOwner { account, region } = owner;
    Path::new(FOLDER)
        .join(account.as_str())
        .join(format!("{region}.{ENDING}"))
}

fn path(data_dir: &Path, owner: &TableOwner) -> PathBuf {
    data_dir.join(relative(owner))
}

/// Every file that has the name of one, by whose tables it would hold.
fn found(data_dir: &Path) -> io::Result<Vec<TableOwner>> {
    let mut owners = Vec::new();
    for account in read_dir(&data_dir.join(FOLDER))? {
        let Some(account_id) = account
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok())
        else {
            continue;
        };
        for file in read_dir(&account)? {
            let is_sqlite = file.extension().is_some_and(|ending| ending == ENDING);
            let region = file
                .file_stem()
                .and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(region) = region.filter(|_| is_sqlite) {
                let account = &account_id;
                owners.push(TableOwner {
                    account: Clone::clone(account),
                    region,
                });
            }
        }
    }
    owners.sort();
    Ok(owners)
}

/// What is in a folder; nothing if there is none.
fn read_dir(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Makes a folder and syncs the one that it is in, so that a power cut leaves both or none.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
        fs::create_dir(folder)?;
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
