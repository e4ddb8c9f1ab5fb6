//! Whether an engine takes writes.

use std::sync::Arc;

/// Whether an engine takes writes. Watched by [`LogEngine::status`](crate::LogEngine::status).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum EngineStatus {
    /// It does.
    #[default]
    Serving,
    /// Entries of groups other than [`COMMANDS`](crate::GroupId::COMMANDS) are refused as
    /// [`NoRoom`](crate::NotWritten::NoRoom), at least large ones. Reads go on. It passes when there is room.
    NoRoom,
    /// It takes no more writes, for good, and says why. Reads go on as far as they can.
    Failed(Arc<str>),
}

impl EngineStatus {
    /// As health texts and metrics call it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::NoRoom => "no room",
            Self::Failed(_) => "failed",
        }
    }
}
