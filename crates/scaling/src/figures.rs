//! What the looks come to.

use serde::Serialize;

use crate::window::RECENT;
use crate::{Capacity, Observation};

/// The numbers behind a decision. Rates are means of the last three looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Workers that are alive.
    pub workers: u32,
    /// Open shards, also those that have no lease yet.
    pub open_shards: u32,
    /// Records a second that came.
    pub ingest_records_per_s: f64,
    /// Bytes a second that came.
    pub ingest_bytes_per_s: f64,
    /// Records a second that the application finished.
    pub read_records_per_s: f64,
    /// Records that it has not finished.
    pub backlog_records: u64,
    /// Age of the oldest of them.
    pub behind_ms: u64,
    /// How long the rest will take at these rates; `None` for ever.
    pub drain_ms: Option<u64>,
    /// Records a second that one worker can do, if that was seen.
    pub worker_records_per_s: Option<f64>,
}

impl Figures {
    pub(crate) fn of(recent: [&Observation; RECENT], capacity: Option<Capacity>) -> Self {
        let now = recent[0];
        let mut figures = Self {
            workers: now.workers.len() as u32,
            open_shards: now.open_shards().count() as u32 + now.without_lease,
            backlog_records: now.shards.iter().map(|shard| shard.backlog_records).sum(),
            behind_ms: now
                .shards
                .iter()
                .map(|shard| shard.behind_ms)
                .max()
                .unwrap_or(0),
            worker_records_per_s: capacity.map(|capacity| capacity.records_per_s),
            ..Self::default()
        };
        let looks = RECENT as f64;
        for shard in recent.iter().flat_map(|look| &look.shards) {
            figures.ingest_records_per_s += shard.incoming.records_per_s / looks;
            figures.ingest_bytes_per_s += shard.incoming.bytes_per_s / looks;
            figures.read_records_per_s += shard.read_records_per_s / looks;
        }
        figures.drain_ms = drain_time_ms(
            figures.backlog_records,
            figures.read_records_per_s,
            figures.ingest_records_per_s,
        );
        figures
    }
}

/// How long a backlog will take: backlog ÷ (read rate − ingest rate), in milliseconds. 0 without a backlog; `None` if it
/// does not shrink.
pub fn drain_time_ms(
    backlog_records: u64,
    read_records_per_s: f64,
    ingest_records_per_s: f64,
) -> Option<u64> {
    if backlog_records == 0 {
        return Some(0);
    }
    let shrinks_per_s = read_records_per_s - ingest_records_per_s;
    // A float beyond u64 becomes its largest: longer than anybody waits.
    (shrinks_per_s > 0.0).then(|| (1000.0 * backlog_records as f64 / shrinks_per_s) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drain_time_is_the_backlog_by_what_it_shrinks() {
        assert_eq!(drain_time_ms(9_000, 500.0, 200.0), Some(30_000));
        assert_eq!(drain_time_ms(0, 0.0, 200.0), Some(0));
        assert_eq!(drain_time_ms(1, 200.0, 200.0), None);
        assert_eq!(drain_time_ms(1, 100.0, 200.0), None);
    }
}
