//! SubscribeToShard.

use std::sync::Arc;

use millstream_types::ConsumerStatus;
use millstream_wire::shapes::SubscribeToShardRequest;

use crate::call::{Call, NamedConsumer, operation};
use crate::rules::start_position::StartPosition;
use crate::subscription::{Subscription, in_use};
use crate::subscriptions::{NoSeat, Seat};
use crate::{Failure, refusals};

operation! {
    /// Subscribes a consumer to a shard. Events are there for whoever calls [`Subscription::next`].
    ///
    /// A subscription of the same consumer to the same shard that is five seconds old or older ends with this call; if
    /// this call fails, who was subscribed stays.
    SubscribeToShard: subscribe_to_shard(SubscribeToShardRequest) -> Subscription
}

async fn subscribe_to_shard(
    call: &Call<'_>,
    request: SubscribeToShardRequest,
) -> Result<Subscription, Failure> {
    let found = call.consumer(NamedConsumer::by_arn(&request.consumer_arn))?;
    if found.consumer.status != ConsumerStatus::Active {
        return Err(found.not_active());
    }
    let (stream, key) = (&found.stream, &found.stream.key);
    let (name, account) = (key.name.as_str(), &key.account);
    let shard_id = request.shard_id.parse().map_err(|error| {
        refusals::could_not_find_shard(&request.shard_id, name, account).because(error)
    })?;
    let shard = stream.shard(shard_id).filter(|_| stream.is_usable());
    let missing = || refusals::shard_does_not_exist(shard_id, name, account);
    let shard = &shard.ok_or_else(missing)?;
    call.admit_at_shard(stream, shard_id, Some(&found.consumer.key))?;
    let start = StartPosition {
        position_type: request.starting_position.position_type,
        number: request.starting_position.sequence_number.as_deref(),
        time: request.starting_position.timestamp.map(|time| time.0),
    };
    let position = call
        .start_position(stream, shard, start, call.now())
        .await?;
    let seat = Seat {
        stream: stream.id,
        consumer: found.consumer.key.clone(),
        shard: shard_id,
    };
    let subscriptions = Arc::clone(&call.inner().subscriptions);
    let seat = subscriptions.take(seat).map_err(|reason| match reason {
        NoSeat::InUse => in_use(account, name, shard_id, &found.consumer.key.name),
        NoSeat::Stopping => refusals::stopping(),
    })?;
    // A consumer that was deleted before the seat was taken is seen by the first read.
    let service = call.service.clone();
    Ok(Subscription::new(service, seat, stream, shard, position))
}
