//! The key of tokens, and what accounts commit themselves to.

use millstream_types::{AccountId, CommitmentStatus, Region, TimestampMs};

use crate::catalog::Catalog;
use crate::command::ServiceCommand;
use crate::commitment::Commitment;
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::stream::StreamKey;

impl Catalog {
    pub(super) fn decide_service(
        &self,
        now: TimestampMs,
        command: &ServiceCommand,
    ) -> Result<Decision, Rejected> {
        match command {
            ServiceCommand::SetTokenKey { key } => match self.token_key {
                None => Ok(Decision::SetTokenKey(*key)),
                Some(_) => Err(Rejected::TokenKeySet),
            },
            ServiceCommand::UpdateCommitment {
                account,
                region,
                enabled,
                minimum_ms,
            } => Ok(self.update_commitment(now, account, region, *enabled, *minimum_ms)),
        }
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

    fn update_commitment(
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
