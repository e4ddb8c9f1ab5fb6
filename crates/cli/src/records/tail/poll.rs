//! One read of one shard.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{ChildShard, Record};

use super::Position;
use crate::failure::Failure;

/// Most records per read. Small, so that many shards are read fairly.
const RECORDS_MAX: i32 = 1_000;

/// Where a read starts.
pub(super) enum Cursor {
    /// At a place that an iterator must be asked for.
    Position(Position),
    /// At an iterator.
    Iterator(String),
}

/// What a read of `shard` brought.
pub(super) struct Polled {
    pub(super) shard: String,
    /// The newest arrival time that was known of any shard when the read was sent.
    pub(super) newest_before_ms: i64,
    pub(super) result: Result<Page, Failure>,
}

/// The answer to a read.
pub(super) struct Page {
    pub(super) records: Vec<Record>,
    /// Absent at the end of a closed shard.
    pub(super) next_iterator: Option<String>,
    /// No newer record was there.
    pub(super) is_at_tip: bool,
    pub(super) children: Vec<ChildShard>,
}

/// Reads once.
pub(super) async fn poll(
    client: &Client,
    stream: &str,
    shard: String,
    cursor: Cursor,
    newest_before_ms: i64,
) -> Polled {
    let result = read(client, stream, &shard, cursor).await;
    Polled {
        shard,
        newest_before_ms,
        result,
    }
}

async fn read(client: &Client, stream: &str, shard: &str, cursor: Cursor) -> Result<Page, Failure> {
    let iterator = match cursor {
        Cursor::Iterator(iterator) => iterator,
        Cursor::Position(position) => position.iterator(client, stream, shard).await?,
    };
    let answer = client
        .get_records()
        .shard_iterator(iterator)
        .limit(RECORDS_MAX)
        .send()
        .await
        .map_err(|error| Failure::of("GetRecords", error))?;
    Ok(Page {
        records: answer.records,
        next_iterator: answer.next_shard_iterator,
        is_at_tip: answer.millis_behind_latest.unwrap_or(0) == 0,
        children: answer.child_shards.unwrap_or_default(),
    })
}
