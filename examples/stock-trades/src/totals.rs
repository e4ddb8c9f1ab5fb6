//! The second stage: all samples of all shards, each counted once.

use std::collections::BTreeMap;

use millstream_consumer::ExtendedSequenceNumber;
use serde::Serialize;

use crate::sample::Sample;
use crate::statistics::Tally;

/// What became of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is in the totals now.
    Counted,
    /// Its range was counted before.
    Repeated,
    /// It is in the totals now, but the samples between those counted before and this one are missing: they are past
    /// the statistics stream's retention. The totals are a lower bound from now on.
    CountedAfterGap,
}

/// Why a sample cannot be counted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSample {
    #[error("the range of the sample is not made of sequence numbers")]
    Range,
    /// Never happens among samples of one lease table.
    #[error(
        "shard {shard_id} was sampled up to {counted_up_to}, and a sample after {after:?} up to {up_to} overlaps: the \
         lease table was deleted while the statistics stream was kept; run `stock-trades finish` and start again"
    )]
    Overlap {
        shard_id: String,
        counted_up_to: String,
        after: Option<String>,
        up_to: String,
    },
}

/// The totals over all shards.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    tally: Tally,
    counted_up_to: BTreeMap<String, ExtendedSequenceNumber>,
    has_gaps: bool,
}

/// The totals as JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report<'a> {
    /// False if samples are missing; see [`Added::CountedAfterGap`].
    is_complete: bool,
    shards: usize,
    #[serde(flatten)]
    tally: &'a Tally,
}

impl Totals {
    pub(crate) fn add(&mut self, sample: &Sample) -> Result<Added, InvalidSample> {
        let place =
            |text: &str| ExtendedSequenceNumber::new(text, 0).map_err(|_| InvalidSample::Range);
        let up_to = place(&sample.up_to)?;
        let after = sample.after.as_deref().map(place).transpose()?;
        let counted = self.counted_up_to.get(&sample.shard_id);
        if counted.is_some_and(|counted| up_to <= *counted) {
            return Ok(Added::Repeated);
        }
        let added = match (counted, &after) {
            (None, None) => Added::Counted,
            (Some(counted), Some(after)) if counted == after => Added::Counted,
            (Some(counted), after) if after.as_ref().is_none_or(|after| after < counted) => {
                return Err(InvalidSample::Overlap {
                    shard_id: sample.shard_id.clone(),
                    counted_up_to: counted.to_string(),
                    after: sample.after.clone(),
                    up_to: sample.up_to.clone(),
                });
            }
            (_, Some(_) | None) => Added::CountedAfterGap,
        };
        self.has_gaps |= added == Added::CountedAfterGap;
        self.tally.merge(&sample.tally);
        self.counted_up_to.insert(sample.shard_id.clone(), up_to);
        Ok(added)
    }

    /// Trades counted.
    pub(crate) fn trades(&self) -> u64 {
        self.tally.trades
    }

    /// The totals in one line.
    pub(crate) fn line(&self) -> String {
        let missing = if self.has_gaps {
            "; older samples are past retention and missing"
        } else {
            ""
        };
        format!("all shards: {}{missing}", self.tally.summary())
    }

    /// The totals per ticker symbol as one line of JSON.
    pub(crate) fn json(&self) -> String {
        let report = Report {
            is_complete: !self.has_gaps,
            shards: self.counted_up_to.len(),
            tally: &self.tally,
        };
        serde_json::to_string(&report).expect("totals have only plain members")
    }
}

#[cfg(test)]
mod tests {
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
        assert!(
            totals
                .json()
                .contains(r#""isComplete":true,"shards":1,"trades":5"#)
        );
    }

    #[test]
    fn missing_samples_are_said() {
        let mut totals = Totals::default();
        assert_eq!(
            totals.add(&sample(Some("5"), "9", 3)),
            Ok(Added::CountedAfterGap)
        );
        assert!(totals.line().ends_with("missing"));
        assert!(totals.json().contains(r#""isComplete":false"#));
    }

    #[test]
    fn samples_that_overlap_are_refused() {
        let mut totals = Totals::default();
        totals.add(&sample(None, "9", 3)).unwrap();
        for after in [None, Some("5")] {
            let refused = totals.add(&sample(after, "12", 3));
            assert!(matches!(refused, Err(InvalidSample::Overlap { .. })));
        }
        assert_eq!(totals.trades(), 3);
        assert_eq!(totals.add(&sample(None, "x", 1)), Err(InvalidSample::Range));
    }
}
