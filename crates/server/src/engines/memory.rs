//! Logs in memory.

use std::future::ready;
use std::path::Path;
use std::sync::Arc;

use futures::future::BoxFuture;
use millstream_log::{MemoryEngine, MemorySettings, MemorySnapshots};
use millstream_types::WallClock;

use super::{EngineOpenError, EngineWords, OpenEngine, ServedEngine};

/// The engine in memory. It has no settings.
#[derive(Debug)]
pub(super) struct ServedMemory;

impl ServedEngine for ServedMemory {
    fn words(&self) -> EngineWords {
        EngineWords {
            name: "memory",
            durability: "none",
            no_room: "the memory for records is full: records are refused, reads go on",
        }
    }

    fn start_text(&self) -> String {
        "  data          in memory: gone when the server ends\n".to_owned()
    }

    fn folder(&self) -> Option<&Path> {
        None
    }

    fn open(
        &self,
        clock: Arc<dyn WallClock>,
    ) -> BoxFuture<'static, Result<OpenEngine, EngineOpenError>> {
        Box::pin(ready(Ok(OpenEngine {
            engine: Arc::new(MemoryEngine::new(MemorySettings::default(), clock)),
            snapshots: Arc::new(MemorySnapshots::new()),
            pin: None,
        })))
    }
}
