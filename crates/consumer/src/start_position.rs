//! Where the reading of a shard begins: a decision without I/O.

use std::time::SystemTime;

use millstream_types::TimestampMs;

use crate::{Checkpoint, InitialPosition, StartingPosition};

/// Where the first iterator of a lease starts. `latest_at` is the moment that a LATEST of this lease stands for, once
/// somebody has opened the shard.
pub(crate) fn first_position(
    checkpoint: &Checkpoint,
    latest_at: Option<TimestampMs>,
    initial: InitialPosition,
) -> StartingPosition {
    match (checkpoint, latest_at, initial) {
        (Checkpoint::TrimHorizon | Checkpoint::ShardEnd, ..) => StartingPosition::TrimHorizon,
        (Checkpoint::Latest, Some(moment), _) => StartingPosition::AtTimestamp(moment),
        (Checkpoint::Latest, None, _) => StartingPosition::Latest,
        (Checkpoint::AtTimestamp, _, InitialPosition::AtTimestamp(moment)) => {
            StartingPosition::AtTimestamp(timestamp_ms(moment))
        }
        // The row was made by a worker with other settings; leave nothing out.
        (Checkpoint::AtTimestamp, _, InitialPosition::TrimHorizon | InitialPosition::Latest) => {
            StartingPosition::TrimHorizon
        }
        // At, not after: an aggregate may be half processed.
        (Checkpoint::At(place), ..) => {
            StartingPosition::AtSequenceNumber(place.sequence_number().to_owned())
        }
    }
}

/// The moment in whole milliseconds, rounded down: a record that arrived in it is not left out.
pub(crate) fn timestamp_ms(moment: SystemTime) -> TimestampMs {
    let since_epoch = moment.duration_since(SystemTime::UNIX_EPOCH);
    let ms = since_epoch.map_or(0, |since| since.as_millis());
    TimestampMs(u64::try_from(ms).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    const MOMENT: TimestampMs = TimestampMs(1_795_881_602_000);

    #[test]
    fn a_time_is_a_time_and_latest_is_fixed_once() {
        let first = |checkpoint: Checkpoint, latest_at, initial| {
            first_position(&checkpoint, latest_at, initial)
        };
        let at = StartingPosition::AtTimestamp(MOMENT);
        assert_eq!(
            first(
                Checkpoint::AtTimestamp,
                None,
                InitialPosition::AtTimestamp(
                    SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(MOMENT.0)
                )
            ),
            at
        );
        assert_eq!(
            first(Checkpoint::AtTimestamp, None, InitialPosition::Latest),
            StartingPosition::TrimHorizon
        );
        assert_eq!(
            first(Checkpoint::Latest, None, InitialPosition::Latest),
            StartingPosition::Latest
        );
        assert_eq!(
            first(Checkpoint::Latest, Some(MOMENT), InitialPosition::Latest),
            at
        );
    }
}
