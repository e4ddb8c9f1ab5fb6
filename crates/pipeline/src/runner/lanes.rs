//! The lanes of one shard, one for each sink: what was sent, and how far all of them are.

use std::collections::VecDeque;
use std::sync::Arc;

use millstream_connectors::{Cut, Item, Lane, LaneFailed, LaneSettings};
use millstream_consumer::ExtendedSequenceNumber;

use super::Shared;
use super::rejections::RejectedItems;

/// All sinks of one shard.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    /// The batch that each lane has to have delivered, so that all records up to the place are.
    sent: VecDeque<(Vec<u64>, ExtendedSequenceNumber)>,
    last: Vec<u64>,
    /// When a sink by cuts has enough, in bytes.
    flush_bytes: Vec<Option<usize>>,
}

impl Lanes {
    pub(super) fn open(shared: &Arc<Shared>, shard_id: &str) -> Self {
        let rejects = Arc::new(RejectedItems(Arc::clone(&shared.rejections)));
        let lane = |sink: &super::ReadySink| {
            let settings = LaneSettings {
                bytes_max: sink.spec.lane_bytes(),
                is_optional: sink.spec.is_optional,
                ..LaneSettings::default()
            };
            let (opened, by_cuts) = (sink.opener.open(shard_id), sink.spec.delivers_by_cuts());
            Lane::start(
                &sink.spec.name,
                opened,
                by_cuts,
                settings,
                sink.status.clone(),
                Arc::clone(&rejects) as _,
            )
        };
        let lanes: Vec<Lane> = shared.sinks.iter().map(lane).collect();
        let last = vec![0; lanes.len()];
        let flush_bytes = shared.sinks.iter().map(|sink| {
            let flush = sink.spec.sink.flush();
            flush.map(|flush| flush.bytes)
        });
        let flush_bytes = flush_bytes.collect();
        Self {
            lanes,
            sent: VecDeque::new(),
            last,
            flush_bytes,
        }
    }

    /// Sends items, which are all of the records up to `up_to` since the last time; there may be none. If this future is
    /// dropped, some sinks may have them and others not.
    pub(super) async fn send(
        &mut self,
        items: Vec<Item>,
        up_to: ExtendedSequenceNumber,
    ) -> Result<(), LaneFailed> {
        if !items.is_empty() {
            let mut items = items;
            let mut lanes = self.lanes.iter_mut().zip(&mut self.last).peekable();
            while let Some((lane, last)) = lanes.next() {
                let for_others = lanes.peek().map(|_| items.clone());
                *last = lane.send(items).await?;
                items = for_others.unwrap_or_default();
            }
        }
        match self.sent.back_mut() {
            Some((numbers, place)) if *numbers == self.last => *place = up_to,
            _ => self.sent.push_back((self.last.clone(), up_to)),
        }
        Ok(())
    }

    /// The last place up to which all required sinks have everything, if it is another than the last time.
    pub(super) fn arrived(&mut self) -> Result<Option<ExtendedSequenceNumber>, LaneFailed> {
        let arrived: Vec<u64> = self
            .lanes
            .iter()
            .map(Lane::arrived)
            .collect::<Result<_, _>>()?;
        let mut up_to = None;
        while let Some((numbers, _)) = self.sent.front() {
            let behind = self.lanes.iter().zip(&arrived).zip(numbers);
            let mut behind =
                behind.filter(|((lane, arrived), number)| lane.is_required() && arrived < number);
            if behind.next().is_some() {
                break;
            }
            up_to = self.sent.pop_front().map(|(_, place)| place);
        }
        Ok(up_to)
    }

    /// Whether something is on its way that [`arrived`](Self::arrived) has not told of.
    pub(super) fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    /// Waits until all required sinks have everything; those that deliver by cuts make this one.
    pub(super) async fn flush(&mut self, cut: &Cut) -> Result<(), LaneFailed> {
        for lane in &mut self.lanes {
            if lane.delivers_by_cuts() {
                lane.flush(cut).await?;
            } else if lane.is_required() {
                lane.drained().await?;
            }
        }
        Ok(())
    }

    /// Whether a sink by cuts has taken as much as it is to flush at a time.
    pub(super) fn is_full(&self) -> bool {
        let mut lanes = self.lanes.iter().zip(&self.flush_bytes);
        lanes.any(|(lane, bytes)| bytes.is_some_and(|bytes| lane.unflushed_bytes() >= bytes))
    }
}
