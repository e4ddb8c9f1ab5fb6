//! How much memory a worker may take, whatever comes.

use super::{Pipeline, SinkSpec};
use crate::jq::{Limits, STACK_BYTES_MAX};
use crate::transform::{ITEMS_BYTES_MAX, MADE_BYTES_MAX, RECORD_ITEMS_BYTES_MAX};
use crate::window::PIECE_BYTES_MAX;

/// Most bytes that are read ahead of one stream, for all its shards together.
pub(crate) const READ_AHEAD_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The largest answer of a stream.
const ANSWER_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Values that are evaluated at a time, if those of one record are as large as they may be.
const LARGE_BYTES_MAX: usize = ITEMS_BYTES_MAX + RECORD_ITEMS_BYTES_MAX;

/// Most bytes that a worker takes beside the program itself, some 64 MiB; each is added to the others. Programs of `exec`
/// have bounds of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// For each shard that it works on: the answer of the stream in hand, and what is on its way to all sinks, or the
    /// pieces of windows in hand.
    pub per_shard: usize,
    /// More for each shard, while records become values that are as large as those of one record may be.
    pub large_values_per_shard: usize,
    /// What is read ahead, for all shards together; of windows, the pieces too.
    pub read_ahead: usize,
    /// For each thread of the steps: what they have made of some records, what a program makes, and its stack.
    pub per_thread: usize,
    /// More for the worker that merges windows, if there are any.
    pub states: Option<usize>,
}

impl Memory {
    pub(super) fn of(pipeline: &Pipeline) -> Self {
        let large = |sink: &SinkSpec| {
            // What waits is one batch at least; a sink by cuts takes it on top of what it was to flush.
            let waits = LARGE_BYTES_MAX.saturating_sub(sink.lane_bytes());
            let taken = if sink.delivers_by_cuts() {
                LARGE_BYTES_MAX
            } else {
                0
            };
            waits + taken
        };
        let (way, large) = match pipeline.window {
            Some(_) => (2 * PIECE_BYTES_MAX, LARGE_BYTES_MAX),
            None => (
                pipeline.sinks.iter().map(SinkSpec::bytes_per_shard).sum(),
                LARGE_BYTES_MAX + pipeline.sinks.iter().map(large).sum::<usize>(),
            ),
        };
        let limits = Limits::default();
        let program = usize::try_from(limits.value_bytes_max).unwrap_or(usize::MAX);
        Self {
            per_shard: ANSWER_BYTES_MAX + ITEMS_BYTES_MAX + way,
            large_values_per_shard: large,
            read_ahead: READ_AHEAD_BYTES_MAX * if pipeline.window.is_some() { 2 } else { 1 },
            // The last record of those that go together may be on top.
            per_thread: MADE_BYTES_MAX + 2 * program + STACK_BYTES_MAX,
            states: pipeline.window.as_ref().map(|plan| plan.state_bytes_max),
        }
    }

    /// All of it, for so many shards and threads, on a worker that merges windows too if there are any.
    pub fn in_all(&self, shards: usize, threads: usize) -> usize {
        shards * (self.per_shard + self.large_values_per_shard)
            + self.read_ahead
            + threads * self.per_thread
            + self.states.unwrap_or(0)
    }
}
