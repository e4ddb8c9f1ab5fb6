//! How much lies behind a place in a shard: records and bytes, counted in the log.

use std::time::Duration;

use millstream_catalog::Shard;
use millstream_log::{Entry, EntryKind, Place, ReadFrom, ReadOutcome};
use millstream_sealing::KeyRing;
use millstream_types::TimestampMs;

use super::read_turns::Turn;
use super::shard_read::ReadWith;
use crate::envelope::{EnvelopeReader, Unopened, opened, totals};
use crate::tokens::Position;

/// Bytes that one read of the log asks for.
const PIECE_BYTES: usize = 1024 * 1024;

/// How much lies behind a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// Records, each as it was put: an aggregated one is one.
    pub records: u64,
    /// Bytes of their data and partition keys.
    pub bytes: u64,
    /// Whether both are exact, as of some moment during the call. Otherwise what lies beyond the bound
    /// ([`behind_bytes_max`](crate::StreamSettings::behind_bytes_max)) is estimated from what was counted, or could not be
    /// read.
    pub is_exact: bool,
}

/// Counts what lies at or behind a place and is no older than `horizon`, reading `bytes_max` of the log, rounded up to
/// pieces of 1 MiB; what lies further on is estimated. Holds a turn for one read of the disk at a time: readers go first.
pub(crate) async fn count_behind(
    with: ReadWith<'_>,
    shard: &Shard,
    from: Position,
    horizon: TimestampMs,
    bytes_max: usize,
) -> Behind {
    let mut count = Count {
        from,
        floor: horizon.max(from.not_before),
        next: from.offset,
        behind: Behind::default(),
    };
    let mut bounds_next = None;
    for _ in 0..bytes_max.div_ceil(PIECE_BYTES) {
        let read = ReadFrom {
            place: shard.place,
            from: count.next,
            bytes_max: PIECE_BYTES,
        };
        let outcome = match with.engine.read_now(read) {
            Some(outcome) => outcome,
            None => {
                let mut turn: Option<Turn<'_>> = None;
                if with.turns.take(&mut turn, with.patience).await.is_err() {
                    break;
                }
                let outcome = with
                    .engine
                    .read_many(vec![read], Duration::ZERO)
                    .await
                    .pop();
                outcome.unwrap_or(ReadOutcome::NoSuchLog)
            }
        };
        tokio::task::yield_now().await;
        match outcome {
            ReadOutcome::Entries { entries, bounds } => {
                if entries.is_empty() {
                    return count.exact();
                }
                for entry in &entries {
                    match count.take(entry, with.keys, shard.place) {
                        Taken::Counted => {}
                        Taken::End => return count.exact(),
                        Taken::Unknown => return count.behind,
                    }
                }
                if count.next >= bounds.next {
                    return count.exact();
                }
                bounds_next = Some(bounds.next);
            }
            ReadOutcome::OutOfRange(bounds) if count.next < bounds.first => {
                count.next = bounds.first;
            }
            ReadOutcome::OutOfRange(_) | ReadOutcome::NoSuchLog => return count.exact(),
            ReadOutcome::Unreadable { .. } => return count.behind,
        }
    }
    count.estimated(bounds_next)
}

struct Count {
    from: Position,
    floor: TimestampMs,
    /// The next offset to count.
    next: u64,
    behind: Behind,
}

/// Records of an open envelope from an index on, and their bytes.
fn rest_of(envelope: &[u8], from: u16) -> Result<(u64, u64), Unopened> {
    let mut reader = EnvelopeReader::new(envelope)?;
    let (mut records, mut bytes, mut index) = (0, 0, 0);
    while let Some(ranges) = reader.next()? {
        if index >= from {
            records += 1;
            bytes += ranges.size_bytes() as u64;
        }
        index += 1;
    }
    Ok((records, bytes))
}

enum Taken {
    Counted,
    /// Nothing will ever follow.
    End,
    Unknown,
}

impl Count {
    fn take(&mut self, entry: &Entry, keys: Option<&KeyRing>, place: Place) -> Taken {
        if entry.kind == EntryKind::Close {
            return Taken::End;
        }
        self.next = entry.offset + 1;
        if entry.time < self.floor {
            return Taken::Counted;
        }
        let counted = match entry.offset == self.from.offset && self.from.index > 0 {
            // Sizes of single records are known only of what is open.
            true => opened(&entry.payload, keys, place)
                .and_then(|envelope| rest_of(&envelope, self.from.index)),
            false => totals(&entry.payload).map_err(Unopened::from),
        };
        let Ok((records, bytes)) = counted else {
            return Taken::Unknown;
        };
        self.behind.records += records;
        self.behind.bytes += bytes;
        Taken::Counted
    }

    fn exact(self) -> Behind {
        Behind {
            is_exact: true,
            ..self.behind
        }
    }

    /// The rest is taken to be like what was counted.
    fn estimated(self, bounds_next: Option<u64>) -> Behind {
        let counted = self.next.saturating_sub(self.from.offset).max(1);
        let rest = bounds_next.map_or(0, |next| next.saturating_sub(self.next));
        let scaled = |value: u64| {
            let more = u128::from(value) * u128::from(rest) / u128::from(counted);
            value.saturating_add(u64::try_from(more).unwrap_or(u64::MAX))
        };
        Behind {
            records: scaled(self.behind.records),
            bytes: scaled(self.behind.bytes),
            is_exact: false,
        }
    }
}
