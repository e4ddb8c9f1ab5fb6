//! What IncreaseStreamRetentionPeriod and DecreaseStreamRetentionPeriod have in common: all but the direction.

use millstream_types::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use crate::{Caller, StreamService};
use millstream_catalog::{Rejected, StreamCommand, StreamId};

/// How a change of the retention period fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeRetentionPeriodError {
    /// The period is out of what any stream may have.
    #[error(transparent)]
    OutOfBounds(#[from] RetentionOutOfBounds),
    /// An increase, and the present period is longer.
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
    /// A decrease, and the present period is shorter.
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

impl From<ChangeRetentionPeriodError> for ApiError {
    fn from(error: ChangeRetentionPeriodError) -> Self {
        match error {
            ChangeRetentionPeriodError::Change(error) => error.into(),
            ChangeRetentionPeriodError::OutOfBounds(_)
            | ChangeRetentionPeriodError::IsLonger { .. }
            | ChangeRetentionPeriodError::IsShorter { .. } => {
                Self::new(ErrorCode::InvalidArgument, error.to_string())
            }
        }
    }
}

/// The period, if a stream may have it.
fn check_hours(hours: i32) -> Result<u32, RetentionOutOfBounds> {
    match u32::try_from(hours) {
        Ok(hours) if (RETENTION_HOURS_MIN..=RETENTION_HOURS_MAX).contains(&hours) => Ok(hours),
        Ok(above) if above > RETENTION_HOURS_MAX => Err(RetentionOutOfBounds::TooLong(hours)),
        Ok(_) | Err(_) => Err(RetentionOutOfBounds::TooShort(hours)),
    }
}

impl StreamService {
    /// Changes the period of the stream that `name` and `arn` name by a command for that stream and a period in hours.
    pub(super) async fn change_retention_period(
        &self,
        caller: &Caller,
        operation: Operation,
        (name, arn): (Option<&str>, Option<&str>),
        hours: i32,
        command: impl FnOnce(StreamId, u32) -> StreamCommand,
    ) -> Result<(), ChangeRetentionPeriodError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let stream = self.stream_to_change(caller, operation, name, arn)?;
        let requested = check_hours(hours)?;
        let name = stream.key.name.to_string();
        let own = |reason| match reason {
            Rejected::RetentionIsLonger(existing) => Some(ChangeRetentionPeriodError::IsLonger {
                requested,
                existing,
                name,
            }),
            Rejected::RetentionIsShorter(existing) => Some(ChangeRetentionPeriodError::IsShorter {
                requested,
                existing,
                name,
            }),
            _ => None,
        };
        self.change_stream(&stream, command(stream.id, requested), own)
            .await?;
        Ok(())
    }
}
