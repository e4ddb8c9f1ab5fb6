//! DeleteStream.

use millstream_types::AccountId;
use millstream_wire::shapes::DeleteStreamRequest;
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::change_stream::ChangeStreamError;
use crate::{Caller, StreamService};
use millstream_catalog::{Rejected, StreamCommand};

/// How DeleteStream fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeleteStreamError {
    /// Consumers are registered, and the request does not say that they go with the stream.
    #[error(
        "DeleteStream can't delete {account}:{name} because there are consumers associated with this data stream. To \
         delete {name} anyway, set the EnforceConsumerDeletion parameter to true to force the deletion of all the \
         consumers that are associated with it."
    )]
    HasConsumers {
        /// The stream.
        name: String,
        /// Its account.
        account: AccountId,
    },
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<DeleteStreamError> for ApiError {
    fn from(error: DeleteStreamError) -> Self {
        match error {
            DeleteStreamError::HasConsumers { .. } => {
                Self::new(ErrorCode::ResourceInUse, error.to_string())
            }
            DeleteStreamError::Change(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Deletes a stream with everything in it, in whatever state it is. It is gone when this returns, unless a
    /// transition time is set, or deleting its logs takes more than ten seconds or fails (it is tried again until it
    /// succeeds): then it is DELETING.
    ///
    /// If the future is dropped, the stream may still be deleted.
    ///
    /// # Errors
    /// See [`DeleteStreamError`].
    pub async fn delete_stream(
        &self,
        caller: &Caller,
        request: DeleteStreamRequest,
    ) -> Result<(), DeleteStreamError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.stream_to_change(
            caller,
            Operation::DeleteStream,
            name,
            request.stream_arn.as_deref(),
        )?;
        let begin = StreamCommand::BeginDeleteStream {
            id: stream.id,
            enforce_consumer_deletion: request.enforce_consumer_deletion.unwrap_or(false),
        };
        self.change_stream(&stream, begin, |reason| match reason {
            Rejected::HasConsumers => Some(DeleteStreamError::HasConsumers {
                name: stream.key.name.to_string(),
                account: stream.key.account.clone(),
            }),
            _ => None,
        })
        .await?;
        self.settled(stream.id).await;
        Ok(())
    }
}
