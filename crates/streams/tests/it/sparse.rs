//! The service on an engine whose offsets have gaps and that cannot close a log in place: nothing counts entries.

use std::sync::Arc;

use millstream_log::contract::SparseEngine;
use millstream_log::{LogEngine, MemoryEngine};
use millstream_streams::StreamSettings;

use crate::world::*;

/// Commands are applied at their own offsets, now, after a snapshot and after a restart.
#[tokio::test(start_paused = true)]
async fn commands_are_followed_by_their_own_offsets() {
    let below = |engine: MemoryEngine| -> Arc<dyn LogEngine> {
        Arc::new(SparseEngine::new(Arc::new(engine)))
    };
    let mut world = World::on(StreamSettings::default(), below).await;
    world.create("meters", 2).await;
    world.put("meters", "sensor-7", b"one").await;
    world.crash_onto(below).await;
    world.create("other", 1).await;
    world.crash_onto(below).await;
    assert_eq!(world.stream_names().await, ["meters", "other"]);
    world.put("meters", "sensor-7", b"two").await;
}
