//! Where a busy shard could be split: a sample of what came last.

use std::collections::HashMap;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use millstream_scaling::lag::{Lag, ShardLag};
use millstream_scaling::{HotKey, Middle, Rules, middle_of};
use millstream_types::{HashKey, ShardId};

use crate::failure::Failure;

/// Records of a sample.
const SAMPLE_RECORDS: i32 = 1_000;
/// A shard is looked at that takes more than this share of what makes it hot.
const WATCHED: f64 = 0.4;
/// A small record weighs as much as makes a shard's records a shard's bytes.
const LEAST_BYTES: usize = 1_049;

/// The middles of shards that may have to be split soon. `worker_records_per_s` is what one worker does, if that is known.
pub(super) async fn middles(
    client: &Client,
    lag: &Lag,
    rules: &Rules,
    worker_records_per_s: Option<f64>,
) -> Result<HashMap<ShardId, Middle>, Failure> {
    let mut middles = HashMap::new();
    if rules.shards.is_none() {
        return Ok(middles);
    }
    let most = worker_records_per_s
        .unwrap_or(f64::INFINITY)
        .min(rules.shard.records_per_s);
    for shard in lag.shards.iter().filter(|shard| shard.is_open) {
        let Some(incoming) = shard.incoming else {
            continue;
        };
        let is_watched = incoming.records_per_s > WATCHED * most
            || incoming.bytes_per_s > WATCHED * rules.shard.bytes_per_s;
        if is_watched && let Ok(id) = shard.shard_id.parse() {
            middles.insert(id, middle(client, lag, shard, rules.look_ms).await?);
        }
    }
    Ok(middles)
}

async fn middle(
    client: &Client,
    lag: &Lag,
    shard: &ShardLag,
    look_ms: u64,
) -> Result<Middle, Failure> {
    let since = i64::try_from(lag.at.0.saturating_sub(look_ms)).unwrap_or(i64::MAX);
    let iterator = client
        .get_shard_iterator()
        .stream_name(&lag.stream)
        .shard_id(&shard.shard_id)
        .shard_iterator_type(ShardIteratorType::AtTimestamp)
        .timestamp(DateTime::from_millis(since))
        .send()
        .await
        .map_err(|error| Failure::of("GetShardIterator", error))?
        .shard_iterator;
    let records = client
        .get_records()
        .set_shard_iterator(iterator)
        .limit(SAMPLE_RECORDS)
        .send()
        .await
        .map_err(|error| Failure::of("GetRecords", error))?
        .records;
    // Where a record has an explicit hash key, its partition key says nothing of its place.
    let range = shard.range();
    let mut sample: Vec<(HashKey, u64)> = records
        .iter()
        .filter_map(|record| {
            let key = HashKey::of_partition_key(record.partition_key.as_deref()?);
            range.contains(key).then(|| (key, weight(record)))
        })
        .collect();
    Ok(match middle_of(&mut sample, range) {
        Middle::OneKey(hot) => Middle::OneKey(named(hot, &records)),
        other => other,
    })
}

fn weight(record: &Record) -> u64 {
    let key = record.partition_key.as_ref().map_or(0, String::len);
    (record.data.as_ref().len() + key).max(LEAST_BYTES) as u64
}

fn named(hot: HotKey, records: &[Record]) -> HotKey {
    let mut keys = records
        .iter()
        .filter_map(|record| record.partition_key.as_deref());
    let key = keys.find(|key| HashKey::of_partition_key(key) == hot.hash_key);
    HotKey {
        partition_key: key.map(Into::into),
        ..hot
    }
}
