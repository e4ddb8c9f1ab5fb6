//! Failures that several operations have, each with its code and its text.

use millstream_catalog::{Consumer, Rejected, Shard, Stream, StreamKey};
use millstream_log::{EngineError, NotWritten};
use millstream_types::{AccountId, Region, ShardId, StreamStatus, TimestampMs};
use millstream_wire::ErrorCode;
use millstream_wire::shapes::InvalidRecordData;

use crate::Failure;
use crate::command_log::ProposeError;
use crate::continuation::number_before;
use crate::tokens::Position;
use crate::unverified_texts as texts;

/// The service is stopping; nothing was done.
pub(crate) fn stopping() -> Failure {
    Failure::new(ErrorCode::ServiceUnavailable, "The service is stopping.")
}

/// As many reads as may wait for the disk at a time; this one did not get its turn.
pub(crate) fn reads_busy() -> Failure {
    let text = "Too many reads are in flight. Try again.";
    Failure::new(ErrorCode::ServiceUnavailable, text)
}

/// The disk has no room; nothing was written. Retry once the operator has made room.
pub(crate) const NO_ROOM: &str = "The server's disk has no room: nothing was written.";

/// As [`NO_ROOM`].
pub(crate) fn no_room() -> Failure {
    Failure::new(ErrorCode::ServiceUnavailable, NO_ROOM)
}

/// The service failed; a write may or may not have happened. The cause is in the server's log.
pub(crate) const FAILED: &str = "Internal Service Failure.";

/// As [`FAILED`].
pub(crate) fn failed() -> Failure {
    Failure::new(ErrorCode::InternalFailure, FAILED)
}

/// What a reader wants next is damaged on the server's disk. The text says how to go on without it.
pub(crate) fn damaged(
    stream: &Stream,
    shard: &Shard,
    next: Option<u64>,
    reason: &str,
    now: TimestampMs,
) -> Failure {
    tracing::error!(stream = %stream.key, shard_id = %shard.id, next, reason, "records are damaged");
    let mut text = format!(
        "Records of shard {} are damaged on the server's disk.",
        shard.id
    );
    if let Some(offset) = next {
        let behind = Position {
            offset,
            ..Position::default()
        };
        let number = number_before(shard.numbers(), behind, now);
        text += &format!(
            " What can be read behind them is read from AFTER_SEQUENCE_NUMBER {number} on."
        );
    }
    Failure::new(ErrorCode::InternalFailure, text)
}

/// The log engine failed.
pub(crate) fn engine_failed(error: EngineError) -> Failure {
    tracing::error!(%error, "the log engine failed");
    failed().because(error)
}

/// The catalog rejected a command for a reason that cannot come from the command that was proposed.
pub(crate) fn unexpected(reason: Rejected) -> Failure {
    tracing::error!(%reason, "the catalog rejected a command for no reason that the command can have");
    failed().because(reason)
}

/// The catalog's reason, if it was that; a failure otherwise.
pub(crate) fn unless_rejected(error: ProposeError) -> Result<Rejected, Failure> {
    match error {
        ProposeError::Rejected(reason) => Ok(reason),
        ProposeError::Stopping => Err(stopping()),
        ProposeError::NotWritten(NotWritten::NoRoom) => Err(no_room().because(error)),
        ProposeError::NotWritten(_) | ProposeError::OutcomeUnknown | ProposeError::Overloaded => {
            tracing::warn!(%error, "a command was not applied");
            Err(failed().because(error))
        }
    }
}

/// There is no such stream.
pub(crate) fn stream_not_found(name: &str, account: &AccountId) -> Failure {
    Failure::not_found(format!("Stream {name} under account {account} not found."))
}

/// The stream with this key is gone.
pub(crate) fn stream_gone(key: &StreamKey) -> Failure {
    stream_not_found(key.name.as_str(), &key.account)
}

/// A call names a shard that the stream does not have, or that no stream can have.
pub(crate) fn could_not_find_shard(
    shard: impl std::fmt::Display,
    name: &str,
    account: &AccountId,
) -> Failure {
    Failure::not_found(format!(
        "Could not find shard {shard} in stream {name} under account {account}."
    ))
}

/// A read names a shard that the stream does not have, or a stream that is not there.
pub(crate) fn shard_does_not_exist(shard: ShardId, name: &str, account: &AccountId) -> Failure {
    Failure::not_found(format!(
        "Shard {shard} in stream {name} under account {account} does not exist"
    ))
}

/// There is no such consumer: its ARN, or its name if the request gives that.
pub(crate) fn consumer_not_found(consumer: impl std::fmt::Display, account: &AccountId) -> Failure {
    Failure::not_found(texts::consumer_not_found(&consumer, account))
}

/// The stream's state does not admit the operation.
pub(crate) fn stream_not_active(key: &StreamKey, status: StreamStatus) -> Failure {
    let StreamKey { name, account, .. } = key;
    let status = status.name();
    Failure::in_use(format!(
        "Stream {name} under account {account} not ACTIVE, instead in state {status}"
    ))
}

/// The consumer is being created or deleted. Try again when it is ACTIVE.
pub(crate) fn consumer_not_active(stream: &Stream, consumer: &Consumer) -> Failure {
    let (name, created_s) = (&consumer.key.name, consumer.key.created_s);
    let StreamKey {
        name: stream,
        account,
        ..
    } = &stream.key;
    Failure::in_use(format!(
        "Consumer {name} with creation timestamp {created_s} under stream: {stream} , account {account} is not in \
         ACTIVE status."
    ))
}

/// The shard was split or merged before.
pub(crate) fn shard_ended(shard: ShardId, key: &StreamKey) -> Failure {
    Failure::invalid_argument(texts::shard_ended(&shard, &key.name, &key.account))
}

/// A request would bring more shards than the account, or a stream, may have.
pub(crate) fn too_many_shards(
    account: &AccountId,
    region: &Region,
    current: u64,
    limit: u64,
    additional: u64,
) -> Failure {
    Failure::limit_exceeded(format!(
        "This request would exceed the shard limit for the account {account} in {region}. Current shard count for the \
         account: {current}. Limit: {limit}. Number of additional shards that would have resulted from this request: \
         {additional}. Refer to the AWS Service Limits page \
         (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
         higher limits."
    ))
}

/// A shard takes no more records for the moment: the text.
pub(crate) fn shard_throttled(shard: ShardId, key: &StreamKey) -> String {
    let StreamKey { name, account, .. } = key;
    format!("Rate exceeded for shard {shard} in stream {name} under account {account}.")
}

/// An explicit hash key above 2^128 − 1.
pub(crate) fn invalid_explicit_hash_key(text: &str) -> Failure {
    Failure::invalid_argument(format!(
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was {text}"
    ))
}

/// The data is not base64; the decoding of requests answers this itself.
pub(crate) fn not_base64(error: InvalidRecordData) -> Failure {
    Failure::new(ErrorCode::Serialization, error.to_string()).because(error)
}

/// What a rejection means that any change of a stream can meet; `None` if it is the operation's own matter.
pub(crate) fn of_any_change(reason: Rejected, key: &StreamKey) -> Option<Failure> {
    let StreamKey {
        account,
        region,
        name,
    } = key;
    Some(match reason {
        Rejected::NoSuchStream => stream_gone(key),
        Rejected::NotActive(status) => stream_not_active(key, status),
        Rejected::TooOften => Failure::limit_exceeded(texts::changed_too_often(name, account)),
        Rejected::OnDemand => Failure::validation(texts::on_demand(name, account)),
        Rejected::TooManyShards {
            current,
            limit,
            additional,
        } => too_many_shards(account, region, current, limit, additional),
        _ => return None,
    })
}
