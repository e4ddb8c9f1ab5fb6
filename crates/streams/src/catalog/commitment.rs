//! An account's commitment to a least throughput, which unlocks warm throughput.

use millstream_types::{AccountId, Region, TimestampMs};
use millstream_wire::shapes::CommitmentStatus;
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::{Catalog, Rejected, StreamKey};

/// The commitment of an account in a region: the present one, or the last that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// When it began.
    pub started_ms: TimestampMs,
    /// Before this it cannot end.
    pub earliest_end_ms: TimestampMs,
    /// When it ends or ended; `None` while nobody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<TimestampMs>,
}

impl Commitment {
    /// How it stands at `now`.
    pub fn status(&self, now: TimestampMs) -> CommitmentStatus {
        match self.end_ms {
            None => CommitmentStatus::Enabled,
            Some(end) if now < end => CommitmentStatus::EnabledUntilEarliestAllowedEnd,
            Some(_) => CommitmentStatus::Disabled,
        }
    }
}

impl Catalog {
    /// The commitment of an account in a region; `None` if there never was one.
    pub fn commitment(&self, account: &AccountId, region: &Region) -> Option<&Commitment> {
        self.commitments.get(account)?.get(region)
    }

    pub(super) fn check_commitment(
        &self,
        key: &StreamKey,
        now: TimestampMs,
    ) -> Result<(), Rejected> {
        let commitment = self.commitment(&key.account, &key.region);
        match commitment.map(|commitment| commitment.status(now)) {
            Some(CommitmentStatus::Enabled | CommitmentStatus::EnabledUntilEarliestAllowedEnd) => {
                Ok(())
            }
            Some(CommitmentStatus::Disabled) | None => Err(Rejected::NoCommitment),
        }
    }

    pub(super) fn update_commitment(
        &self,
        now: TimestampMs,
        account: &AccountId,
        region: &Region,
        enabled: bool,
        minimum_ms: u64,
    ) -> Decision {
        let present = self.commitment(account, region).copied();
        let running = present.filter(|one| one.status(now) != CommitmentStatus::Disabled);
        let commitment = match (running, enabled) {
            (None, false) => return Decision::Nothing,
            (None, true) => Commitment {
                started_ms: now,
                earliest_end_ms: now.plus_ms(minimum_ms),
                end_ms: None,
            },
            (Some(running), true) => Commitment {
                end_ms: None,
                ..running
            },
            (Some(running), false) => Commitment {
                end_ms: Some(running.earliest_end_ms.max(now)),
                ..running
            },
        };
        Decision::SetCommitment {
            account: account.clone(),
            region: region.clone(),
            commitment,
        }
    }
}
