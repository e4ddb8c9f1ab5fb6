//! Freeing the room of records that are past retention. Reads do not depend on it.

mod confirmed_time;

use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Shard, ShardCommand, ShardState, Stream, StreamId};
use millstream_log::{EngineError, LogEngine};
use millstream_types::{ShardId, TimestampMs, WallClock};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::command_log::{CommandLog, ProposeError};
use crate::view::View;

use confirmed_time::ConfirmedTime;

/// Logs of one stream that are looked at together, and logs per interval; an interval may take up to twice as many.
const LOGS_PER_SLICE: usize = 512;

/// Trims logs and forgets closed shards.
#[derive(Debug)]
pub(crate) struct Retention {
    engine: Arc<dyn LogEngine>,
    time: ConfirmedTime,
    view: Arc<View>,
    commands: CommandLog,
    /// Where the background task goes on: the shards after this one.
    cursor: Mutex<Cursor>,
}

#[derive(Debug, Clone, Copy)]
struct Cursor {
    stream: StreamId,
    /// `None` when the stream is done.
    next_shard: Option<ShardId>,
}

const START: Cursor = Cursor {
    stream: StreamId(0),
    next_shard: None,
};

#[derive(Debug, thiserror::Error)]
enum RetentionError {
    #[error("the log engine failed: {0}")]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl Retention {
    pub(crate) fn new(
        engine: Arc<dyn LogEngine>,
        clock: Arc<dyn WallClock>,
        view: Arc<View>,
        commands: CommandLog,
    ) -> Self {
        Self {
            engine,
            time: ConfirmedTime::new(clock),
            view,
            commands,
            cursor: Mutex::new(START),
        }
    }

    /// Looks at a slice of the logs every `interval` until `stop`.
    pub(crate) async fn run(self: Arc<Self>, interval: Duration, stop: CancellationToken) {
        let cancelled = stop.cancelled();
        let work = async {
            loop {
                tokio::time::sleep(interval).await;
                self.slices().await;
            }
        };
        tokio::select! {
            biased;
            () = work => {}
            () = cancelled => {}
        }
    }

    /// Looks at every log once.
    pub(crate) async fn pass(&self) {
        let mut cursor = START;
        while let Some((after, _)) = self.slice(cursor).await {
            cursor = after;
        }
    }

    /// Looks at as many logs as one interval admits, from where it stopped the last time.
    async fn slices(&self) {
        let mut looked_at = 0;
        while looked_at < LOGS_PER_SLICE {
            let cursor = *self.cursor.lock();
            let slice = self.slice(cursor).await;
            *self.cursor.lock() = slice.map_or(START, |(after, _)| after);
            match slice {
                Some((_, logs)) => looked_at += logs.max(1),
                None => return,
            }
        }
    }

    /// Looks at some logs of one stream and counts them; `None` when there are no streams after the cursor.
    async fn slice(&self, cursor: Cursor) -> Option<(Cursor, usize)> {
        let (stream, first) = self.view.read(|catalog| {
            match cursor.next_shard {
                Some(shard) => catalog
                    .get(cursor.stream)
                    .map(|one| (Arc::clone(one), shard)),
                None => None,
            }
            .or_else(|| {
                let next = catalog.streams_after(cursor.stream).next();
                next.map(|one| (Arc::clone(one), ShardId::FIRST))
            })
        })?;
        let now = self.time.now();
        let horizon = stream.trim_horizon(now);
        let mut expired = Vec::new();
        let mut slice: Vec<Shard> = stream.shards_from(first).take(LOGS_PER_SLICE + 1).collect();
        let next_shard = slice.get(LOGS_PER_SLICE).map(|shard| shard.id);
        slice.truncate(LOGS_PER_SLICE);
        for shard in &slice {
            match self.look_at(shard, horizon).await {
                Ok(true) => expired.push(shard.id),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(stream = %stream.key, shard_id = %shard.id, %error, "retention is tried again later");
                }
            }
        }
        if let Err(error) = self.forget(&stream, expired).await {
            tracing::warn!(stream = %stream.key, %error, "expired shards are removed later");
        }
        let after = Cursor {
            stream: stream.id,
            next_shard,
        };
        Some((after, slice.len()))
    }

    /// Frees what it can; true if the shard is closed, all of its records are past retention and its log is deleted.
    async fn look_at(&self, shard: &Shard, horizon: TimestampMs) -> Result<bool, RetentionError> {
        match shard.state {
            ShardState::Closed { closed_ms, .. } if closed_ms < horizon => {
                self.engine.delete(shard.place).await?;
                return Ok(true);
            }
            ShardState::Open | ShardState::Closing | ShardState::Closed { .. } => {}
        }
        let bounds = self.engine.bounds(shard.place).await?;
        if bounds.first == bounds.next {
            return Ok(false);
        }
        let kept = self.engine.offset_for_time(shard.place, horizon).await?;
        if kept > bounds.first {
            self.engine.trim(shard.place, kept).await?;
        }
        Ok(false)
    }

    async fn forget(&self, stream: &Stream, shards: Vec<ShardId>) -> Result<(), ProposeError> {
        if shards.is_empty() {
            return Ok(());
        }
        let id = stream.id;
        match self
            .commands
            .propose(ShardCommand::RemoveShards { id, shards })
            .await
        {
            // The stream was deleted meanwhile, and its shards with it.
            Ok(_) | Err(ProposeError::Rejected(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
