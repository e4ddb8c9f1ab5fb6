//! DecreaseStreamRetentionPeriod.

use millstream_catalog::StreamCommand;
use millstream_wire::shapes::DecreaseStreamRetentionPeriodRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Keeps the stream's records for a shorter time. Records past the new period cannot be read from now on.
    ///
    /// If the future is dropped, the change may still be made.
    DecreaseStreamRetentionPeriod: decrease_stream_retention_period(DecreaseStreamRetentionPeriodRequest) -> ()
}

async fn decrease_stream_retention_period(
    call: &Call<'_>,
    request: DecreaseStreamRetentionPeriodRequest,
) -> Result<(), Failure> {
    let decrease = |id, hours| StreamCommand::DecreaseRetention { id, hours };
    call.change_retention_period(&request, request.retention_period_hours, decrease)
        .await
}
