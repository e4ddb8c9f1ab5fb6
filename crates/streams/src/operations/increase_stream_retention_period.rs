//! IncreaseStreamRetentionPeriod.

use millstream_wire::Operation;
use millstream_wire::shapes::IncreaseStreamRetentionPeriodRequest;

use super::change_retention_period::ChangeRetentionPeriodError;
use crate::{Caller, StreamService};
use millstream_catalog::StreamCommand;

impl StreamService {
    /// Keeps the stream's records longer. Records that were past the old period may be gone or come back.
    ///
    /// If the future is dropped, the change may still be made.
    ///
    /// # Errors
    /// See [`ChangeRetentionPeriodError`].
    pub async fn increase_stream_retention_period(
        &self,
        caller: &Caller,
        request: IncreaseStreamRetentionPeriodRequest,
    ) -> Result<(), ChangeRetentionPeriodError> {
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        self.change_retention_period(
            caller,
            Operation::IncreaseStreamRetentionPeriod,
            (name, request.stream_arn.as_deref()),
            request.retention_period_hours,
            |id, hours| StreamCommand::IncreaseRetention { id, hours },
        )
        .await
    }
}
