//! SubscribeToShard.

use std::sync::Arc;

use millstream_types::{AccountId, ShardId};
use millstream_wire::shapes::{ConsumerStatus, SubscribeToShardRequest};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::find_consumer::{FindConsumerError, FoundConsumer, NamedConsumer};
use super::not_found::{CouldNotFindShard, ShardDoesNotExist};
use super::start_position::{StartPosition, StartPositionError};
use super::subscription::Subscription;
use super::unavailable::Unavailable;
use crate::subscriptions::{NoSeat, Seat};
use crate::{Caller, StreamService};

/// How SubscribeToShard fails before there is a stream of events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeToShardError {
    /// The request names no consumer that there is.
    #[error(transparent)]
    Find(#[from] FindConsumerError),
    /// The consumer is being created or deleted. Try again when it is ACTIVE.
    #[error(transparent)]
    NotActive(#[from] ConsumerNotActive),
    /// The shard id cannot be one.
    #[error(transparent)]
    CouldNotFindShard(#[from] CouldNotFindShard),
    /// There is no such shard.
    #[error(transparent)]
    ShardDoesNotExist(#[from] ShardDoesNotExist),
    /// The position to start from is not one of the shard.
    #[error(transparent)]
    Start(#[from] StartPositionError),
    /// A subscription of this consumer to this shard began less than five seconds ago. Try again later.
    #[error(transparent)]
    InUse(#[from] SubscriptionInUse),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// The consumer is being created or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Consumer {name} with creation timestamp {created_s} under stream: {stream} , account {account} is not in ACTIVE \
     status."
)]
pub struct ConsumerNotActive {
    /// The consumer.
    pub name: String,
    /// The second of its ARN.
    pub created_s: u64,
    /// Its stream.
    pub stream: String,
    /// The stream's account.
    pub account: AccountId,
}

/// Somebody else is subscribed with this consumer to this shard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "Another active subscription exists for this consumer: {account}:{stream}:{shard}:{consumer}"
)]
pub struct SubscriptionInUse {
    /// The stream's account.
    pub account: AccountId,
    /// The stream.
    pub stream: String,
    /// The shard.
    pub shard: ShardId,
    /// The consumer.
    pub consumer: String,
}

impl From<SubscribeToShardError> for ApiError {
    fn from(error: SubscribeToShardError) -> Self {
        let code = match error {
            SubscribeToShardError::Find(error) => return error.into(),
            SubscribeToShardError::Start(error) => return error.into(),
            SubscribeToShardError::Unavailable(error) => return error.into(),
            SubscribeToShardError::NotActive(_) | SubscribeToShardError::InUse(_) => {
                ErrorCode::ResourceInUse
            }
            SubscribeToShardError::CouldNotFindShard(_)
            | SubscribeToShardError::ShardDoesNotExist(_) => ErrorCode::ResourceNotFound,
        };
        Self::new(code, error.to_string())
    }
}

impl ConsumerNotActive {
    pub(super) fn of(found: &FoundConsumer) -> Self {
        Self {
            name: found.consumer.key.name.to_string(),
            created_s: found.consumer.key.created_s,
            stream: found.stream.key.name.to_string(),
            account: found.stream.key.account.clone(),
        }
    }
}

impl StreamService {
    /// Subscribes a consumer to a shard. Events are there for whoever calls [`Subscription::next`].
    ///
    /// A subscription of the same consumer to the same shard that is five seconds old or older ends with this call.
    ///
    /// # Errors
    /// See [`SubscribeToShardError`]; nothing is subscribed then, and who was stays.
    pub async fn subscribe_to_shard(
        &self,
        caller: &Caller,
        request: SubscribeToShardRequest,
    ) -> Result<Subscription, SubscribeToShardError> {
        let _call = self.enter()?;
        let operation = Operation::SubscribeToShard;
        let named = NamedConsumer::by_arn(&request.consumer_arn);
        let found = self.find_consumer(caller, operation, named)?;
        if found.consumer.status != ConsumerStatus::Active {
            return Err(ConsumerNotActive::of(&found).into());
        }
        let FoundConsumer { stream, consumer } = &found;
        let (name, account) = (stream.key.name.as_str(), &stream.key.account);
        let shard_id: ShardId = request
            .shard_id
            .parse()
            .map_err(|_| CouldNotFindShard::of(&request.shard_id, name, account))?;
        let shard = stream.shard(shard_id).filter(|_| stream.is_usable());
        let shard = &shard.ok_or_else(|| ShardDoesNotExist::of(shard_id, name, account))?;
        let start = StartPosition {
            position_type: request.starting_position.position_type,
            number: request.starting_position.sequence_number.as_deref(),
            time: request.starting_position.timestamp.map(|time| time.0),
        };
        let now = self.inner.clock.now();
        let position = self
            .start_position(operation, stream, shard, start, now)
            .await?;
        let seat = Seat {
            stream: stream.id,
            consumer: consumer.key.clone(),
            shard: shard_id,
        };
        let seat = Arc::clone(&self.inner.subscriptions).take(seat);
        let seat = seat.map_err(|reason| match reason {
            NoSeat::InUse => SubscriptionInUse {
                account: account.clone(),
                stream: name.to_owned(),
                shard: shard_id,
                consumer: consumer.key.name.to_string(),
            }
            .into(),
            NoSeat::Stopping => SubscribeToShardError::from(Unavailable::Stopping),
        })?;
        // A consumer that was deleted before the seat was taken is seen by the first read.
        Ok(Subscription::new(
            self.clone(),
            seat,
            stream,
            shard,
            position,
        ))
    }
}
