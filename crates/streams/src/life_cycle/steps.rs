//! What each change consists of.

use std::time::Duration;

use futures::future::try_join_all;
use millstream_catalog::{
    Change, ClosedShard, CreatedLog, NewShard, Setting, Shard, ShardCommand, Stream, StreamCommand,
    StreamId,
};
use millstream_log::{
    Append, AppendError, AppendId, EngineError, EntryKind, LogSpec, NotWritten, Place, ReadFrom,
    ReadOutcome,
};
use millstream_sealing::KeyRingError;
use millstream_types::ShardId;
use millstream_wire::shapes::StreamStatus;

use super::LifeCycle;
use crate::close_entry;
use crate::command_log::ProposeError;

/// Logs that are created, or closed, at the same time.
const TOGETHER_MAX: usize = 128;

/// Bytes of one read that looks for a CLOSE.
const CLOSE_SEARCH_BYTES: usize = 64 * 1024;

/// Why a step is to be done again.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error("the log engine failed: {0}")]
    Engine(#[from] EngineError),
    #[error("{shard} was not closed: {source}")]
    Close { shard: ShardId, source: AppendError },
    #[error("the end of {0} was not found in its log")]
    EndNotFound(ShardId),
    #[error("the stream has no {0}")]
    NoSuchShard(ShardId),
    #[error("the stream's data keys: {0}")]
    Keys(#[from] KeyRingError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl LifeCycle {
    pub(super) async fn step(&self, stream: &Stream) -> Result<(), StepError> {
        if stream.status == StreamStatus::Deleting {
            return self.delete(stream.id).await;
        }
        match &stream.change {
            Some(Change::Create { shards }) => self.create(stream.id, shards).await,
            Some(change @ (Change::Reshard { .. } | Change::Scale { .. })) => {
                self.reshard(stream, &change.reshards()).await
            }
            Some(Change::Update { setting }) => {
                // Before any record can be one of the new epoch. What a crash, or an answer that did not come, repeats is
                // a key that nobody uses.
                if let Setting::Encryption { key_id: Some(_) } = setting {
                    self.record_keys.begin_epoch(stream.id.group()).await?;
                }
                let finish = StreamCommand::FinishUpdateSetting { id: stream.id };
                self.commands.propose(finish).await?;
                Ok(())
            }
            None => Ok(()),
        }
    }

    async fn create(&self, id: StreamId, shards: &[NewShard]) -> Result<(), StepError> {
        let logs = self.create_logs(id, shards.iter().collect()).await?;
        let finish = StreamCommand::FinishCreateStream { id, logs };
        self.commands.propose(finish).await?;
        Ok(())
    }

    async fn delete(&self, id: StreamId) -> Result<(), StepError> {
        self.engine.delete_group(id.group()).await?;
        // Once no start finds the logs again, and before the name is free.
        self.record_keys.forget(id.group()).await?;
        let finish = StreamCommand::FinishDeleteStream { id };
        self.commands.propose(finish).await?;
        Ok(())
    }

    async fn reshard(
        &self,
        stream: &Stream,
        reshards: &[(&[ShardId], &[NewShard])],
    ) -> Result<(), StepError> {
        let id = stream.id;
        let children = reshards.iter().flat_map(|(_, children)| *children);
        let logs = self.create_logs(id, children.collect()).await?;
        let mut closes = Vec::new();
        for (parents, children) in reshards {
            for parent in *parents {
                let shard = stream.shard(*parent);
                closes.push((shard.ok_or(StepError::NoSuchShard(*parent))?, *children));
            }
        }
        let mut closed = Vec::with_capacity(closes.len());
        for closes in closes.chunks(TOGETHER_MAX) {
            let mut closing = Vec::with_capacity(closes.len());
            for (shard, children) in closes {
                closing.push(self.close(shard, children));
            }
            closed.extend(try_join_all(closing).await?);
        }
        let finish = ShardCommand::FinishReshard { id, closed, logs };
        self.commands.propose(finish).await?;
        Ok(())
    }

    async fn create_logs(
        &self,
        id: StreamId,
        shards: Vec<&NewShard>,
    ) -> Result<Vec<CreatedLog>, EngineError> {
        let mut logs = Vec::with_capacity(shards.len());
        for shards in shards.chunks(TOGETHER_MAX) {
            let create = |shard: &&NewShard| {
                self.engine
                    .create(id.group(), shard.log, LogSpec::default())
            };
            let places = try_join_all(shards.iter().map(create)).await?;
            let created = shards.iter().zip(places);
            logs.extend(created.map(|(new, place)| CreatedLog {
                shard: new.id,
                place,
            }));
        }
        Ok(logs)
    }

    /// Appends the CLOSE entry, or finds the one that an earlier attempt appended.
    async fn close(&self, shard: &Shard, children: &[NewShard]) -> Result<ClosedShard, StepError> {
        let append = Append {
            place: shard.place,
            kind: EntryKind::Close,
            payload: close_entry::encode(children),
            // Records carry no id, so in its own log any constant is unique.
            id: Some(AppendId(1)),
        };
        let answer = self.engine.append_many(vec![append]).await.pop();
        let (end, closed_ms) = match answer.unwrap_or(Err(AppendError::OutcomeUnknown)) {
            Ok(appended) => (appended.offset, appended.time),
            Err(AppendError::NotWritten(NotWritten::Closed)) => {
                return self.find_close(shard.id, shard.place).await;
            }
            Err(source) => {
                let shard = shard.id;
                return Err(StepError::Close { shard, source });
            }
        };
        Ok(ClosedShard {
            shard: shard.id,
            end,
            closed_ms,
        })
    }

    async fn find_close(&self, shard: ShardId, place: Place) -> Result<ClosedShard, StepError> {
        let bounds = self.engine.bounds(place).await?;
        // The last entry mostly; further back where the engine leaves offsets out, or has entries behind the CLOSE.
        let mut back = 1;
        loop {
            let from = bounds.next.saturating_sub(back).max(bounds.first);
            if let Some(closed) = self.first_close(shard, place, from).await? {
                return Ok(closed);
            }
            if from == bounds.first {
                return Err(StepError::EndNotFound(shard));
            }
            back = back.saturating_mul(2);
        }
    }

    /// The first CLOSE at or above an offset.
    async fn first_close(
        &self,
        shard: ShardId,
        place: Place,
        mut from: u64,
    ) -> Result<Option<ClosedShard>, StepError> {
        loop {
            let read = ReadFrom {
                place,
                from,
                bytes_max: CLOSE_SEARCH_BYTES,
            };
            let outcome = self.engine.read_many(vec![read], Duration::ZERO).await;
            let Some(ReadOutcome::Entries { entries, .. }) = outcome.into_iter().next() else {
                return Err(StepError::EndNotFound(shard));
            };
            let Some(last) = entries.last() else {
                return Ok(None);
            };
            from = last.offset + 1;
            let close = entries.iter().find(|entry| entry.kind == EntryKind::Close);
            if let Some(close) = close {
                return Ok(Some(ClosedShard {
                    shard,
                    end: close.offset,
                    closed_ms: close.time,
                }));
            }
        }
    }
}
