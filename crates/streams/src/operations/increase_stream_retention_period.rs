//! IncreaseStreamRetentionPeriod.

use millstream_catalog::StreamCommand;
use millstream_wire::shapes::IncreaseStreamRetentionPeriodRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Keeps the stream's records longer. Records that were past the old period may be gone or come back.
    ///
    /// If the future is dropped, the change may still be made.
    IncreaseStreamRetentionPeriod: increase_stream_retention_period(IncreaseStreamRetentionPeriodRequest) -> ()
}

async fn increase_stream_retention_period(
    call: &Call<'_>,
    request: IncreaseStreamRetentionPeriodRequest,
) -> Result<(), Failure> {
    let increase = |id, hours| StreamCommand::IncreaseRetention { id, hours };
    call.change_retention_period(&request, request.retention_period_hours, increase)
        .await
}
