//! Where the blocks of one resolution are.

use std::collections::VecDeque;

use crate::Minute;
use crate::codec::{Malformed, Reader, Writer};
use crate::series_table::SeriesId;

/// A block in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockRef {
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
    /// When it was written. Nothing in it is more than two hours newer.
    pub(crate) written: Minute,
    pub(crate) first: Minute,
    pub(crate) last: Minute,
    pub(crate) first_series: SeriesId,
    pub(crate) last_series: SeriesId,
}

impl BlockRef {
    pub(crate) fn may_hold(&self, series: SeriesId, from: Minute, until: Minute) -> bool {
        (self.first_series..=self.last_series).contains(&series)
            && self.first < until
            && self.last >= from
    }
}

/// The blocks of one resolution that are needed, in order of their offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tier {
    blocks: VecDeque<BlockRef>,
    bytes: u64,
    /// No block that is needed is below; never falls.
    needed_from: u64,
}

impl Tier {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &BlockRef> {
        self.blocks.iter()
    }

    /// Bytes of all blocks.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<BlockRef>()
    }

    /// Below it the log is not needed.
    pub(crate) fn needed_from(&self) -> u64 {
        self.needed_from
    }

    pub(crate) fn add(&mut self, block: BlockRef) {
        self.bytes += block.bytes;
        self.blocks.push_back(block);
    }

    /// Forgets the oldest block.
    pub(crate) fn drop_first(&mut self) {
        if let Some(block) = self.blocks.pop_front() {
            self.bytes -= block.bytes;
            self.needed_from = block.offset + 1;
        }
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.unsigned(self.needed_from);
        out.length(self.blocks.len());
        for block in &self.blocks {
            out.unsigned(block.offset);
            out.unsigned(block.bytes);
            out.unsigned(block.written.0.into());
            out.unsigned(block.first.0.into());
            out.unsigned(block.last.0.into());
            out.unsigned(block.first_series.0);
            out.unsigned(block.last_series.0);
        }
    }

    pub(crate) fn read(from: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut tier = Self {
            needed_from: from.unsigned()?,
            ..Self::default()
        };
        for _ in 0..from.length(usize::MAX)? {
            tier.add(BlockRef {
                offset: from.unsigned()?,
                bytes: from.unsigned()?,
                written: minute(from)?,
                first: minute(from)?,
                last: minute(from)?,
                first_series: SeriesId(from.unsigned()?),
                last_series: SeriesId(from.unsigned()?),
            });
        }
        Ok(tier)
    }
}

fn minute(from: &mut Reader<'_>) -> Result<Minute, Malformed> {
    u32::try_from(from.unsigned()?)
        .map(Minute)
        .map_err(|_| Malformed)
}
