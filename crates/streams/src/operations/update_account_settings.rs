//! UpdateAccountSettings.

use millstream_types::limits::COMMITMENT_MINIMUM_MS;
use millstream_wire::Operation;
use millstream_wire::shapes::{
    AccountSettingsResponse, CommitmentStatus, UpdateAccountSettingsRequest,
};

use super::account_error::AccountError;
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};
use millstream_catalog::ServiceCommand;

impl StreamService {
    /// Begins or ends the caller's commitment to a least throughput in the caller's region; it unlocks warm throughput
    /// and costs nothing here. It lasts 24 hours at least: one that is ended before stays in force until then.
    ///
    /// If the future is dropped, the setting may still change.
    ///
    /// # Errors
    /// See [`AccountError`].
    pub async fn update_account_settings(
        &self,
        caller: &Caller,
        request: UpdateAccountSettingsRequest,
    ) -> Result<AccountSettingsResponse, AccountError> {
        let _call = self.enter()?;
        caller.authorize_in_general(Operation::UpdateAccountSettings)?;
        let status = request.minimum_throughput_billing_commitment.status;
        let command = ServiceCommand::UpdateCommitment {
            account: caller.account.clone(),
            region: caller.region.clone(),
            enabled: status == CommitmentStatus::Enabled,
            minimum_ms: COMMITMENT_MINIMUM_MS,
        };
        let updated = self.inner.commands.propose(command).await;
        updated.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(reason) => Unavailable::unexpected(reason),
            Err(unavailable) => unavailable,
        })?;
        Ok(self.account_settings(caller))
    }
}
