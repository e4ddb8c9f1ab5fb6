//! The peaks of an on-demand stream's writes, by day.

use millstream_types::TimestampMs;
use serde::{Deserialize, Serialize};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// AWS keeps a stream ready for the peak of so many days.
const DAYS: u64 = 30;

/// The most that came in a second, of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WritePeak {
    /// Days since the epoch.
    day: u64,
    bytes_per_s: u64,
}

/// Peaks of days, each higher than all that follow: an earlier day that a later one surpassed says nothing. So there are
/// one for each of the last thirty days and that of today at most, the first is the highest, and the last is the latest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct WritePeaks(Vec<WritePeak>);

impl WritePeaks {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So much came in a second at `now`.
    pub(crate) fn note(&mut self, now: TimestampMs, bytes_per_s: u64) {
        // A clock that stepped back notes on the latest day that there is.
        let latest = self.0.last().map_or(0, |peak| peak.day);
        let day = (now.0 / DAY_MS).max(latest);
        self.0.retain(|peak| peak.day + DAYS >= day);
        if self
            .0
            .iter()
            .any(|peak| peak.day == day && peak.bytes_per_s >= bytes_per_s)
        {
            return;
        }
        self.0.retain(|peak| peak.bytes_per_s > bytes_per_s);
        self.0.push(WritePeak { day, bytes_per_s });
    }

    /// The highest of the last thirty days.
    pub(crate) fn highest(&self, now: TimestampMs) -> u64 {
        let day = now.0 / DAY_MS;
        let recent = self.0.iter().find(|peak| peak.day + DAYS >= day);
        recent.map_or(0, |peak| peak.bytes_per_s)
    }

    /// That of the day of `now`.
    pub(crate) fn of_day(&self, now: TimestampMs) -> u64 {
        let day = now.0 / DAY_MS;
        let last = self.0.last().filter(|peak| peak.day >= day);
        last.map_or(0, |peak| peak.bytes_per_s)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is kept answers as if every day's peak were kept, and is bounded.
        #[test]
        fn few_peaks_stand_for_all(notes in prop::collection::vec((0u64..40_000_000, 1u64..1_000), 1..400)) {
            let mut peaks = WritePeaks::default();
            let mut all: BTreeMap<u64, u64> = BTreeMap::new();
            let mut now_ms = 20_000 * DAY_MS;
            for (wait_ms, bytes_per_s) in notes {
                now_ms += wait_ms;
                let (now, day) = (TimestampMs(now_ms), now_ms / DAY_MS);
                peaks.note(now, bytes_per_s);
                let of_day = all.entry(day).or_default();
                *of_day = bytes_per_s.max(*of_day);
                prop_assert!(peaks.0.len() <= DAYS as usize + 1);
                prop_assert_eq!(peaks.of_day(now), all[&day]);
                for later in 0..=DAYS + 2 {
                    let at = TimestampMs(now_ms + later * DAY_MS);
                    let recent = all.iter().filter(|(of, _)| **of + DAYS >= at.0 / DAY_MS);
                    prop_assert_eq!(peaks.highest(at), recent.map(|(_, peak)| *peak).max().unwrap_or(0));
                }
            }
        }
    }
}
