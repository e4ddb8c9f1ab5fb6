//! GetShardIterator.

use millstream_wire::shapes::{GetShardIteratorRequest, GetShardIteratorResponse};

use crate::call::{Call, operation};
use crate::rules::start_position::StartPosition;
use crate::tokens::ShardIterator;
use crate::{Failure, refusals};

operation! {
    /// Gives an iterator, valid for 300 s and over restarts.
    GetShardIterator: get_shard_iterator(GetShardIteratorRequest) -> GetShardIteratorResponse
}

async fn get_shard_iterator(
    call: &Call<'_>,
    request: GetShardIteratorRequest,
) -> Result<GetShardIteratorResponse, Failure> {
    let named = call.named(&request)?;
    let shard_id = named.shard_id(&request.shard_id)?;
    // Of a stream that is not there AWS says that the shard is not.
    let missing = || refusals::shard_does_not_exist(shard_id, &named.name, &named.account);
    let stream = call.find(&named)?.filter(|stream| stream.is_usable());
    let stream = stream.ok_or_else(missing)?;
    let shard = &stream.shard(shard_id).ok_or_else(missing)?;
    call.admit_at_shard(&stream, shard.id, None)?;
    let now = call.now();
    let start = StartPosition {
        position_type: request.shard_iterator_type,
        number: request.starting_sequence_number.as_deref(),
        time: request.timestamp.map(|timestamp| timestamp.0),
    };
    let position = call.start_position(&stream, shard, start, now).await?;
    let iterator = ShardIterator {
        issued: now,
        stream: stream.id,
        stream_name: stream.key.name.clone(),
        shard: shard.id,
        position,
    };
    Ok(GetShardIteratorResponse {
        shard_iterator: call.inner().tokens.seal_iterator(&iterator),
    })
}
