//! One checkpoint.

use millstream_log::{AppendError, EngineError, Place};

use super::MetricWriter;
use crate::Minute;
use crate::block::{Block, blocks_of, parts};
use crate::checkpoint::Checkpoint;
use crate::head::Buckets;
use crate::journal::checkpoint_entry;
use crate::state::{State, roll_up};
use crate::store::Opened;
use crate::store::read::{BlockError, read_block};
use crate::tier::{BlockRef, Tier};

impl MetricWriter {
    /// Writes a checkpoint if it is time and everything before it is known to be in the journal.
    pub(super) async fn checkpoint_if_due(&mut self, opened: &Opened) {
        let now = Minute::of(self.shared.clock.now());
        let is_due = now >= self.checkpoint_not_before
            && self.unresolved.is_empty()
            && opened.state.read().is_checkpoint_due(now);
        if !is_due {
            return;
        }
        if let Err(error) = self.checkpoint(opened, now).await {
            tracing::warn!(%error, "metrics could not be written into blocks; it is tried again in a minute");
            self.checkpoint_not_before = Minute(now.0 + 1);
        }
    }

    async fn checkpoint(&mut self, opened: &Opened, now: Minute) -> Result<(), AppendError> {
        let settings = self.shared.settings;
        let (mut kept, blocks) = {
            let state = opened.state.read();
            (state.kept().clone(), state.head_blocks())
        };
        self.write(opened.minutes, blocks, now, &mut kept, |kept| {
            &mut kept.minutes
        })
        .await?;
        loop {
            let due = State::roll_up_due(&kept, &settings, now);
            if due.is_empty() {
                break;
            }
            self.roll_up(opened, &due, now, &mut kept).await?;
        }
        for block in State::expired(&kept, &settings, now) {
            self.forget(opened.fives, &block, &mut kept, None).await;
            kept.fives.drop_first();
        }
        kept.table.drop_before(now.minus(settings.kept_minutes));
        let entry = checkpoint_entry(|out| kept.write(out));
        let appended = self.append_one(opened.journal, &entry).await?;
        let needed = (kept.minutes.needed_from(), kept.fives.needed_from());
        opened.state.write().checkpoint(kept, entry.len() as u64);
        for (place, before) in [
            (opened.journal, appended.offset),
            (opened.minutes, needed.0),
            (opened.fives, needed.1),
        ] {
            self.trim(place, before).await;
        }
        Ok(())
    }

    /// Makes the oldest blocks of minutes blocks of five minutes.
    async fn roll_up(
        &mut self,
        opened: &Opened,
        due: &[BlockRef],
        now: Minute,
        kept: &mut Checkpoint,
    ) -> Result<(), AppendError> {
        let mut buckets = Buckets::new();
        for block in due {
            self.forget(opened.minutes, block, kept, Some(&mut buckets))
                .await;
            kept.minutes.drop_first();
        }
        let blocks = blocks_of(&buckets, self.shared.settings.block_bytes);
        self.write(opened.fives, blocks, now, kept, |kept| &mut kept.fives)
            .await
    }

    /// Takes a block out of the count of what its series take, and its points as five minutes. A block that cannot be
    /// read is lost, as a damaged disk loses it; the log says so, and the others go on.
    async fn forget(
        &self,
        place: Place,
        block: &BlockRef,
        kept: &mut Checkpoint,
        into: Option<&mut Buckets>,
    ) {
        let payload = read_block(&*self.shared.engine, place, block).await;
        let forgotten = payload.and_then(|payload| forget_parts(&payload, block, kept, into));
        if let Err(error) = forgotten {
            tracing::error!(%error, "a block of metrics is lost");
        }
        // Others have waited meanwhile.
        tokio::task::yield_now().await;
    }

    /// Writes blocks and adds them to a resolution.
    async fn write(
        &mut self,
        place: Place,
        blocks: Vec<Block>,
        now: Minute,
        kept: &mut Checkpoint,
        tier: fn(&mut Checkpoint) -> &mut Tier,
    ) -> Result<(), AppendError> {
        for block in blocks {
            let appended = self.append_one(place, &block.payload).await?;
            tier(kept).add(BlockRef {
                offset: appended.offset,
                bytes: block.payload.len() as u64,
                written: now,
                first: block.first,
                last: block.last,
                first_series: block.first_series,
                last_series: block.last_series,
            });
            for (series, bytes) in block.series_bytes {
                kept.table.count_stored(series, bytes, 0);
            }
        }
        Ok(())
    }

    async fn trim(&self, place: Place, before: u64) {
        let trimmed: Result<(), EngineError> = self.shared.engine.trim(place, before).await;
        if let Err(error) = trimmed {
            tracing::warn!(%error, "a log of metrics was not trimmed");
        }
    }
}

fn forget_parts(
    payload: &[u8],
    block: &BlockRef,
    kept: &mut Checkpoint,
    mut into: Option<&mut Buckets>,
) -> Result<(), BlockError> {
    let malformed = |_| BlockError::Malformed(block.offset);
    for part in parts(payload).map_err(malformed)? {
        kept.table.count_stored(part.series, 0, part.stored_bytes());
        if let Some(into) = &mut into {
            roll_up(into, &part).map_err(malformed)?;
        }
    }
    Ok(())
}
