//! Reading: what was put lately from memory, everything else from the blocks that may hold it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{LogEngine, Place, ReadFrom, ReadOutcome};

use super::{MetricStore, Opened, PATIENCE, ReadError};
use crate::block::parts;
use crate::series_table::SeriesId;
use crate::tier::BlockRef;
use crate::{Aggregate, Metric, Minute, Owner, Unit};

/// How often a read begins again because blocks were replaced under it.
const ATTEMPTS: usize = 3;
/// Memory of a point beside its aggregate.
const POINT_BYTES: usize = 48;

/// Aggregates by the second since the epoch at which their period begins.
pub type Points = BTreeMap<u64, Aggregate>;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Whose.
    pub owner: Owner,
    /// Of which metric.
    pub metric: Metric,
    /// Only in this unit.
    pub unit: Option<Unit>,
    /// From this minute on.
    pub from: Minute,
    /// Up to before this minute.
    pub until: Minute,
    /// Length of a period in seconds; the first begins with `from`. Below a minute, points lie a minute apart all the
    /// same.
    pub period_secs: u32,
    /// Whether percentiles are wanted.
    pub with_spread: bool,
}

/// A block cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum BlockError {
    #[error("block {0} is not there any more")]
    Gone(u64),
    #[error("block {0} cannot be understood")]
    Malformed(u64),
    #[error("{0}")]
    Unreadable(String),
}

/// A series that is read for something that is asked for.
struct Target {
    wanted: usize,
    unit: Unit,
    points: Points,
}

/// What an answer takes, as it grows.
struct Answer<'a> {
    wanted: &'a [Wanted],
    targets: BTreeMap<SeriesId, Vec<Target>>,
    oldest: Minute,
    bytes_left: usize,
}

impl MetricStore {
    /// Reads; for each that is asked for, the points of each unit that it has any in. Nothing older than fifteen days
    /// is told; what is older than three days lies five minutes apart at least.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(&self, wanted: &[Wanted]) -> Result<Vec<Vec<(Unit, Points)>>, ReadError> {
        let opened = self.opened().await?;
        let permit = tokio::time::timeout(PATIENCE, self.shared.reads.acquire()).await;
        let _permit = permit
            .map_err(|_| ReadError::Busy)?
            .map_err(|_| ReadError::Unavailable)?;
        for _ in 0..ATTEMPTS {
            match self.read_once(&opened, wanted).await? {
                Some(answer) => return Ok(answer),
                None => tracing::debug!("blocks of metrics were replaced while they were read"),
            }
        }
        Err(ReadError::Unreadable(
            "blocks that must be there are not".to_owned(),
        ))
    }

    /// `None` if blocks were replaced meanwhile.
    async fn read_once(
        &self,
        opened: &Opened,
        wanted: &[Wanted],
    ) -> Result<Option<Vec<Vec<(Unit, Points)>>>, ReadError> {
        let mut answer = Answer {
            wanted,
            targets: BTreeMap::new(),
            oldest: self.now().minus(self.shared.settings.kept_minutes),
            bytes_left: self.shared.settings.answer_bytes_max,
        };
        let blocks = {
            let state = opened.state.read();
            let table = &state.kept().table;
            for (place, one) in wanted.iter().enumerate() {
                for (unit, id) in table.units_of(&one.owner, &one.metric) {
                    if one.unit.is_none_or(|only| only == unit) {
                        answer.targets.entry(id).or_default().push(Target {
                            wanted: place,
                            unit,
                            points: Points::new(),
                        });
                    }
                }
            }
            let ids: Vec<_> = answer.targets.keys().copied().collect();
            for id in ids {
                let buckets = state.head().buckets().get(&id);
                for (minute, aggregate) in buckets.into_iter().flatten() {
                    answer.add(id, *minute, aggregate)?;
                }
            }
            let kept = state.kept();
            let of =
                |place, blocks: Vec<BlockRef>| blocks.into_iter().map(move |block| (place, block));
            let minutes = kept
                .minutes
                .blocks()
                .filter(|block| answer.needs(block))
                .copied();
            let fives = kept
                .fives
                .blocks()
                .filter(|block| answer.needs(block))
                .copied();
            let minutes = of(opened.minutes, minutes.collect());
            minutes
                .chain(of(opened.fives, fives.collect()))
                .collect::<Vec<_>>()
        };
        for (place, block) in blocks {
            let payload = match read_block(&*self.shared.engine, place, &block).await {
                Ok(payload) => payload,
                Err(BlockError::Gone(_)) => return Ok(None),
                Err(error) => return Err(ReadError::Unreadable(error.to_string())),
            };
            answer.add_block(&block, &payload)?;
            // Others have waited meanwhile.
            tokio::task::yield_now().await;
        }
        Ok(Some(answer.finish()))
    }
}

impl Answer<'_> {
    fn needs(&self, block: &BlockRef) -> bool {
        let range = block.first_series..=block.last_series;
        self.targets.range(range).any(|(id, targets)| {
            targets.iter().any(|target| {
                let wanted = &self.wanted[target.wanted];
                block.may_hold(*id, wanted.from.max(self.oldest), wanted.until)
            })
        })
    }

    fn add_block(&mut self, block: &BlockRef, payload: &[u8]) -> Result<(), ReadError> {
        let malformed = |_| ReadError::Unreadable(BlockError::Malformed(block.offset).to_string());
        for part in parts(payload).map_err(malformed)? {
            if self.targets.contains_key(&part.series) {
                for (minute, aggregate) in part.points().map_err(malformed)? {
                    self.add(part.series, minute, &aggregate)?;
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        id: SeriesId,
        minute: Minute,
        aggregate: &Aggregate,
    ) -> Result<(), ReadError> {
        if minute < self.oldest {
            return Ok(());
        }
        for target in self.targets.get_mut(&id).into_iter().flatten() {
            let wanted = &self.wanted[target.wanted];
            if minute < wanted.from || minute >= wanted.until {
                continue;
            }
            let from = wanted.from.as_secs();
            let since = minute.as_secs() - from;
            let begins = from + since - since % u64::from(wanted.period_secs.max(1));
            let merge = |bucket: &mut Aggregate| {
                let before = bucket.memory_bytes();
                bucket.merge(aggregate);
                bucket.memory_bytes().saturating_sub(before)
            };
            let more_bytes = match target.points.get_mut(&begins) {
                Some(bucket) => merge(bucket),
                None => {
                    let bucket = match wanted.with_spread {
                        true => aggregate.clone(),
                        false => aggregate.without_spread(),
                    };
                    let bytes = bucket.memory_bytes() + POINT_BYTES;
                    target.points.insert(begins, bucket);
                    bytes
                }
            };
            self.bytes_left = self
                .bytes_left
                .checked_sub(more_bytes)
                .ok_or(ReadError::TooLarge)?;
        }
        Ok(())
    }

    fn finish(self) -> Vec<Vec<(Unit, Points)>> {
        let mut answers: Vec<Vec<(Unit, Points)>> =
            self.wanted.iter().map(|_| Vec::new()).collect();
        for target in self.targets.into_values().flatten() {
            if !target.points.is_empty() {
                answers[target.wanted].push((target.unit, target.points));
            }
        }
        answers
    }
}

/// The payload of a block.
pub(super) async fn read_block(
    engine: &dyn LogEngine,
    place: Place,
    block: &BlockRef,
) -> Result<Bytes, BlockError> {
    let read = ReadFrom {
        place,
        from: block.offset,
        bytes_max: 1,
    };
    let outcome = engine.read_many(vec![read], Duration::ZERO).await.pop();
    match outcome.unwrap_or(ReadOutcome::NoSuchLog) {
        ReadOutcome::Entries { entries, .. } => match entries.into_iter().next() {
            Some(entry) if entry.offset == block.offset => Ok(entry.payload),
            _ => Err(BlockError::Gone(block.offset)),
        },
        ReadOutcome::OutOfRange(_) => Err(BlockError::Gone(block.offset)),
        ReadOutcome::NoSuchLog => Err(BlockError::Unreadable("the log is not there".to_owned())),
        ReadOutcome::Unreadable { reason, .. } => Err(BlockError::Unreadable(reason)),
    }
}
