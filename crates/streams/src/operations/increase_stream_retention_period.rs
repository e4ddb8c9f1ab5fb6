//! IncreaseStreamRetentionPeriod.

use millstream_types::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};
use millstream_wire::shapes::IncreaseStreamRetentionPeriodRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use crate::catalog::{Command, Rejected};
use crate::{Caller, StreamService};

/// How IncreaseStreamRetentionPeriod fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncreaseStreamRetentionPeriodError {
    /// The period is out of what any stream may have.
    #[error(transparent)]
    OutOfBounds(#[from] RetentionOutOfBounds),
    /// The present period is longer.
    #[error(
        "Requested retention period ({requested} hours) for stream {name} can not be shorter than existing retention \
         period ({existing} hours). Use DecreaseRetentionPeriod API."
    )]
    IsLonger {
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

/// A retention period that no stream may have; in hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RetentionOutOfBounds {
    /// Below 24 hours.
    #[error(
        "Minimum allowed retention period is {RETENTION_HOURS_MIN} hours. Requested retention period ({0} hours) is too \
         short."
    )]
    TooShort(i32),
    /// Above 8760 hours.
    #[error(
        "Maximum allowed retention period is {RETENTION_HOURS_MAX} hours. Requested retention period ({0} hours) is too \
         long."
    )]
    TooLong(i32),
}

/// The period, if a stream may have it.
pub(super) fn check_hours(hours: i32) -> Result<u32, RetentionOutOfBounds> {
    match u32::try_from(hours) {
        Ok(hours) if (RETENTION_HOURS_MIN..=RETENTION_HOURS_MAX).contains(&hours) => Ok(hours),
        Ok(above) if above > RETENTION_HOURS_MAX => Err(RetentionOutOfBounds::TooLong(hours)),
        Ok(_) | Err(_) => Err(RetentionOutOfBounds::TooShort(hours)),
    }
}

impl From<IncreaseStreamRetentionPeriodError> for ApiError {
    fn from(error: IncreaseStreamRetentionPeriodError) -> Self {
        let code = match error {
            IncreaseStreamRetentionPeriodError::Change(error) => return error.into(),
            IncreaseStreamRetentionPeriodError::OutOfBounds(_)
            | IncreaseStreamRetentionPeriodError::IsLonger { .. } => ErrorCode::InvalidArgument,
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Keeps the stream's records longer. Records that were past the old period may be gone or come back.
    ///
    /// # Errors
    /// See [`IncreaseStreamRetentionPeriodError`].
    pub async fn increase_stream_retention_period(
        &self,
        caller: &Caller,
        request: IncreaseStreamRetentionPeriodRequest,
    ) -> Result<(), IncreaseStreamRetentionPeriodError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.stream_to_change(
            caller,
            Operation::IncreaseStreamRetentionPeriod,
            name,
            request.stream_arn.as_deref(),
        )?;
        let hours = check_hours(request.retention_period_hours)?;
        let command = Command::IncreaseRetention {
            id: stream.id,
            hours,
        };
        self.change_stream(&stream, command, |reason| match reason {
            Rejected::RetentionIsLonger(existing) => {
                Some(IncreaseStreamRetentionPeriodError::IsLonger {
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
