//! Accounts.

use millstream_catalog::Commitment as Kept;
use millstream_types::{CommitmentStatus, TimestampMs};
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{AccountSettingsResponse, Commitment};

/// The settings of an account with this commitment, as they are at `now`.
pub(crate) fn account_settings(kept: Option<Kept>, now: TimestampMs) -> AccountSettingsResponse {
    AccountSettingsResponse {
        minimum_throughput_billing_commitment: kept.map_or(NEVER, |kept| shown(kept, now)),
    }
}

/// Of an account that never committed itself.
const NEVER: Commitment = Commitment {
    status: CommitmentStatus::Disabled,
    started_at: None,
    ended_at: None,
    earliest_allowed_end_at: None,
};

fn shown(commitment: Kept, now: TimestampMs) -> Commitment {
    let status = commitment.status(now);
    let has_ended = status == CommitmentStatus::Disabled;
    let earliest = Timestamp(commitment.earliest_end_ms);
    Commitment {
        status,
        started_at: Some(Timestamp(commitment.started_ms)),
        ended_at: commitment.end_ms.filter(|_| has_ended).map(Timestamp),
        earliest_allowed_end_at: (!has_ended).then_some(earliest),
    }
}
