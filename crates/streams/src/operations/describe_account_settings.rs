//! DescribeAccountSettings, and what it shares with UpdateAccountSettings.

use millstream_types::TimestampMs;
use millstream_wire::Operation;
use millstream_wire::encoding::Timestamp;
use millstream_wire::shapes::{
    AccountSettingsResponse, Commitment, CommitmentStatus, DescribeAccountSettingsRequest,
};

use super::account_error::AccountError;
use crate::{Caller, StreamService};

impl StreamService {
    /// Says whether the caller's account commits itself to a least throughput in the caller's region.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn describe_account_settings(
        &self,
        caller: &Caller,
        _request: DescribeAccountSettingsRequest,
    ) -> Result<AccountSettingsResponse, AccountError> {
        let _call = self.enter()?;
        caller.authorize_in_general(Operation::DescribeAccountSettings)?;
        Ok(self.account_settings(caller))
    }

    pub(super) fn account_settings(&self, caller: &Caller) -> AccountSettingsResponse {
        let now = self.inner.clock.now();
        let (account, region) = (&caller.account, &caller.region);
        let view = &self.inner.view;
        let found = view.read(|catalog| catalog.commitment(account, region).copied());
        AccountSettingsResponse {
            minimum_throughput_billing_commitment: found
                .map_or(NEVER, |commitment| shown(commitment, now)),
        }
    }
}

/// Of an account that never committed itself.
const NEVER: Commitment = Commitment {
    status: CommitmentStatus::Disabled,
    started_at: None,
    ended_at: None,
    earliest_allowed_end_at: None,
};

fn shown(commitment: millstream_catalog::Commitment, now: TimestampMs) -> Commitment {
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
