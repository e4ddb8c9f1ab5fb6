//! DescribeStreamConsumer.

use millstream_wire::shapes::{DescribeStreamConsumerRequest, DescribeStreamConsumerResponse};
use millstream_wire::{ApiError, Operation};

use super::consumer_description::consumer_and_stream;
use super::find_consumer::{FindConsumerError, NamedConsumer};
use super::unavailable::Unavailable;
use crate::{Caller, StreamService};

/// How DescribeStreamConsumer fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescribeStreamConsumerError {
    /// The request names no consumer that there is.
    #[error(transparent)]
    Find(#[from] FindConsumerError),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<DescribeStreamConsumerError> for ApiError {
    fn from(error: DescribeStreamConsumerError) -> Self {
        match error {
            DescribeStreamConsumerError::Find(error) => error.into(),
            DescribeStreamConsumerError::Unavailable(error) => error.into(),
        }
    }
}

impl StreamService {
    /// Describes a fan-out consumer.
    ///
    /// # Errors
    /// See [`DescribeStreamConsumerError`].
    pub async fn describe_stream_consumer(
        &self,
        caller: &Caller,
        request: DescribeStreamConsumerRequest,
    ) -> Result<DescribeStreamConsumerResponse, DescribeStreamConsumerError> {
        let _call = self.enter()?;
        let named = NamedConsumer {
            consumer_arn: request.consumer_arn.as_deref(),
            stream_arn: request.stream_arn.as_deref(),
            name: request.consumer_name.as_deref(),
        };
        let found = self.find_consumer(caller, Operation::DescribeStreamConsumer, named)?;
        Ok(DescribeStreamConsumerResponse {
            consumer_description: consumer_and_stream(&found),
        })
    }
}
