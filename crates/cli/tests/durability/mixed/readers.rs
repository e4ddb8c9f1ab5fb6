//! Readers at the tail: order holds while shards split and merge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use tokio::task::JoinSet;

/// What the readers of a round share.
#[derive(Default)]
pub(super) struct Reading {
    is_ending: AtomicBool,
    pub(super) records: AtomicU64,
}

impl Reading {
    pub(super) fn expect_the_end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
    }
}

/// Starts a reader for each shard that `stream` has now.
pub(super) async fn start(
    client: &Client,
    stream: &str,
    reading: &Arc<Reading>,
) -> JoinSet<Option<String>> {
    let shards = client
        .list_shards()
        .stream_name(stream)
        .send()
        .await
        .expect("ListShards");
    let mut tasks = JoinSet::new();
    for shard in shards.shards() {
        tasks.spawn(read(
            client.clone(),
            stream.to_owned(),
            shard.shard_id().to_owned(),
            Arc::clone(reading),
        ));
    }
    tasks
}

/// Ends with the shard or the server; a fault if a record is out of order or a read was refused before.
async fn read(
    client: Client,
    stream: String,
    shard: String,
    reading: Arc<Reading>,
) -> Option<String> {
    let first = client
        .get_shard_iterator()
        .stream_name(&stream)
        .shard_id(&shard)
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .expect("GetShardIterator");
    let mut next = first.shard_iterator;
    let mut number_before = String::new();
    while let Some(iterator) = next {
        let answer = match client.get_records().shard_iterator(iterator).send().await {
            Ok(answer) => answer,
            Err(_) if reading.is_ending.load(Ordering::SeqCst) => return None,
            Err(error) => return Some(format!("{shard}: a reader was refused: {error:?}")),
        };
        for record in answer.records() {
            if record.sequence_number() <= number_before.as_str() {
                return Some(format!(
                    "{shard}: {} stands behind {number_before}",
                    record.sequence_number()
                ));
            }
            number_before = record.sequence_number().to_owned();
        }
        reading
            .records
            .fetch_add(answer.records.len() as u64, Ordering::Relaxed);
        next = answer.next_shard_iterator;
    }
    None
}
