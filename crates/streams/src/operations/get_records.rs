//! GetRecords.

use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Shard, ShardState, Stream};
use millstream_types::limits::{GET_RECORDS_BYTES_MAX, GET_RECORDS_COUNT_MAX};
use millstream_types::{ShardHeat, ShardId, StreamArn, TimestampMs};
use millstream_wire::shapes::{GetRecordsRequest, GetRecordsResponse};
use millstream_wire::{ErrorCode, Operation};

use crate::call::{Call, operation};
use crate::descriptions::describe_child;
use crate::read::{
    Behind, ReadLimits, ReadShardError, ReadWith, ShardRead, count_behind, read_shard,
};
use crate::tokens::{IteratorError, Position, ShardIterator};
use crate::unverified_texts as texts;
use crate::{Caller, Failure, StreamService, refusals};

/// How long a read waits for its turn among those that wait for the disk.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

operation! {
    /// Reads records from where an iterator stands. Never waits for records: at the tail the answer has none.
    ///
    /// The next iterator is absent exactly when the shard is closed and nothing is left of it; then the child shards
    /// are given.
    GetRecords: get_records(GetRecordsRequest) -> GetRecordsResponse
}

impl StreamService {
    /// [`get_records`](Self::get_records), and how much lies behind the records that it answers, up to the tip: what AWS
    /// does not tell. One more read of what lies there, of 64 MiB at most.
    ///
    /// # Errors
    /// Those of GetRecords.
    pub async fn get_records_counting(
        &self,
        caller: &Caller,
        request: GetRecordsRequest,
    ) -> Result<(GetRecordsResponse, Behind), Failure> {
        let call = self.enter(caller, Operation::GetRecords);
        let answer = match call.begun() {
            Ok(()) => get_and_count(&call, request).await,
            Err(failure) => Err(failure),
        };
        call.end(answer)
    }
}

impl StreamService {
    /// [`get_records`](Self::get_records), and the keys that took most of the shard in this minute and the one before:
    /// `count` by records and as many by bytes. `None` if nothing of it was counted
    /// ([`counts_hot_keys`](crate::StreamSettings::counts_hot_keys)).
    ///
    /// # Errors
    /// Those of GetRecords: who may read a shard may know its keys.
    pub async fn get_records_and_heat(
        &self,
        caller: &Caller,
        request: GetRecordsRequest,
        count: usize,
    ) -> Result<(GetRecordsResponse, Option<ShardHeat>), Failure> {
        let call = self.enter(caller, Operation::GetRecords);
        let answer = match call.begun() {
            Ok(()) => get(&call, request).await,
            Err(failure) => Err(failure),
        };
        let hot_keys = &self.inner.hot_keys;
        let with_heat = answer.map(|(answer, Reached { stream, shard, .. })| {
            let heat = hot_keys.as_ref();
            (
                answer,
                heat.and_then(|hot| hot.heat((stream.id, shard), count)),
            )
        });
        call.end(with_heat)
    }
}

async fn get_and_count(
    call: &Call<'_>,
    request: GetRecordsRequest,
) -> Result<(GetRecordsResponse, Behind), Failure> {
    let (answer, reached) = get(call, request).await?;
    let Reached {
        stream,
        shard,
        position,
    } = reached;
    let Some(shard) = stream.shard(shard) else {
        return Ok((answer, Behind::default()));
    };
    let horizon = stream.trim_horizon(call.now());
    let bytes_max = call.inner().settings.behind_bytes_max;
    let with = read_with(call, &stream);
    let behind = count_behind(with, &shard, position, horizon, bytes_max).await;
    Ok((answer, behind))
}

async fn get_records(
    call: &Call<'_>,
    request: GetRecordsRequest,
) -> Result<GetRecordsResponse, Failure> {
    Ok(get(call, request).await?.0)
}

/// How far a read came.
struct Reached {
    stream: Arc<Stream>,
    shard: ShardId,
    position: Position,
}

fn read_with<'a>(call: &Call<'a>, stream: &'a Stream) -> ReadWith<'a> {
    ReadWith {
        engine: &*call.inner().engine,
        turns: &call.inner().read_turns,
        patience: TURN_PATIENCE,
        damage: &call.inner().damage,
        stream: &stream.key,
        keys: call.inner().record_keys.ring(),
    }
}

async fn get(
    call: &Call<'_>,
    request: GetRecordsRequest,
) -> Result<(GetRecordsResponse, Reached), Failure> {
    let now = call.now();
    let opened = call
        .inner()
        .tokens
        .open_iterator(&request.shard_iterator, now);
    let iterator = opened.map_err(not_opened)?;
    let missing = || {
        let name = iterator.stream_name.as_str();
        refusals::shard_does_not_exist(iterator.shard, name, &call.caller.account)
    };
    let stream = call.inner().view.get(iterator.stream).ok_or_else(missing)?;
    check_stream(call, &stream, request.stream_arn.as_deref())?;
    let shard = &stream.shard(iterator.shard).ok_or_else(missing)?;
    call.admit_at_shard(&stream, shard.id, None)?;
    let limit = request
        .limit
        .map_or(GET_RECORDS_COUNT_MAX, |limit| limit as usize);
    let limits = ReadLimits {
        records: limit.clamp(1, GET_RECORDS_COUNT_MAX),
        bytes: GET_RECORDS_BYTES_MAX,
        bytes_per_record: 0,
    };
    let with = read_with(call, &stream);
    let horizon = stream.trim_horizon(now);
    let read = read_shard(with, shard, iterator.position, horizon, limits).await;
    let read = read.map_err(|error| match error {
        ReadShardError::NoSuchLog => missing(),
        ReadShardError::NoTurn => refusals::reads_busy(),
        ReadShardError::Failed(reason) => {
            tracing::error!(stream = %stream.key, shard_id = %shard.id, reason, "a shard cannot be read");
            refusals::failed()
        }
        ReadShardError::Damaged { reason, next } => refusals::damaged(&stream, shard, next, &reason, now),
    })?;
    let behind_ms = read.behind.map_or(0, |time| now.ms_since(time));
    call.note_read(read.shard_use(shard.id), behind_ms);
    call.count_read(&stream, shard.id, read.bytes as u64);
    let reached = Reached {
        stream: Arc::clone(&stream),
        shard: shard.id,
        position: read.next,
    };
    if let ShardState::Closed { end, closed_ms } = shard.state
        && read.records.is_empty()
        && read.next.offset >= end
    {
        let answer = end_of_shard(&stream, shard, now.ms_since(closed_ms));
        return Ok((answer, reached));
    }
    Ok((page(call, iterator, read, now), reached))
}

fn page(
    call: &Call<'_>,
    iterator: ShardIterator,
    read: ShardRead,
    now: TimestampMs,
) -> GetRecordsResponse {
    let next = ShardIterator {
        issued: now,
        position: read.next,
        ..iterator
    };
    GetRecordsResponse {
        records: read.records,
        next_shard_iterator: Some(call.inner().tokens.seal_iterator(&next)),
        millis_behind_latest: read.behind.map_or(0, |time| now.ms_since(time)),
        child_shards: None,
    }
}

/// The iterator was not made by this service for this caller.
fn invalid_iterator() -> Failure {
    Failure::invalid_argument("Invalid ShardIterator.")
}

fn not_opened(error: IteratorError) -> Failure {
    match error {
        IteratorError::Invalid => invalid_iterator(),
        // It is older than 300 s.
        IteratorError::Expired { issued, now } => Failure::new(
            ErrorCode::ExpiredIterator,
            format!(
                "Iterator expired. The iterator was created at time {issued} while right now it is {now} which is \
                 further in the future than the tolerated delay of 300000 milliseconds."
            ),
        ),
    }
}

fn check_stream(call: &Call<'_>, stream: &Arc<Stream>, arn: Option<&str>) -> Result<(), Failure> {
    call.allow(stream).ok_or_else(invalid_iterator)??;
    match arn {
        Some(arn) if arn.parse::<StreamArn>().ok() != Some(stream.arn()) => {
            Err(Failure::invalid_argument(texts::arn_of_other_stream(&arn)))
        }
        Some(_) | None => Ok(()),
    }
}

fn end_of_shard(stream: &Stream, shard: &Shard, closed_for_ms: u64) -> GetRecordsResponse {
    GetRecordsResponse {
        records: Vec::new(),
        next_shard_iterator: None,
        millis_behind_latest: closed_for_ms,
        child_shards: Some(stream.children_of(shard.id).map(describe_child).collect()),
    }
}
