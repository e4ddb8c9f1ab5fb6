//! Blocks: aggregates of several series over some time, as one entry of a log.
//!
//! `1 | count of series | for each: id as the difference to the one before, length of its part in bytes, its part`; a
//! part is `count | for each: minute as the difference to the one before, aggregate`. Parts that nobody asks for are
//! passed over.

use bytes::Bytes;

use crate::codec::{Malformed, Reader, Writer};
use crate::head::Buckets;
use crate::series_table::SeriesId;
use crate::{Aggregate, Minute};

const VERSION: u8 = 1;

/// A block that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub(crate) payload: Bytes,
    pub(crate) first_series: SeriesId,
    pub(crate) last_series: SeriesId,
    pub(crate) first: Minute,
    pub(crate) last: Minute,
    /// What each series takes of it.
    pub(crate) series_bytes: Vec<(SeriesId, u64)>,
}

/// A series' part of a block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) series: SeriesId,
    bytes: &'a [u8],
}

/// Spells buckets as blocks of about so many bytes. No block has more than one series' part beyond that, and a part of
/// more than that goes on in the next block.
pub(crate) fn blocks_of(buckets: &Buckets, block_bytes: usize) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut building = Building::default();
    for (series, of_series) in buckets {
        let mut part = PartWriter::default();
        for (minute, aggregate) in of_series {
            part.add(*minute, aggregate);
            if part.out.len() >= block_bytes {
                building.add(*series, std::mem::take(&mut part));
                blocks.extend(building.finish());
            }
        }
        if part.count > 0 {
            building.add(*series, part);
        }
        if building.bytes >= block_bytes {
            blocks.extend(building.finish());
        }
    }
    blocks.extend(building.finish());
    blocks
}

/// The parts of a block, in order of their series.
pub(crate) fn parts(payload: &[u8]) -> Result<Vec<Part<'_>>, Malformed> {
    let mut from = Reader::new(payload);
    if from.byte()? != VERSION {
        return Err(Malformed);
    }
    let count = from.length(usize::MAX)?;
    let mut parts = Vec::with_capacity(count);
    let mut series = 0_u64;
    for _ in 0..count {
        series = series.checked_add(from.unsigned()?).ok_or(Malformed)?;
        let length = from.length(usize::MAX)?;
        parts.push(Part {
            series: SeriesId(series),
            bytes: from.raw(length)?,
        });
    }
    if from.is_at_end() {
        Ok(parts)
    } else {
        Err(Malformed)
    }
}

impl Part<'_> {
    /// What it takes.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Its aggregates, in order of time.
    pub(crate) fn points(&self) -> Result<Vec<(Minute, Aggregate)>, Malformed> {
        let mut from = Reader::new(self.bytes);
        let count = from.length(usize::MAX)?;
        let mut points = Vec::with_capacity(count);
        let mut minute = 0_u32;
        for _ in 0..count {
            let step = u32::try_from(from.unsigned()?).map_err(|_| Malformed)?;
            minute = minute.checked_add(step).ok_or(Malformed)?;
            points.push((Minute(minute), Aggregate::read(&mut from)?));
        }
        Ok(points)
    }
}

/// A part while its aggregates come.
#[derive(Debug, Default)]
struct PartWriter {
    count: usize,
    first: Minute,
    last: Minute,
    out: Writer,
}

impl PartWriter {
    fn add(&mut self, minute: Minute, aggregate: &Aggregate) {
        if self.count == 0 {
            self.first = minute;
        }
        self.out.unsigned((minute.0 - self.last.0).into());
        aggregate.write(&mut self.out);
        self.last = minute;
        self.count += 1;
    }

    fn finish(self) -> Bytes {
        let mut whole = Writer::default();
        whole.length(self.count);
        whole.raw(&self.out.finish());
        whole.finish()
    }
}

/// A block while its parts come.
#[derive(Debug, Default)]
struct Building {
    parts: Vec<(SeriesId, Bytes)>,
    bytes: usize,
    span: Option<(Minute, Minute)>,
}

impl Building {
    fn add(&mut self, series: SeriesId, part: PartWriter) {
        let (first, last) = self.span.unwrap_or((part.first, part.last));
        self.span = Some((first.min(part.first), last.max(part.last)));
        let part = part.finish();
        self.bytes += part.len();
        self.parts.push((series, part));
    }

    /// The block of what came; `None` if nothing did. Empty afterwards.
    fn finish(&mut self) -> Option<Block> {
        let Self { parts, span, .. } = std::mem::take(self);
        let (first, last) = span?;
        let (first_series, last_series) = (parts.first()?.0, parts.last()?.0);
        let mut out = Writer::default();
        out.byte(VERSION);
        out.length(parts.len());
        let mut before = 0;
        for (series, part) in &parts {
            out.unsigned(series.0 - before);
            before = series.0;
            out.length(part.len());
            out.raw(part);
        }
        let series_bytes = parts
            .iter()
            .map(|(series, part)| (*series, part.len() as u64));
        Some(Block {
            payload: out.finish(),
            first_series,
            last_series,
            first,
            last,
            series_bytes: series_bytes.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::tests::aggregates;

    #[test]
    fn bytes_of_a_block_are_frozen() {
        let mut buckets = Buckets::new();
        let of_series = buckets.entry(SeriesId(3)).or_default();
        of_series.insert(Minute(100), Aggregate::of_value(5.0, 1.0));
        of_series.insert(Minute(102), Aggregate::of_statistics(2.0, 3.0, 1.0, 2.0));
        let blocks = blocks_of(&buckets, 1000);
        assert_eq!(blocks.len(), 1);
        let part = [2, 100, 3, 20, 2, 0, 8, 12, 4, 8];
        assert_eq!(blocks[0].payload[..], [&[1, 1, 3, 10][..], &part].concat());
    }

    proptest! {
        #[test]
        fn blocks_hold_what_they_were_made_of(
            points in proptest::collection::vec((0..6_u64, 0..2000_u32, aggregates()), 0..200),
            block_bytes in 16..2000_usize,
        ) {
            let mut buckets = Buckets::new();
            for (series, minute, aggregate) in points {
                buckets.entry(SeriesId(series)).or_default().insert(Minute(minute), aggregate);
            }
            let mut read = Buckets::new();
            for block in blocks_of(&buckets, block_bytes) {
                prop_assert!(block.payload.len() < 2 * block_bytes + 4096);
                for part in parts(&block.payload).unwrap() {
                    prop_assert!((block.first_series..=block.last_series).contains(&part.series));
                    for (minute, aggregate) in part.points().unwrap() {
                        prop_assert!((block.first..=block.last).contains(&minute));
                        let before = read.entry(part.series).or_default().insert(minute, aggregate);
                        prop_assert!(before.is_none());
                    }
                }
            }
            prop_assert_eq!(read, buckets);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            for part in parts(&bytes).unwrap_or_default() {
                drop(part.points());
            }
        }
    }
}
