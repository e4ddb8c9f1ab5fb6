//! Closed shards, stored compactly: a stream that is resharded often has a hundred times as many as open ones, and
//! nobody asks for most of them before retention removes them.
//!
//! They lie in chunks of rows in order of id. A row holds what differs from the row before it in its chunk, as numbers
//! of variable length; shards of one reshard differ by little. Copies share their chunks.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use millstream_log::{LogId, Place};
use millstream_types::{HashKey, HashKeyRange, ShardId, TimestampMs};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shard::{Shard, ShardState};

/// Rows of one chunk at most: one look-up reads half of them.
const CHUNK_ROWS_MAX: usize = 64;

/// Bits of a row's first byte.
const FOLLOWS: u8 = 1;
const HAS_PARENT: u8 = 1 << 1;
const HAS_ADJACENT_PARENT: u8 = 1 << 2;
const CHILDREN_SHIFT: u32 = 3;
const CHILDREN_MASK: u8 = 0b11 << CHILDREN_SHIFT;
const KNOWN: u8 = FOLLOWS | HAS_PARENT | HAS_ADJACENT_PARENT | CHILDREN_MASK;

/// A closed shard and what followed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedRow {
    pub(crate) shard: Shard,
    /// Index of the first shard that followed it.
    pub(crate) first_child: u32,
    /// How many followed it: two of a split, one of a merge.
    pub(crate) children: u8,
}

/// Closed shards in order of id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClosedShards {
    chunks: Vec<Chunk>,
    count: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Chunk {
    first: ShardId,
    rows: Arc<[u8]>,
}

impl ClosedShards {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn get(&self, id: ShardId) -> Option<ClosedRow> {
        self.from(id).next().filter(|row| row.shard.id == id)
    }

    /// Those with this id or a higher one.
    pub(crate) fn from(&self, id: ShardId) -> impl Iterator<Item = ClosedRow> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= id);
        let chunks = &self.chunks[after.saturating_sub(1)..];
        let rows = chunks.iter().flat_map(Chunk::rows);
        rows.skip_while(move |row| row.shard.id < id)
    }

    /// These and more, which are in order of id and not among them. What is not touched is shared.
    pub(crate) fn with(&self, more: &[ClosedRow]) -> Self {
        let mut chunks = Vec::with_capacity(self.chunks.len() + more.len() / CHUNK_ROWS_MAX + 1);
        let mut more = more;
        for (place, chunk) in self.chunks.iter().enumerate() {
            let end = self.chunks.get(place + 1).map(|next| next.first);
            let inside = more.partition_point(|row| end.is_none_or(|end| row.shard.id < end));
            let (own, rest) = more.split_at(inside);
            more = rest;
            if own.is_empty() {
                chunks.push(chunk.clone());
                continue;
            }
            let mut rows: Vec<ClosedRow> = chunk.rows().chain(own.iter().copied()).collect();
            rows.sort_by_key(|row| row.shard.id);
            chunks.extend(rows.chunks(CHUNK_ROWS_MAX).map(Chunk::of));
        }
        chunks.extend(more.chunks(CHUNK_ROWS_MAX).map(Chunk::of));
        Self::of_chunks(chunks)
    }

    /// These without some, whose ids are in order.
    pub(crate) fn without(&self, ids: &[ShardId]) -> Self {
        let mut chunks = Vec::with_capacity(self.chunks.len());
        let mut ids = ids;
        for (place, chunk) in self.chunks.iter().enumerate() {
            let end = self.chunks.get(place + 1).map(|next| next.first);
            let inside = ids.partition_point(|id| end.is_none_or(|end| *id < end));
            let (own, rest) = ids.split_at(inside);
            ids = rest;
            if own.is_empty() {
                chunks.push(chunk.clone());
                continue;
            }
            let mut rows: Vec<ClosedRow> = chunk.rows().collect();
            rows.retain(|row| own.binary_search(&row.shard.id).is_err());
            if !rows.is_empty() {
                chunks.push(Chunk::of(&rows));
            }
        }
        Self::of_chunks(chunks)
    }

    /// Bytes of all rows.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.rows.len()).sum()
    }

    fn of_chunks(chunks: Vec<Chunk>) -> Self {
        let count = chunks.iter().map(Chunk::count).sum();
        Self { chunks, count }
    }
}

impl Chunk {
    /// The first byte is the number of rows.
    fn of(rows: &[ClosedRow]) -> Self {
        let mut bytes = vec![u8::try_from(rows.len()).expect("few rows")];
        let mut before = Before::default();
        for row in rows {
            before.write(row, &mut bytes);
        }
        Self {
            first: rows[0].shard.id,
            rows: bytes.into(),
        }
    }

    fn count(&self) -> usize {
        usize::from(self.rows[0])
    }

    fn rows(&self) -> impl Iterator<Item = ClosedRow> {
        let (mut rest, mut before) = (&self.rows[1..], Before::default());
        (0..self.count()).map(move |_| {
            #[cfg(test)]
            crate::work::count(1);
            before.read(&mut rest).expect("as it was written")
        })
    }

    /// Stored rows, every one of which can be read, above `after` and in order.
    fn parse(bytes: &[u8], after: Option<ShardId>) -> Option<Self> {
        let (count, mut rest) = bytes.split_first()?;
        let (mut before, mut last, mut first) = (Before::default(), after, None);
        for _ in 0..*count {
            let id = before.read(&mut rest)?.shard.id;
            if last.is_some_and(|last| last >= id) {
                return None;
            }
            last = Some(id);
            first = first.or(last);
        }
        rest.is_empty().then_some(())?;
        Some(Self {
            first: first?,
            rows: bytes.into(),
        })
    }
}

/// The row before, which the next one is told apart from.
#[derive(Default)]
struct Before {
    id: u64,
    range_end: u128,
    created_s: u64,
    opened_ms: u64,
    log: u64,
    place: [u64; 3],
    end: u64,
    closed_ms: u64,
}

impl Before {
    fn write(&mut self, row: &ClosedRow, out: &mut Vec<u8>) {
        let shard = &row.shard;
        let ShardState::Closed { end, closed_ms } = shard.state else {
            unreachable!("only closed shards have rows");
        };
        let follows = shard.range.start.0 == self.range_end.wrapping_add(1);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        out.push(
            flag(follows, FOLLOWS)
                | flag(shard.parent.is_some(), HAS_PARENT)
                | flag(shard.adjacent_parent.is_some(), HAS_ADJACENT_PARENT)
                | ((row.children << CHILDREN_SHIFT) & CHILDREN_MASK),
        );
        let id = u64::from(shard.id.index());
        write_step(out, &mut self.id, id);
        if !follows {
            out.extend_from_slice(&shard.range.start.0.to_le_bytes());
        }
        out.extend_from_slice(&shard.range.end.0.to_le_bytes());
        self.range_end = shard.range.end.0;
        for parent in shard.parent.into_iter().chain(shard.adjacent_parent) {
            write_number(out, id.wrapping_sub(u64::from(parent.index())));
        }
        write_step(out, &mut self.created_s, shard.created_s);
        write_step(out, &mut self.opened_ms, shard.opened_ms.0);
        write_step(out, &mut self.log, shard.log.0);
        for (before, now) in self.place.iter_mut().zip(place_numbers(shard.place)) {
            write_step(out, before, now);
        }
        write_step(out, &mut self.end, end);
        write_step(out, &mut self.closed_ms, closed_ms.0);
        write_number(out, u64::from(row.first_child).wrapping_sub(id));
    }

    /// `None` if these bytes are no row.
    fn read(&mut self, bytes: &mut &[u8]) -> Option<ClosedRow> {
        let (flags, rest) = bytes.split_first()?;
        *bytes = rest;
        if flags & !KNOWN != 0 {
            return None;
        }
        let id = read_step(bytes, &mut self.id)?;
        let start = match flags & FOLLOWS {
            0 => read_u128(bytes)?,
            _ => self.range_end.wrapping_add(1),
        };
        self.range_end = read_u128(bytes)?;
        let mut parent = |flag| match flags & flag {
            0 => Some(None),
            _ => shard_id(id.wrapping_sub(read_number(bytes)?)).map(Some),
        };
        let (parent, adjacent_parent) = (parent(HAS_PARENT)?, parent(HAS_ADJACENT_PARENT)?);
        let created_s = read_step(bytes, &mut self.created_s)?;
        let opened_ms = TimestampMs(read_step(bytes, &mut self.opened_ms)?);
        let log = LogId(read_step(bytes, &mut self.log)?);
        for number in &mut self.place {
            read_step(bytes, number)?;
        }
        let end = read_step(bytes, &mut self.end)?;
        let closed_ms = TimestampMs(read_step(bytes, &mut self.closed_ms)?);
        let first_child = id.wrapping_add(read_number(bytes)?);
        Some(ClosedRow {
            shard: Shard {
                id: shard_id(id)?,
                range: HashKeyRange {
                    start: HashKey(start),
                    end: HashKey(self.range_end),
                },
                parent,
                adjacent_parent,
                created_s,
                opened_ms,
                log,
                place: place_of(self.place),
                state: ShardState::Closed { end, closed_ms },
            },
            first_child: u32::try_from(first_child).ok()?,
            children: (flags & CHILDREN_MASK) >> CHILDREN_SHIFT,
        })
    }
}

fn shard_id(index: u64) -> Option<ShardId> {
    u32::try_from(index).ok().and_then(ShardId::new)
}

fn place_numbers(place: Place) -> [u64; 3] {
    let bytes = place.to_bytes();
    let number = |at: usize| {
        let bytes = bytes[at..at + 8].try_into().expect("eight bytes");
        u64::from_le_bytes(bytes)
    };
    [number(0), number(8), number(16)]
}

fn place_of(numbers: [u64; 3]) -> Place {
    let mut bytes = [0; Place::BYTES];
    for (part, number) in bytes.chunks_exact_mut(8).zip(numbers) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    Place::from_bytes(bytes)
}

/// Seven bits to a byte, the lowest first; the eighth says that more follow.
fn write_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The step from the number before, up or down, small steps in few bytes.
fn write_step(out: &mut Vec<u8>, before: &mut u64, now: u64) {
    let step = now.wrapping_sub(*before).cast_signed();
    write_number(out, ((step << 1) ^ (step >> 63)).cast_unsigned());
    *before = now;
}

fn read_step(bytes: &mut &[u8], before: &mut u64) -> Option<u64> {
    let coded = read_number(bytes)?;
    let step = (coded >> 1) ^ (coded & 1).wrapping_neg();
    *before = before.wrapping_add(step);
    Some(*before)
}

fn read_u128(bytes: &mut &[u8]) -> Option<u128> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u128::from_le_bytes(*number))
}

/// One text of base64 for each chunk.
impl Serialize for ClosedShards {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let texts = self.chunks.iter();
        serializer.collect_seq(texts.map(|chunk| BASE64_STANDARD.encode(&chunk.rows)))
    }
}

impl<'de> Deserialize<'de> for ClosedShards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut chunks: Vec<Chunk> = Vec::new();
        let mut last = None;
        for text in Vec::<String>::deserialize(deserializer)? {
            let bytes = BASE64_STANDARD.decode(text).map_err(D::Error::custom)?;
            let chunk = Chunk::parse(&bytes, last);
            let chunk = chunk.ok_or_else(|| D::Error::custom("no rows of closed shards"))?;
            last = chunk.rows().last().map(|row| row.shard.id);
            chunks.push(chunk);
        }
        Ok(Self::of_chunks(chunks))
    }
}
