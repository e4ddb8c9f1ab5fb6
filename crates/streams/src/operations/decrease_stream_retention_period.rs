//! DecreaseStreamRetentionPeriod.

use millstream_wire::Operation;
use millstream_wire::shapes::DecreaseStreamRetentionPeriodRequest;

use super::change_retention_period::ChangeRetentionPeriodError;
use crate::{Caller, StreamService};
use millstream_catalog::StreamCommand;

impl StreamService {
    /// Keeps the stream's records for a shorter time. Records past the new period cannot be read from now on.
    ///
    /// If the future is dropped, the change may still be made.
    ///
    /// # Errors
    /// See [`ChangeRetentionPeriodError`].
    pub async fn decrease_stream_retention_period(
        &self,
        caller: &Caller,
        request: DecreaseStreamRetentionPeriodRequest,
    ) -> Result<(), ChangeRetentionPeriodError> {
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        self.change_retention_period(
            caller,
            Operation::DecreaseStreamRetentionPeriod,
            (name, request.stream_arn.as_deref()),
            request.retention_period_hours,
            |id, hours| StreamCommand::DecreaseRetention { id, hours },
        )
        .await
    }
}
