//! Why the command log cannot be followed.

use millstream_catalog::{InvalidCommand, InvalidSnapshot};
use millstream_log::EngineError;

/// Why the command log cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandLogError {
    /// The engine failed.
    #[error("the command log cannot be used")]
    Engine(#[from] EngineError),
    /// Stored bytes are damaged.
    #[error("the command log cannot be read: {0}")]
    Unreadable(String),
    /// An entry that must be there is not.
    #[error("the command log lacks entry {0}")]
    Missing(u64),
    /// An entry of a newer version, or damaged.
    #[error("entry {offset} of the command log")]
    Command {
        /// Its offset.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: InvalidCommand,
    },
    /// A snapshot of a newer version.
    #[error("the snapshot at entry {offset} of the command log")]
    Snapshot {
        /// Its offset.
        offset: u64,
        /// What is wrong with it.
        #[source]
        source: InvalidSnapshot,
    },
}

impl CommandLogError {
    /// Whether reading again cannot help.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Engine(_) | Self::Unreadable(_) => false,
            Self::Missing(_) | Self::Command { .. } | Self::Snapshot { .. } => true,
        }
    }
}
