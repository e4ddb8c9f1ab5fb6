//! The files of tables in a data folder on which no server runs: what is wrong with them, what that costs, and how a server
//! starts without them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::check::{self, Damage, Depth, Mark, check};
use super::identity::Identity;
use super::list::{self, Entries, Found, LIST};
use super::{create_folder, found, line, other, path, relative};
use crate::owner::TableOwner;

/// The files of a data folder, each of which was read whole.
#[derive(Debug)]
pub struct SalvagedTables {
    data_dir: PathBuf,
    /// `None`: there is none, and need not be.
    listed: Option<Entries>,
    list_damage: Option<String>,
    sound: Vec<(TableOwner, Option<Identity>)>,
    /// What is wrong, and whether the file was on the list.
    damaged: Vec<(TableOwner, Damage, bool)>,
}

impl SalvagedTables {
    /// Reads every file. A journal that a killed server left behind is played back, as its next start would.
    ///
    /// # Errors
    /// If folders cannot be listed.
    pub fn read(data_dir: &Path) -> io::Result<Self> {
        let mut list_damage = None;
        let listed = match list::read(data_dir) {
            Found::List(entries) => Some(entries),
            Found::Nothing => None,
            Found::Damaged(why) => {
                list_damage = Some(why);
                None
            }
        };
        let mut owners = found(data_dir)?;
        owners.extend(listed.iter().flatten().map(|(owner, _)| owner.clone()));
        owners.sort();
        owners.dedup();
        let mut salvaged = Self {
            data_dir: data_dir.to_owned(),
            listed,
            list_damage,
            sound: Vec::new(),
            damaged: Vec::new(),
        };
        for owner in owners {
            salvaged.look_at(owner);
        }
        let is_marked = |(_, identity): &(TableOwner, Option<Identity>)| identity.is_some();
        let is_list_missed = salvaged.listed.is_none() && salvaged.sound.iter().any(is_marked);
        if is_list_missed && salvaged.list_damage.is_none() {
            salvaged.list_damage = Some("the file is missing".to_owned());
        }
        Ok(salvaged)
    }

    fn look_at(&mut self, owner: TableOwner) {
        let checked = check(&path(&self.data_dir, &owner), &owner, Depth::Everything);
        let entry = self.listed.as_ref().map(|entries| entries.get(&owner));
        let checked = checked.and_then(|sound| match (entry, sound.mark) {
            (Some(Some(listed)), Mark::Some(found)) if *listed == found => Ok(Some(found)),
            (Some(Some(_)), mark) => Err(other(&mark)),
            (Some(None) | None, Mark::Some(found)) => Ok(Some(found)),
            (Some(None) | None, Mark::None) => Ok(None),
        });
        match checked {
            Ok(identity) => self.sound.push((owner, identity)),
            Err(damage) => {
                let was_used = entry.is_none_or(|entry| entry.is_some());
                self.damaged.push((owner, damage, was_used));
            }
        }
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.list_damage.is_none() && self.damaged.is_empty()
    }

    /// What is wrong and what it costs, line by line.
    pub fn report(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(why) = &self.list_damage {
            lines.push(format!(
                "{LIST}: {why}: whether a file of tables is missing cannot be told"
            ));
        }
        for (owner, damage, was_used) in &self.damaged {
            let TableOwner { account, region } = owner;
            lines.push(line(owner, damage));
            lines.push(match was_used {
                true => format!("lost: all tables of account {account} in {region}"),
                false => "nothing is lost with it: the server never used it".to_owned(),
            });
        }
        lines
    }

    /// Moves what is damaged into a folder of the data folder, and makes the list one of the files that are left. Can be
    /// done again if it failed.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn repair(self, kept_in: &str) -> io::Result<()> {
        if self.is_sound() {
            return Ok(());
        }
        for (owner, _, _) in &self.damaged {
            self.set_aside(owner, kept_in)?;
        }
        self.keep_list(kept_in)?;
        let mut entries = Entries::new();
        for (owner, identity) in self.sound {
            let identity = match identity {
                Some(identity) => identity,
                None => {
                    let identity = Identity::random()?;
                    check::make(&path(&self.data_dir, &owner), &owner, identity)
                        .map_err(io::Error::other)?;
                    identity
                }
            };
            entries.insert(owner, identity);
        }
        list::write(&self.data_dir, &entries)
    }

    fn keep_list(&self, kept_in: &str) -> io::Result<()> {
        let folder = self.data_dir.join(kept_in);
        create_folder(&folder)?;
        match fs::copy(self.data_dir.join(LIST), folder.join(LIST)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::File::open(folder)?.sync_all()
    }

    /// A journal belongs to its file, damaged or not.
    fn set_aside(&self, owner: &TableOwner, kept_in: &str) -> io::Result<()> {
        let from = path(&self.data_dir, owner);
        let to = self.data_dir.join(kept_in).join(relative(owner));
        let folders = (from.parent(), to.parent());
        for ending in ["", "-wal", "-shm", "-journal"] {
            let named = |path: &Path| {
                let mut name = path.as_os_str().to_owned();
                name.push(ending);
                PathBuf::from(name)
            };
            if !named(&from).exists() {
                continue;
            }
            if let Some(folder) = folders.1 {
                create_folder(folder)?;
            }
            fs::rename(named(&from), named(&to))?;
        }
        for folder in [folders.0, folders.1].into_iter().flatten() {
            if folder.is_dir() {
                fs::File::open(folder)?.sync_all()?;
            }
        }
        Ok(())
    }
}
