//! The second stage: all samples of all shards, each counted once.
//!
//! Samples of one shard of trades may come in any order and more than once, also as one sample that stands for several:
//! when a shard of the statistics stream ends, what was counted there is *carried* to its children ([`Totals::pieces`]),
//! as a worker that starts later reads only shards that have not ended.

use std::collections::BTreeMap;

use millstream_consumer::ExtendedSequenceNumber;
use serde::Serialize;

use crate::sample::{ENTRIES_MAX, Sample};
use crate::statistics::Tally;

/// Pieces of a shard's range behind a gap that are kept apart.
const PIECES_MAX: usize = 1000;

/// What became of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the totals now.
    Counted,
    /// Its range was counted before.
    Repeated,
}

/// Why a sample cannot be counted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSample {
    #[error("the range of the sample is not made of sequence numbers in order")]
    Range,
    /// Never happens among samples of one lease table.
    #[error(
        "a sample of shard {shard_id} after {after:?} up to {up_to} overlaps others: the lease table was deleted while the \
         statistics stream was kept; run `stock-trades finish` and start again"
    )]
    Overlap {
        shard_id: String,
        after: Option<String>,
        up_to: String,
    },
}

/// The totals over all shards.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    shards: BTreeMap<String, Pieces>,
}

/// What was counted of one shard of trades: disjoint ranges, in order.
type Pieces = Vec<Piece>;

/// The tally of a range of sequence numbers.
#[derive(Debug, Clone)]
struct Piece {
    /// Exclusive; none for the start of the shard.
    after: Option<ExtendedSequenceNumber>,
    /// Inclusive.
    up_to: ExtendedSequenceNumber,
    tally: Tally,
}

/// The totals as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// False if samples are missing or other workers hold some of them.
    is_complete: bool,
    shards: usize,
    #[serde(flatten)]
    tally: &'a Tally,
}

impl Totals {
    pub(crate) fn add(&mut self, sample: &Sample) -> Result<Added, InvalidSample> {
        let piece = Piece::of(sample)?;
        let pieces = self.shards.entry(sample.shard_id.clone()).or_default();
        if covers(pieces, &piece) {
            return Ok(Added::Repeated);
        }
        let touches = |other: &Piece| {
            other.after.as_ref() < Some(&piece.up_to) && piece.after.as_ref() < Some(&other.up_to)
        };
        let contains = |other: &Piece| piece.after <= other.after && other.up_to <= piece.up_to;
        if pieces
            .iter()
            .any(|other| touches(other) && !contains(other))
        {
            return Err(InvalidSample::Overlap {
                shard_id: sample.shard_id.clone(),
                after: sample.after.clone(),
                up_to: sample.up_to.clone(),
            });
        }
        pieces.retain(|other| !touches(other));
        let at = pieces.partition_point(|other| other.up_to < piece.up_to);
        pieces.insert(at, piece);
        join(pieces);
        Ok(Added::Counted)
    }

    /// The same totals in few samples, each small enough for a record.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = Sample> {
        let text = ExtendedSequenceNumber::to_string;
        self.shards.iter().flat_map(move |(shard_id, pieces)| {
            pieces.iter().map(move |piece| Sample {
                shard_id: shard_id.clone(),
                after: piece.after.as_ref().map(text),
                up_to: text(&piece.up_to),
                tally: piece.tally.clone(),
            })
        })
    }

    /// Trades counted.
    pub(crate) fn trades(&self) -> u64 {
        let pieces = self.shards.values().flatten();
        pieces.map(|piece| piece.tally.trades).sum()
    }

    /// The totals in one line; `shards_elsewhere` are shards of the statistics stream that this worker does not hold.
    pub(crate) fn line(&self, shards_elsewhere: usize) -> String {
        let mut line = format!("all shards: {}", self.tally().summary());
        if self.has_gaps() {
            line += "; older samples are missing: not read yet, or past retention";
        }
        if shards_elsewhere > 0 {
            line += &format!(
                "; without {shards_elsewhere} shards of the statistics stream that this worker does not hold"
            );
        }
        line
    }

    /// The totals per ticker symbol as one line of JSON; see [`line`](Self::line).
    pub(crate) fn json(&self, shards_elsewhere: usize) -> String {
        let report = Report {
            is_complete: !self.has_gaps() && shards_elsewhere == 0,
            shards: self.shards.len(),
            tally: &self.tally(),
        };
        serde_json::to_string(&report).expect("totals have only plain members")
    }

    fn tally(&self) -> Tally {
        let mut total = Tally::default();
        for piece in self.shards.values().flatten() {
            total.merge(&piece.tally);
        }
        total
    }

    fn has_gaps(&self) -> bool {
        self.shards.values().any(|pieces| {
            let begins_late = pieces.first().is_some_and(|first| first.after.is_some());
            let mut pairs = pieces.windows(2);
            begins_late || pairs.any(|pair| pair[1].after.as_ref() != Some(&pair[0].up_to))
        })
    }
}

impl Piece {
    fn of(sample: &Sample) -> Result<Self, InvalidSample> {
        let place = |text: &str| text.parse().map_err(|_| InvalidSample::Range);
        let after = sample.after.as_deref().map(place).transpose()?;
        let up_to: ExtendedSequenceNumber = place(&sample.up_to)?;
        if after.as_ref() >= Some(&up_to) {
            return Err(InvalidSample::Range);
        }
        Ok(Self {
            after,
            up_to,
            tally: sample.tally.clone(),
        })
    }
}

/// Whether all of the piece's range was counted.
fn covers(pieces: &[Piece], wanted: &Piece) -> bool {
    let mut covered_up_to = wanted.after.as_ref();
    for piece in pieces {
        if piece.after.as_ref() <= covered_up_to && covered_up_to < Some(&piece.up_to) {
            covered_up_to = Some(&piece.up_to);
        }
    }
    covered_up_to >= Some(&wanted.up_to)
}

/// Joins neighbours while their tally fits a record: those that nothing is missing before. A piece behind a gap may come
/// once more inside of one that fills the gap, so it stays as it is while there are not too many.
fn join(pieces: &mut Pieces) {
    let too_many = pieces.len() > PIECES_MAX;
    let mut is_whole = pieces.first().is_some_and(|first| first.after.is_none());
    pieces.dedup_by(|next, piece| {
        let is_next = next.after.as_ref() == Some(&piece.up_to);
        is_whole &= is_next;
        let fits = piece.tally.entries() + next.tally.entries() <= ENTRIES_MAX;
        let joins = is_next && fits && (is_whole || too_many);
        if joins {
            piece.tally.merge(&next.tally);
            piece.up_to = next.up_to.clone();
        }
        joins
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample(after: Option<&str>, up_to: &str, trades: u64) -> Sample {
        Sample {
            shard_id: "s".into(),
            after: after.map(str::to_owned),
            up_to: up_to.into(),
            tally: Tally {
                trades,
                ..Tally::default()
            },
        }
    }

    #[test]
    fn repeated_samples_count_once() {
        let mut totals = Totals::default();
        let (first, second) = (sample(None, "9", 3), sample(Some("9"), "10", 2));
        assert_eq!(totals.add(&first), Ok(Added::Counted));
        assert_eq!(totals.add(&first), Ok(Added::Repeated));
        assert_eq!(totals.add(&second), Ok(Added::Counted));
        assert_eq!(totals.add(&first), Ok(Added::Repeated));
        assert_eq!(totals.add(&second), Ok(Added::Repeated));
        assert_eq!(totals.trades(), 5);
        let json = totals.json(0);
        assert!(json.contains(r#""isComplete":true,"shards":1,"trades":5"#));
    }

    #[test]
    fn missing_samples_and_shards_elsewhere_are_said() {
        let mut totals = Totals::default();
        assert_eq!(totals.add(&sample(Some("5"), "9", 3)), Ok(Added::Counted));
        assert!(totals.line(0).contains("older samples are missing"));
        assert!(totals.json(0).contains(r#""isComplete":false"#));
        assert_eq!(totals.add(&sample(None, "5", 1)), Ok(Added::Counted));
        assert!(!totals.line(0).contains("missing"));
        assert!(totals.line(2).contains("without 2 shards"));
        assert!(totals.json(2).contains(r#""isComplete":false"#));
    }

    #[test]
    fn samples_that_overlap_are_refused() {
        let mut totals = Totals::default();
        totals.add(&sample(Some("2"), "9", 3)).unwrap();
        for (after, up_to) in [(Some("5"), "12"), (None, "7")] {
            let refused = totals.add(&sample(after, up_to, 3));
            assert!(matches!(refused, Err(InvalidSample::Overlap { .. })));
        }
        assert_eq!(totals.trades(), 3);
        for (after, up_to) in [(None, "x"), (Some("9"), "9"), (Some("9"), "8")] {
            let refused = totals.add(&sample(after, up_to, 1));
            assert_eq!(refused, Err(InvalidSample::Range));
        }
    }

    /// A worker that starts after shards of the statistics stream have ended reads what was carried, before or behind
    /// the samples that were put since, and perhaps some of them once more.
    #[test]
    fn a_carried_piece_takes_the_place_of_the_samples_in_it() {
        let mut totals = Totals::default();
        totals.add(&sample(Some("9"), "10", 2)).unwrap();
        totals.add(&sample(Some("10"), "12", 4)).unwrap();
        // The 5 of the carried piece are 3 that were not read and the 2 of the sample.
        assert_eq!(totals.add(&sample(None, "10", 5)), Ok(Added::Counted));
        assert_eq!(totals.trades(), 9);
        assert!(!totals.has_gaps());
    }

    proptest! {
        /// Any order, any repetition, any joining of neighbours gives the same totals.
        #[test]
        fn totals_do_not_depend_on_how_samples_come(
            trades in prop::collection::vec(0u64..100, 1..12),
            coming in prop::collection::vec((0usize..12, 1usize..4), 0..40),
        ) {
            let place = |index: usize| (index > 0).then(|| (index * 10).to_string());
            let joined = |first: usize, count: usize| {
                let end = (first + count).min(trades.len());
                let sum = trades[first..end].iter().sum();
                sample(place(first).as_deref(), &(end * 10).to_string(), sum)
            };
            let mut totals = Totals::default();
            for (first, count) in coming {
                let first = first % trades.len();
                // Samples of a chain overlap only as whole: those that do not are other chains'.
                let carried = totals.add(&joined(first, count));
                prop_assert!(!matches!(carried, Err(InvalidSample::Range)));
            }
            for first in 0..trades.len() {
                totals.add(&joined(first, 1)).unwrap();
            }
            prop_assert_eq!(totals.trades(), trades.iter().sum::<u64>());
            prop_assert!(!totals.has_gaps());
            let mut again = Totals::default();
            for piece in totals.pieces() {
                again.add(&piece).unwrap();
            }
            prop_assert_eq!(again.trades(), totals.trades());
        }
    }
}
