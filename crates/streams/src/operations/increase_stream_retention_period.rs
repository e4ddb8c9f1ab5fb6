//! IncreaseStreamRetentionPeriod.

use millstream_types::limits::{RETENTION_HOURS_MAX, RETENTION_HOURS_MIN};
use millstream_wire::shapes::IncreaseStreamRetentionPeriodRequest;
use millstream_wire::{ApiError, ErrorCode};

use super::delete_stream::StreamNotActive;
use super::find_stream::FindStreamError;
use super::not_found::StreamNotFound;
use super::unavailable::Unavailable;
use crate::catalog::{Command, Rejected, Stream};
use crate::{Caller, StreamService};

/// How IncreaseStreamRetentionPeriod fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IncreaseStreamRetentionPeriodError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
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
    /// The stream is changing.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
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
            IncreaseStreamRetentionPeriodError::Find(error) => return error.into(),
            IncreaseStreamRetentionPeriodError::Unavailable(error) => return error.into(),
            IncreaseStreamRetentionPeriodError::OutOfBounds(_)
            | IncreaseStreamRetentionPeriodError::IsLonger { .. } => ErrorCode::InvalidArgument,
            IncreaseStreamRetentionPeriodError::NotActive(_) => ErrorCode::ResourceInUse,
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
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.find_stream(caller, name, request.stream_arn.as_deref())?;
        let hours = check_hours(request.retention_period_hours)?;
        let id = stream.id;
        let command = Command::IncreaseRetention { id, hours };
        let done = self.inner.commands.propose(command).await;
        done.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(reason) => rejected(reason, &stream, hours),
            Err(unavailable) => unavailable.into(),
        })?;
        Ok(())
    }
}

fn rejected(
    reason: Rejected,
    stream: &Stream,
    requested: u32,
) -> IncreaseStreamRetentionPeriodError {
    let name = stream.key.name.to_string();
    match reason {
        Rejected::NoSuchStream => FindStreamError::from(StreamNotFound::of(&stream.key)).into(),
        Rejected::NotActive(status) => StreamNotActive {
            name,
            account: stream.key.account.clone(),
            status,
        }
        .into(),
        Rejected::RetentionIsLonger(existing) => IncreaseStreamRetentionPeriodError::IsLonger {
            requested,
            existing,
            name,
        },
        Rejected::TokenKeySet
        | Rejected::StreamExists
        | Rejected::NotBegun
        | Rejected::NoSuchShard(_)
        | Rejected::ShardEnded(_)
        | Rejected::SplitKeyOutside(_)
        | Rejected::NotAdjacent
        | Rejected::OnDemand
        | Rejected::TooManyShards { .. }
        | Rejected::RetentionIsShorter(_)
        | Rejected::OutOfIds => Unavailable::unexpected(reason).into(),
    }
}
