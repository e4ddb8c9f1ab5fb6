//! The log engines, by the setting that names them: one file each, which owns its settings, how it is opened, and what
//! people are told of it. Nothing else in the server knows which engine it runs on.

mod local;
mod memory;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::BoxFuture;
use millstream_log::{EngineError, EngineStatus, LogEngine, SnapshotStore};
use millstream_log_local::Pinned;
use millstream_types::WallClock;
use serde::Deserialize;

pub use local::{Durability, LocalEngineSettings};

/// What keeps the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum EngineKind {
    /// Files in the data folder.
    Local,
    /// Memory: everything, tables included, is gone when the server ends.
    Memory,
}

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
    /// Holds a moment of its folder for a copy; `None` if it has none.
    pub(crate) pin: Option<PinLog>,
}

/// Holds a moment of an engine's folder. Blocks.
pub(crate) type PinLog = Arc<dyn Fn() -> Result<Pinned, EngineError> + Send + Sync>;

/// Words for an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EngineWords {
    /// Its name, as the setting spells it.
    pub(crate) name: &'static str,
    /// What answered means.
    pub(crate) durability: &'static str,
    /// What it means that there is no room.
    pub(crate) no_room: &'static str,
}

impl EngineWords {
    /// Why a log is not serving; `None` if it is.
    pub(crate) fn reason(&self, status: &EngineStatus) -> Option<String> {
        match status {
            EngineStatus::Serving => None,
            EngineStatus::NoRoom => Some(self.no_room.to_owned()),
            EngineStatus::Failed(reason) => Some(reason.to_string()),
        }
    }
}

/// An engine as the settings want it.
pub(crate) trait ServedEngine: Send + Sync {
    /// Words for health texts.
    fn words(&self) -> EngineWords;

    /// Lines of the start text: where everything is kept, and what answered means.
    fn start_text(&self) -> String;

    /// The folder of everything else that is to be kept; `None` if nothing is.
    fn folder(&self) -> Option<&Path>;

    /// Opens it.
    fn open(
        &self,
        clock: Arc<dyn WallClock>,
    ) -> BoxFuture<'static, Result<OpenEngine, EngineOpenError>>;
}

/// The engine of a kind; the local one with its settings, in the data folder.
pub(crate) fn of(
    kind: EngineKind,
    folder: &Path,
    local: &LocalEngineSettings,
) -> Box<dyn ServedEngine> {
    match kind {
        EngineKind::Local => Box::new(local::ServedLocal::new(folder, local.clone())),
        EngineKind::Memory => Box::new(memory::ServedMemory),
    }
}
