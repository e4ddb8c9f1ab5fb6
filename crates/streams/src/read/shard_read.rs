//! Reading records from a shard's log.

use std::time::Duration;

use bytes::Bytes;
use millstream_catalog::{Shard, ShardNumbers, ShardState, StreamKey};
use millstream_log::{Entry, EntryKind, LogEngine, Place, ReadFrom, ReadOutcome};
use millstream_sealing::KeyRing;
use millstream_types::{ShardId, ShardUse, TimestampMs};
use millstream_wire::shapes::Record;

use super::ReadShardError;
use super::damage::Damage;
use super::read_turns::{ReadTurns, Turn};
use crate::envelope::{EnvelopeReader, Unopened, opened, totals};
use crate::tokens::Position;

/// Bytes that one read of the log asks for at most.
const PIECE_BYTES_MAX: usize = 1024 * 1024;
/// Bytes that it asks for at least, and for each record that is wanted.
const PIECE_BYTES_MIN: usize = 16 * 1024;
const PIECE_BYTES_PER_RECORD: usize = 1024;
/// Reads of the log for one answer: one that has nothing but old records to pass over ends here and goes on with the
/// next iterator.
const PIECES_MAX: usize = 64;

/// What was read.
#[derive(Debug)]
pub(crate) struct ShardRead {
    pub(crate) records: Vec<Record>,
    /// Where to read on.
    pub(crate) next: Position,
    /// Bytes of their data and partition keys.
    pub(crate) bytes: usize,
    /// `None` at the tip; else the time of what was read or passed over last.
    pub(crate) behind: Option<TimestampMs>,
    /// Whether nothing will ever follow: the CLOSE entry is next. The catalog may not know yet.
    pub(crate) is_at_end: bool,
}

impl ShardRead {
    /// For whoever records the read.
    pub(crate) fn shard_use(&self, shard: ShardId) -> ShardUse {
        ShardUse {
            shard,
            records: self.records.len() as u64,
            bytes: self.bytes as u64,
            throttled_records: 0,
            failed_records: 0,
        }
    }
}

/// What a shard is read with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadWith<'a> {
    pub(crate) engine: &'a dyn LogEngine,
    pub(crate) turns: &'a ReadTurns,
    /// How long it may wait for its turn.
    pub(crate) patience: Duration,
    pub(crate) damage: &'a Damage,
    /// Whose shard it is.
    pub(crate) stream: &'a StreamKey,
    /// What records are opened with that were sealed.
    pub(crate) keys: Option<&'a KeyRing>,
}

/// How much one read returns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadLimits {
    pub(crate) records: usize,
    /// Data and partition keys, unless one record alone is larger.
    pub(crate) bytes: usize,
    /// What each record counts besides its data and its key.
    pub(crate) bytes_per_record: usize,
}

/// Reads records of those that arrived at or after `horizon`.
///
/// What the engine has in memory is answered without a wait, and so without a turn: nothing is held across an await.
/// Whatever may have to wait for the disk takes a turn first, and keeps it as long as records pile up.
pub(crate) async fn read_shard(
    with: ReadWith<'_>,
    shard: &Shard,
    from: Position,
    horizon: TimestampMs,
    limits: ReadLimits,
) -> Result<ShardRead, ReadShardError> {
    let mut reading = Reading {
        numbers: shard.numbers(),
        end: match shard.state {
            ShardState::Closed { end, .. } => Some(end),
            ShardState::Open | ShardState::Closing => None,
        },
        floor: horizon.max(from.not_before),
        limits,
        records: Vec::new(),
        bytes: 0,
        record_bytes: 0,
        position: from,
        last: None,
    };
    let ReadWith { engine, turns, .. } = with;
    let mut turn: Option<Turn<'_>> = None;
    for _ in 0..PIECES_MAX {
        if reading.is_at_end() {
            return Ok(reading.at_end());
        }
        let read = ReadFrom {
            place: shard.place,
            from: reading.position.offset,
            bytes_max: reading.piece_bytes(),
        };
        let outcome = match engine.read_now(read) {
            Some(outcome) => outcome,
            // The cache let go of what comes next: nobody waits for a turn with records in hand.
            None if turn.is_none() && !reading.records.is_empty() => return Ok(reading.part()),
            None => {
                turns.take(&mut turn, with.patience).await?;
                let outcome = engine.read_many(vec![read], Duration::ZERO).await.pop();
                // A piece may come from the page cache, without any wait: who has less to do goes first.
                tokio::task::yield_now().await;
                outcome.unwrap_or(ReadOutcome::NoSuchLog)
            }
        };
        match outcome {
            ReadOutcome::Entries { entries, bounds } => {
                if let Some(old) = entries.first().filter(|first| first.time < reading.floor) {
                    let old = old.offset;
                    turns.take(&mut turn, with.patience).await?;
                    if reading.jump(engine, shard, old).await? {
                        continue;
                    }
                }
                reading.make_room(&entries, bounds.next);
                // No entry is there, whatever offsets the engine left out.
                if entries.is_empty() {
                    reading.move_to(bounds.next.max(reading.position.offset));
                }
                match reading.take(&entries, with.keys, shard.place)? {
                    Taken::Full => return Ok(reading.part()),
                    Taken::Close => return Ok(reading.at_end()),
                    Taken::All if reading.position.offset >= bounds.next => {
                        return Ok(reading.at_tip());
                    }
                    Taken::All => {}
                }
            }
            ReadOutcome::OutOfRange(bounds) if reading.position.offset < bounds.first => {
                reading.move_to(bounds.first);
            }
            // Above what there is: a made-up sequence number. It comes, or the shard ends.
            ReadOutcome::OutOfRange(bounds) => {
                reading.move_to(bounds.next);
                return Ok(reading.at_tip());
            }
            ReadOutcome::NoSuchLog => match reading.end {
                // Retention deleted the log and is about to remove the shard.
                Some(end) => reading.move_to(end),
                None => return Err(ReadShardError::NoSuchLog),
            },
            // What was read before is answered first.
            ReadOutcome::Unreadable { .. } if !reading.records.is_empty() => {
                return Ok(reading.part());
            }
            ReadOutcome::Unreadable { reason, next } => {
                let from = reading.position.offset;
                reading.move_to(
                    with.damage
                        .pass(with.stream, shard.id, from, next, reason)?,
                );
            }
        }
    }
    Ok(reading.part())
}

struct Reading {
    numbers: ShardNumbers,
    /// Offset of the CLOSE entry of a closed shard.
    end: Option<u64>,
    /// Records that arrived before are passed over.
    floor: TimestampMs,
    limits: ReadLimits,
    records: Vec<Record>,
    /// What they count, and their data and keys alone.
    bytes: usize,
    record_bytes: usize,
    position: Position,
    /// Arrival of what was read or passed over last.
    last: Option<TimestampMs>,
}

enum Taken {
    /// Every entry.
    All,
    /// The answer holds no more.
    Full,
    /// The CLOSE entry was met.
    Close,
}

impl Reading {
    fn is_at_end(&self) -> bool {
        self.end.is_some_and(|end| self.position.offset >= end)
    }

    fn piece_bytes(&self) -> usize {
        let wanted =
            (self.limits.records - self.records.len()).saturating_mul(PIECE_BYTES_PER_RECORD);
        let room = self.limits.bytes.saturating_sub(self.bytes);
        wanted
            .clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX)
            .min(room)
            .max(1)
    }

    /// Makes room for the records of entries; if more lie behind them, for as many of such records as the answer holds. Room
    /// that grows with each record is copied a dozen times.
    fn make_room(&mut self, entries: &[Entry], log_next: u64) {
        let known = entries
            .iter()
            .filter_map(|entry| totals(&entry.payload).ok());
        let (records, bytes) = known.fold((0, 0), |(records, bytes), (more, more_bytes)| {
            (records + more as usize, bytes + more_bytes as usize)
        });
        let is_last = entries
            .last()
            .is_none_or(|last| last.offset + 1 >= log_next);
        let answers = if is_last {
            1
        } else {
            self.limits.bytes / bytes.max(1) + 1
        };
        let left = self.limits.records - self.records.len();
        self.records
            .reserve(left.min(records.saturating_mul(answers)));
    }

    fn move_to(&mut self, offset: u64) {
        self.position.offset = offset;
        self.position.index = 0;
    }

    /// Goes to where records at or after the floor begin; false if that is not ahead.
    async fn jump(
        &mut self,
        engine: &dyn LogEngine,
        shard: &Shard,
        old: u64,
    ) -> Result<bool, ReadShardError> {
        let found = engine.offset_for_time(shard.place, self.floor).await;
        let found = found.map_err(|error| ReadShardError::Failed(error.to_string()))?;
        let is_ahead = found > old;
        if is_ahead {
            self.move_to(found);
        }
        Ok(is_ahead)
    }

    fn take(
        &mut self,
        entries: &[Entry],
        keys: Option<&KeyRing>,
        place: Place,
    ) -> Result<Taken, ReadShardError> {
        for entry in entries {
            // The position's own entry is lost, or was never there: what follows is read from its first record.
            if entry.offset > self.position.offset {
                self.move_to(entry.offset);
            }
            if entry.kind == EntryKind::Close {
                self.move_to(entry.offset);
                return Ok(Taken::Close);
            }
            if entry.time < self.floor {
                self.last = Some(entry.time);
                self.move_to(entry.offset + 1);
                continue;
            }
            let failed = |error: Unopened| {
                ReadShardError::Failed(format!("entry {}: {error}", entry.offset))
            };
            let envelope = match opened(&entry.payload, keys, place) {
                Ok(envelope) => envelope,
                // What was read before is answered first.
                Err(_) if !self.records.is_empty() => return Ok(Taken::Full),
                Err(error) => return Err(failed(error)),
            };
            if !self.take_envelope(entry, &envelope).map_err(failed)? {
                return Ok(Taken::Full);
            }
            self.move_to(entry.offset + 1);
        }
        Ok(Taken::All)
    }

    /// Takes the records of one entry, whose envelope is open, from the position on; false if the answer is full before
    /// all are taken.
    fn take_envelope(&mut self, entry: &Entry, envelope: &Bytes) -> Result<bool, Unopened> {
        let mut reader = EnvelopeReader::new(envelope)?;
        let mut index = 0;
        while let Some(ranges) = reader.next()? {
            if index >= self.position.index {
                let size_bytes = ranges.size_bytes() + self.limits.bytes_per_record;
                let is_full = self.records.len() == self.limits.records
                    || (!self.records.is_empty() && self.bytes + size_bytes > self.limits.bytes);
                if is_full {
                    self.position.offset = entry.offset;
                    self.position.index = index;
                    return Ok(false);
                }
                self.bytes += size_bytes;
                self.record_bytes += ranges.size_bytes();
                self.last = Some(entry.time);
                let key_and_data = envelope.slice(ranges.key.start..ranges.data.end);
                let key_bytes = ranges.key.len();
                let record = Record::new(
                    self.numbers
                        .sequence_number(entry.offset, index, entry.time),
                    entry.time,
                    key_and_data,
                    key_bytes,
                    reader.encryption_type,
                );
                self.records.push(record);
            }
            index += 1;
        }
        Ok(true)
    }

    fn at_tip(self) -> ShardRead {
        ShardRead {
            records: self.records,
            bytes: self.record_bytes,
            next: self.position,
            behind: None,
            is_at_end: false,
        }
    }

    fn at_end(self) -> ShardRead {
        ShardRead {
            is_at_end: true,
            ..self.at_tip()
        }
    }

    fn part(self) -> ShardRead {
        ShardRead {
            behind: Some(self.last.unwrap_or(self.floor)),
            records: self.records,
            bytes: self.record_bytes,
            next: self.position,
            is_at_end: false,
        }
    }
}
