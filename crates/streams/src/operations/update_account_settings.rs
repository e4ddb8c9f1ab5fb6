//! UpdateAccountSettings.

use millstream_catalog::ServiceCommand;
use millstream_types::CommitmentStatus;
use millstream_types::limits::COMMITMENT_MINIMUM_MS;
use millstream_wire::shapes::{AccountSettingsResponse, UpdateAccountSettingsRequest};

use crate::call::{Call, operation};
use crate::descriptions::account_settings;
use crate::{Failure, refusals};

operation! {
    /// Begins or ends the caller's commitment to a least throughput in the caller's region; it unlocks warm throughput
    /// and costs nothing here. It lasts 24 hours at least: one that is ended before stays in force until then.
    ///
    /// If the future is dropped, the setting may still change.
    UpdateAccountSettings:
        update_account_settings(UpdateAccountSettingsRequest) -> AccountSettingsResponse
}

async fn update_account_settings(
    call: &Call<'_>,
    request: UpdateAccountSettingsRequest,
) -> Result<AccountSettingsResponse, Failure> {
    call.allow_in_general()?;
    let status = request.minimum_throughput_billing_commitment.status;
    let command = ServiceCommand::UpdateCommitment {
        account: call.caller.account.clone(),
        region: call.caller.region.clone(),
        enabled: status == CommitmentStatus::Enabled,
        minimum_ms: COMMITMENT_MINIMUM_MS,
    };
    let updated = call.submit(command).await?;
    updated.map_err(refusals::unexpected)?;
    Ok(account_settings(call.commitment(), call.now()))
}
