//! A disk without room is the server's fault, not a shard's: nobody is told to send more slowly.

use std::sync::Arc;

use millstream_log::{MemoryEngine, MemorySettings};
use millstream_streams::StreamSettings;
use millstream_wire::{ApiError, ErrorCode};

use crate::world::*;

#[tokio::test(start_paused = true)]
async fn no_room_is_no_throttling() {
    let settings = MemorySettings {
        bytes_max: 100_000,
        ..MemorySettings::default()
    };
    let small = MemoryEngine::new(settings, Arc::new(ManualClock::new(TimestampMs(START_MS))));
    let world = World::on(StreamSettings::default(), |_| Arc::new(small)).await;
    world.create("meters", 1).await;
    let refused = loop {
        match world.try_put("meters", "sensor-7", &[0; 1000]).await {
            Ok(_) => {}
            Err(error) => break ApiError::from(error),
        }
    };
    assert_eq!(refused.code, ErrorCode::ServiceUnavailable);
    let text = "The server's disk has no room: nothing was written.";
    assert_eq!(refused.message, text);
}
