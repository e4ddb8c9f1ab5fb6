//! DescribeAccountSettings.

use millstream_wire::shapes::{AccountSettingsResponse, DescribeAccountSettingsRequest};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::account_settings;

operation! {
    /// Says whether the caller's account commits itself to a least throughput in the caller's region.
    DescribeAccountSettings:
        describe_account_settings(DescribeAccountSettingsRequest) -> AccountSettingsResponse
}

async fn describe_account_settings(
    call: &Call<'_>,
    _request: DescribeAccountSettingsRequest,
) -> Result<AccountSettingsResponse, Failure> {
    call.allow_in_general()?;
    Ok(account_settings(call.commitment(), call.now()))
}
