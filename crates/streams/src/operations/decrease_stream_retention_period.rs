//! DecreaseStreamRetentionPeriod.

use millstream_wire::shapes::DecreaseStreamRetentionPeriodRequest;
use millstream_wire::{ApiError, ErrorCode};

use super::delete_stream::StreamNotActive;
use super::find_stream::FindStreamError;
use super::increase_stream_retention_period::{RetentionOutOfBounds, check_hours};
use super::not_found::StreamNotFound;
use super::unavailable::Unavailable;
use crate::catalog::{Command, Rejected, Stream};
use crate::{Caller, StreamService};

/// How DecreaseStreamRetentionPeriod fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecreaseStreamRetentionPeriodError {
    /// The request names no stream that there is.
    #[error(transparent)]
    Find(#[from] FindStreamError),
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
    /// The stream is changing.
    #[error(transparent)]
    NotActive(#[from] StreamNotActive),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<DecreaseStreamRetentionPeriodError> for ApiError {
    fn from(error: DecreaseStreamRetentionPeriodError) -> Self {
        let code = match error {
            DecreaseStreamRetentionPeriodError::Find(error) => return error.into(),
            DecreaseStreamRetentionPeriodError::Unavailable(error) => return error.into(),
            DecreaseStreamRetentionPeriodError::OutOfBounds(_)
            | DecreaseStreamRetentionPeriodError::IsShorter { .. } => ErrorCode::InvalidArgument,
            DecreaseStreamRetentionPeriodError::NotActive(_) => ErrorCode::ResourceInUse,
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
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.find_stream(caller, name, request.stream_arn.as_deref())?;
        let hours = check_hours(request.retention_period_hours)?;
        let id = stream.id;
        let command = Command::DecreaseRetention { id, hours };
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
) -> DecreaseStreamRetentionPeriodError {
    let name = stream.key.name.to_string();
    match reason {
        Rejected::NoSuchStream => FindStreamError::from(StreamNotFound::of(&stream.key)).into(),
        Rejected::NotActive(status) => StreamNotActive {
            name,
            account: stream.key.account.clone(),
            status,
        }
        .into(),
        Rejected::RetentionIsShorter(existing) => DecreaseStreamRetentionPeriodError::IsShorter {
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
        | Rejected::RetentionIsLonger(_)
        | Rejected::OutOfIds => Unavailable::unexpected(reason).into(),
    }
}
