//! A data folder on which no server runs: what is wrong in it, what that costs, and a folder of the rest.

mod sealed;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use millstream_catalog::{InvalidCatalog, SalvagedCatalog, ShardLog};
use millstream_log::{GroupId, LogId};
use millstream_log_local::{Loss, Repair, Salvage};
use millstream_sealing::{KeyRing, KeyRingError, MasterKey, is_sealed, seal_snapshot};
use millstream_tables::SalvagedTables;
use millstream_types::{TimestampMs, WallClock};

use crate::backup::{self, BackupError, BackupList, Unseen, refuse_unfinished};
use sealed::Unopened;

/// The command log, in the group of commands.
const COMMAND_LOG: LogId = LogId(0);

/// Why a data folder cannot be looked at or repaired.
#[derive(Debug, thiserror::Error)]
pub enum DataFolderError {
    /// A server runs on it.
    #[error("the data folder {0} is in use by a server: stop that one first")]
    InUse(PathBuf),
    /// It cannot be read or written at all.
    #[error("the data folder {folder}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It is a backup, or being restored, and not whole.
    #[error(transparent)]
    Backup(#[from] BackupError),
    /// It is encrypted, and its keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyRingError),
    /// Something in it was written by a newer version.
    #[error("the catalog in {folder} cannot be understood by this version")]
    Catalog {
        /// The folder.
        folder: PathBuf,
        /// What.
        #[source]
        source: InvalidCatalog,
    },
}

/// A data folder that was read whole. Holds its lock.
#[derive(Debug)]
pub struct DataFolder {
    folder: PathBuf,
    salvage: Salvage,
    catalog: SalvagedCatalog,
    tables: SalvagedTables,
    /// What is wrong with the files of a backup, by its list; `None` if the folder is none.
    backup: Option<Vec<String>>,
    /// Of a folder that is encrypted.
    keys: Option<Arc<KeyRing>>,
    /// What does not open although its sum is right: of the catalog, and of the logs.
    sealed: Vec<String>,
    unopened: Vec<Unopened>,
}

/// What is looked at of a folder that is encrypted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Depth<'a> {
    /// Everything; the master key is needed.
    Everything(Option<&'a MasterKey>),
    /// All but what is encrypted in the catalog.
    Sums,
}

impl DataFolder {
    /// Reads everything in a folder, of a backup also whether its files are those that were made; of one that is encrypted
    /// with its master key. `progress` is told how many bytes of how many were read.
    ///
    /// # Errors
    /// See [`DataFolderError`].
    pub fn read(
        folder: &Path,
        master: Option<&MasterKey>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, DataFolderError> {
        refuse_unfinished(folder)?;
        let mut read = Self::read_log_and_tables(folder, Depth::Everything(master), progress)?;
        if folder.join(backup::LIST).exists() {
            read.backup = Some(match BackupList::read(folder) {
                Ok(list) => list.findings(folder, &mut Unseen)?,
                Err(BackupError::Damaged { findings, .. }) => findings,
                Err(error) => return Err(error.into()),
            });
        }
        Ok(read)
    }

    /// As [`read`](Self::read), without a look at a backup's list.
    pub(crate) fn read_log_and_tables(
        folder: &Path,
        depth: Depth<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, DataFolderError> {
        use millstream_log_local::OpenError;
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| DataFolderError::Folder {
            folder: folder.to_owned(),
            source,
        };
        let salvage = Salvage::read(folder, progress).map_err(|error| match error {
            OpenError::InUse => DataFolderError::InUse(folder.to_owned()),
            error => failed(Box::new(error)),
        })?;
        let commands = salvage.commands(COMMAND_LOG);
        let commands = commands.map_err(|error| failed(Box::new(error)))?;
        let keys = match depth {
            Depth::Everything(master) => KeyRing::read_only(folder, master)?.map(Arc::new),
            Depth::Sums => None,
        };
        let mut sealed = Vec::new();
        let catalog = match depth {
            Depth::Sums if KeyRing::is_in(folder)? => {
                SalvagedCatalog::read(&[], &[], 0, &|_, _| Vec::new())
            }
            Depth::Everything(_) | Depth::Sums => {
                let snapshots = salvage.snapshots().to_vec();
                let is_any_sealed = snapshots.iter().any(|one| is_sealed(&one.state))
                    || commands.iter().any(|entry| is_sealed(&entry.payload));
                if keys.is_none() && is_any_sealed {
                    return Err(KeyRingError::Lost(folder.to_owned()).into());
                }
                let (snapshots, commands) =
                    sealed::opened(keys.as_deref(), snapshots, commands, &mut sealed);
                let end = salvage.next_offset(GroupId::COMMANDS, COMMAND_LOG);
                SalvagedCatalog::read(&snapshots, &commands, end, &|first, next| {
                    salvage.given(GroupId::COMMANDS, COMMAND_LOG, first, next)
                })
            }
        };
        let catalog = catalog.map_err(|source| DataFolderError::Catalog {
            folder: folder.to_owned(),
            source,
        })?;
        let unopened = match &keys {
            Some(keys) => sealed::unopened(&salvage, keys),
            None => Ok(Vec::new()),
        };
        let unopened = unopened.map_err(|error| failed(Box::new(error)))?;
        let tables = SalvagedTables::read(folder);
        Ok(Self {
            tables: tables.map_err(|error| failed(Box::new(error)))?,
            folder: folder.to_owned(),
            salvage,
            catalog,
            backup: None,
            keys,
            sealed,
            unopened,
        })
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        let is_as_made = self.backup.as_ref().is_none_or(Vec::is_empty);
        is_as_made && self.is_log_sound() && self.tables.is_sound() && self.unopened.is_empty()
    }

    /// Whether a repair would change anything: what does not open for want of its key, no repair brings back.
    pub fn is_repairable(&self) -> bool {
        let is_as_made = self.backup.as_ref().is_none_or(Vec::is_empty);
        !(is_as_made && self.is_log_sound() && self.tables.is_sound())
    }

    fn is_log_sound(&self) -> bool {
        let is_open = self.sealed.is_empty();
        is_open && self.salvage.findings().is_empty() && self.catalog.missing().is_empty()
    }

    /// What is wrong and what it costs, line by line.
    pub fn report(&self) -> Vec<String> {
        let salvage = &self.salvage;
        let mut lines: Vec<String> = salvage
            .findings()
            .iter()
            .map(|found| format!("{} at byte {}: {}", found.file, found.position, found.what))
            .collect();
        lines.extend(self.sealed.iter().cloned());
        lines.extend(self.backup.iter().flatten().cloned());
        lines.extend(self.tables.report());
        let shards = self.catalog.shard_logs();
        // What the catalog lacks is told below: a snapshot may have it.
        let losses = salvage.losses().iter();
        let losses = losses.filter(|loss| loss.group != GroupId::COMMANDS);
        // Without a manifest a trim that is gone by now looks the same.
        let how = if salvage.is_end_unknown() {
            "lost, or removed with their retention period"
        } else {
            "lost"
        };
        lines.extend(losses.map(|loss| format!("{how}: {}", describe(loss, &shards))));
        lines.extend(self.unopened.iter().map(|found| found.describe(&shards)));
        for (first, next) in self.catalog.missing() {
            let last = next - 1;
            lines.push(format!(
                "lost: commands {first} to {last} of the catalog: streams that they made are not there, others may be \
                 as they were before"
            ));
        }
        let named = |group: &GroupId| shards.iter().any(|shard| shard.group == *group);
        let logs = salvage.logs();
        let is_ours = |group: &GroupId| *group == GroupId::COMMANDS || *group == GroupId::METRICS;
        let nameless = logs.iter().filter(|(group, _)| !is_ours(group));
        let nameless = nameless.filter(|(group, _)| !named(group)).count();
        if nameless > 0 && !self.is_log_sound() {
            lines.push(format!(
                "{nameless} logs belong to no stream that the catalog knows; they are kept"
            ));
        }
        if salvage.is_end_unknown() {
            lines.push(
                "where the logs ended cannot be told: if the newest segment is missing, its records are lost, and \
                 nothing says which"
                    .to_owned(),
            );
        }
        lines
    }

    /// How much was read.
    pub fn summary(&self) -> String {
        format!(
            "{} segments, {} bytes, {} logs, {} snapshots",
            self.salvage.segments(),
            self.salvage.bytes(),
            self.salvage.logs().len(),
            self.salvage.snapshots().len()
        )
    }

    /// Makes the folder one that a server starts on, with everything that can be read; what it replaces is kept in a new
    /// folder inside it, whose name is answered. Files of tables that are damaged move there. A backup becomes an ordinary
    /// data folder.
    ///
    /// # Errors
    /// If the disk fails; it can be done again then.
    pub fn repair(self, clock: &dyn WallClock) -> Result<String, DataFolderError> {
        let now = clock.now();
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| DataFolderError::Folder {
            folder: self.folder.clone(),
            source,
        };
        let kept_in = format!("repaired-{}", now.0);
        if self.folder.join(&kept_in).exists() {
            return Err(failed(Box::new(io::Error::from(
                io::ErrorKind::AlreadyExists,
            ))));
        }
        let is_log_sound = self.is_log_sound();
        let repaired = self.tables.repair(&kept_in);
        repaired.map_err(|error| failed(Box::new(error)))?;
        let shards = self.catalog.shard_logs();
        let open = shards.iter().filter(|shard| shard.is_open);
        let mut logs: Vec<_> = open.map(|shard| (shard.group, shard.log)).collect();
        logs.push((GroupId::COMMANDS, COMMAND_LOG));
        let known = self.salvage.logs();
        let snapshot = self.catalog.into_snapshot(&known);
        let snapshot = match &self.keys {
            Some(keys) => seal_snapshot(keys, snapshot),
            None => snapshot,
        };
        let repair = Repair {
            kept_in: kept_in.clone(),
            logs,
            snapshot: Some(snapshot),
            now,
        };
        if !is_log_sound {
            let repaired = self.salvage.repair(repair);
            repaired.map_err(|error| failed(Box::new(error)))?;
        }
        if self.backup.is_some() {
            let unlisted = unlist(&self.folder, &kept_in);
            unlisted.map_err(|error| failed(Box::new(error)))?;
        }
        Ok(kept_in)
    }
}

/// The list of a backup is not right any more.
fn unlist(folder: &Path, kept_in: &str) -> io::Result<()> {
    let kept = folder.join(kept_in);
    fs::create_dir_all(&kept)?;
    fs::rename(folder.join(backup::LIST), kept.join(backup::LIST))?;
    File::open(&kept)?.sync_all()?;
    File::open(folder)?.sync_all()
}

fn describe(loss: &Loss, shards: &[ShardLog]) -> String {
    let Loss {
        group,
        log,
        first,
        next,
        from,
        to,
    } = *loss;
    let time = |time: Option<TimestampMs>| match time {
        Some(TimestampMs(ms)) => {
            let time = UNIX_EPOCH.checked_add(Duration::from_millis(ms));
            time.map_or_else(
                || format!("{ms} ms"),
                |time| humantime::format_rfc3339_millis(time).to_string(),
            )
        }
        None => "an unknown time".to_owned(),
    };
    let shard = shards
        .iter()
        .find(|shard| (shard.group, shard.log) == (group, log));
    let what = match shard {
        Some(shard) => format!(
            "{}, {}: {} entries (the records of one request each), sequence numbers from {} to below {}",
            shard.stream,
            shard.shard,
            next - first,
            shard.number_at(first, from.unwrap_or_default()),
            shard.number_at(next, to.or(from).unwrap_or_default())
        ),
        None if group == GroupId::METRICS => {
            format!("{} entries of log {} of the metrics", next - first, log.0)
        }
        None => format!(
            "log {}/{}: {} entries, {first} to {}",
            group.0,
            log.0,
            next - first,
            next - 1
        ),
    };
    format!("{what}, between {} and {}", time(from), time(to))
}
