//! Records by GetRecords, asked for at the consumer's own pace.

use aws_sdk_kinesis::Client;

use super::kinesis::{self, Answer, failed};
use super::sealed::Sealed;
use super::{
    NextRead, OpenShard, ReadError, ReadFuture, Shard, ShardRead, ShardReads, Source,
    StartingPosition,
};
use crate::Record;

/// A stream of the Kinesis API (AWS's or Millstream's) whose shards are polled.
#[derive(Debug, Clone)]
pub struct Polling {
    client: Client,
    stream: String,
}

impl Polling {
    /// The stream of this name.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
        }
    }
}

impl Sealed for Polling {}

impl Source for Polling {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        kinesis::list_shards(self.client.clone(), self.stream.clone())
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let client = self.client.clone();
        let asked = kinesis::shard_iterator(&client, &self.stream, shard_id, position);
        Box::pin(async move {
            let (iterator, opened_at) = asked.await?;
            let reads = PolledReads { client, iterator };
            Ok(OpenShard {
                reads: Box::new(reads),
                opened_at,
            })
        })
    }
}

#[derive(Debug)]
struct PolledReads {
    client: Client,
    /// Used again after a failure: an iterator may be, until it expires.
    iterator: String,
}

impl Sealed for PolledReads {}

impl ShardReads for PolledReads {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        let read = Answer::default();
        let request = self
            .client
            .get_records()
            .shard_iterator(&self.iterator)
            .limit(i32::try_from(records_max).unwrap_or(i32::MAX))
            .customize()
            .interceptor(read.clone());
        Box::pin(async move {
            let answer = request.send().await.map_err(failed)?;
            let children = answer.child_shards().iter().map(kinesis::child).collect();
            let behind = answer.millis_behind_latest;
            let records = match read.take() {
                Some(records) => records,
                None => records_of(answer.records)?,
            };
            let end = match answer.next_shard_iterator {
                Some(next) => {
                    self.iterator = next;
                    None
                }
                None => Some(children),
            };
            Ok(ShardRead {
                records,
                continue_after: None,
                millis_behind_latest: behind.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0),
                end,
            })
        })
    }

    fn is_pushed(&self) -> bool {
        false
    }
}

fn records_of(answered: Vec<aws_sdk_kinesis::types::Record>) -> Result<Vec<Record>, ReadError> {
    answered.into_iter().map(kinesis::record).collect()
}
