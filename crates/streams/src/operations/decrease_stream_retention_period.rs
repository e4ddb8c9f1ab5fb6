//! DecreaseStreamRetentionPeriod.

use millstream_wire::shapes::DecreaseStreamRetentionPeriodRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use super::increase_stream_retention_period::{RetentionOutOfBounds, check_hours};
use crate::catalog::{Command, Rejected};
use crate::{Caller, StreamService};

/// How DecreaseStreamRetentionPeriod fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecreaseStreamRetentionPeriodError {
    /// The period is out of what any stream may have.
    #[error(transparent)]
    OutOfBounds(#[from] RetentionOutOfBounds),
    /// The present period is shorter.
    #[error(
        "Requested retention period ({requested} hours) for stream {name} can not be longer than existing retention \
         period ({existing} hours). Use IncreaseRetentionPeriod API."
    )]
    IsShorter {
        /// As given.
        requested: u32,
        /// The present one.
        existing: u32,
        /// The stream.
        name: String,
    },
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<DecreaseStreamRetentionPeriodError> for ApiError {
    fn from(error: DecreaseStreamRetentionPeriodError) -> Self {
        let code = match error {
            DecreaseStreamRetentionPeriodError::Change(error) => return error.into(),
            DecreaseStreamRetentionPeriodError::OutOfBounds(_)
            | DecreaseStreamRetentionPeriodError::IsShorter { .. } => ErrorCode::InvalidArgument,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Keeps the stream's records for a shorter time. Records past the new period cannot be read from now on.
    ///
    /// # Errors
    /// See [`DecreaseStreamRetentionPeriodError`].
    pub async fn decrease_stream_retention_period(
        &self,
        caller: &Caller,
        request: DecreaseStreamRetentionPeriodRequest,
    ) -> Result<(), DecreaseStreamRetentionPeriodError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.stream_to_change(
            caller,
            Operation::DecreaseStreamRetentionPeriod,
            name,
            request.stream_arn.as_deref(),
        )?;
        let hours = check_hours(request.retention_period_hours)?;
        let command = Command::DecreaseRetention {
            id: stream.id,
            hours,
        };
        self.change_stream(&stream, command, |reason| match reason {
            Rejected::RetentionIsShorter(existing) => {
                Some(DecreaseStreamRetentionPeriodError::IsShorter {
                    requested: hours,
                    existing,
                    name: stream.key.name.to_string(),
                })
            }
            _ => None,
        })
        .await?;
        Ok(())
    }
}
