//! The log engines, by the setting that names them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use millstream_log::{LogEngine, MemoryEngine, MemorySettings, MemorySnapshots, SnapshotStore};
use millstream_log_local::{LocalEngine, LocalSettings, Realtime};
use millstream_types::WallClock;

use crate::settings::{Durability, EngineKind, Settings, Switch};

/// Why the log engine does not open. The texts say what to do.
#[derive(Debug, thiserror::Error)]
pub enum EngineOpenError {
    /// A second server on the same folder.
    #[error(
        "the data folder {0} is in use by another server: stop that one, or choose another folder with --data-dir"
    )]
    FolderInUse(PathBuf),
    /// The folder cannot be made or written.
    #[error(
        "the data folder {folder} cannot be used: {what}: {source}. Choose another with --data-dir"
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What was tried.
        what: String,
        /// How it failed.
        source: io::Error,
    },
    /// Starting would lose acknowledged records in silence.
    #[error(
        "the data folder {folder} is damaged: {file} at byte {position}: {what}. Nothing was changed. \
         `millstream verify --data-dir {folder}` says what that costs, `millstream repair --data-dir {folder}` makes a \
         folder of the rest and keeps the damaged files"
    )]
    Damaged {
        /// The folder.
        folder: PathBuf,
        /// The file, relative to the folder.
        file: String,
        /// Where in the file.
        position: u64,
        /// What is wrong there.
        what: String,
    },
    /// The settings do not fit each other.
    #[error("the log engine's settings do not fit each other: {0}")]
    Settings(String),
}

/// A log engine and the place for the catalog's snapshots beside it.
pub(crate) struct OpenEngine {
    pub(crate) engine: Arc<dyn LogEngine>,
    pub(crate) snapshots: Arc<dyn SnapshotStore>,
    /// The engine once more if it is the one on disk: it counts what it does.
    pub(crate) local: Option<Arc<LocalEngine>>,
}

/// Opens the engine that the settings name.
pub(crate) async fn open(
    settings: &Settings,
    clock: Arc<dyn WallClock>,
) -> Result<OpenEngine, EngineOpenError> {
    match settings.engine {
        EngineKind::Memory => Ok(OpenEngine {
            engine: Arc::new(MemoryEngine::new(MemorySettings::default(), clock)),
            snapshots: Arc::new(MemorySnapshots::new()),
            local: None,
        }),
        EngineKind::Local => {
            let local = local_settings(settings);
            let folder = settings.data_dir.clone();
            // It reads files, which is no work for the runtime's threads.
            let opened = tokio::task::spawn_blocking(move || LocalEngine::open(local, clock)).await;
            let engine = match opened {
                Ok(opened) => opened.map_err(|error| local_error(&folder, error))?,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
            tracing::debug!(scheduling = ?engine.scheduling(), "the committing thread");
            let snapshots = engine
                .snapshots()
                .expect("an engine that was just opened has not stopped");
            let engine = Arc::new(engine);
            Ok(OpenEngine {
                engine: Arc::clone(&engine) as Arc<dyn LogEngine>,
                snapshots: Arc::new(snapshots),
                local: Some(engine),
            })
        }
    }
}

fn local_settings(settings: &Settings) -> LocalSettings {
    LocalSettings {
        durability: match settings.durability {
            Durability::Fsync => millstream_log_local::Durability::Fsync,
            Durability::Os => millstream_log_local::Durability::Os,
        },
        realtime: match settings.realtime {
            Switch::On => Realtime::Try,
            Switch::Off => Realtime::Off,
        },
        free_space_floor_bytes: settings.disk_free_bytes_min,
        idle_bell: settings.idle_bell.clone(),
        ..LocalSettings::new(&settings.data_dir)
    }
}

fn local_error(folder: &Path, error: millstream_log_local::OpenError) -> EngineOpenError {
    use millstream_log_local::OpenError as Local;
    let folder = folder.to_owned();
    match error {
        Local::InUse => EngineOpenError::FolderInUse(folder),
        Local::Settings(what) => EngineOpenError::Settings(what),
        Local::Damaged {
            file,
            position,
            what,
        } => EngineOpenError::Damaged {
            folder,
            file,
            position,
            what,
        },
        Local::Io { what, source } => EngineOpenError::Folder {
            folder,
            what,
            source,
        },
    }
}
