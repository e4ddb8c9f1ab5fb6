//! Records by SubscribeToShard: a registered consumer has throughput of its own, and records are pushed to it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::event_stream::EventReceiver;
use aws_sdk_kinesis::types::error::SubscribeToShardEventStreamError;
use aws_sdk_kinesis::types::{ConsumerStatus, SubscribeToShardEvent, SubscribeToShardEventStream};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::kinesis::{self, failed};
use super::sealed::Sealed;
use super::{
    NextRead, OpenShard, ReadError, ReadFuture, Shard, ShardRead, ShardReads, Source,
    StartingPosition,
};
use crate::Record;

/// A subscription is given up for a new one after so long; the service ends it after five minutes.
const RENEW_AFTER: Duration = Duration::from_secs(285);
/// Between two looks at a consumer that is being made.
const CONSUMER_POLL: Duration = Duration::from_secs(1);
/// How long a consumer may take to become usable.
const CONSUMER_WAIT_MAX: Duration = Duration::from_secs(25);

/// A stream of the Kinesis API (AWS's or Millstream's) whose shards are subscribed to.
///
/// The consumer is registered if it is not there, also when it goes while workers run, and stays registered; `aws kinesis
/// deregister-stream-consumer` takes it away. A subscription is replaced before it ends. While a handler is busy, nothing
/// is asked for; a subscription that the service gave up meanwhile is opened again where it stopped.
#[derive(Debug, Clone)]
pub struct FanOut {
    client: Client,
    stream: String,
    consumer: String,
    /// Once the consumer is known to be usable.
    consumer_arn: Arc<Mutex<Option<String>>>,
}

impl FanOut {
    /// The stream of this name, read as the consumer of this name. Applications that share a stream must not share a
    /// consumer: of two subscriptions of one consumer to a shard, one ends the other.
    pub fn new(client: Client, stream: impl Into<String>, consumer: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
            consumer: consumer.into(),
            consumer_arn: Arc::default(),
        }
    }

    async fn consumer_arn(&self) -> Result<String, ReadError> {
        let mut known = self.consumer_arn.lock().await;
        if let Some(arn) = &*known {
            return Ok(arn.clone());
        }
        let arn = self.register().await?;
        *known = Some(arn.clone());
        Ok(arn)
    }

    /// Somebody has deregistered the consumer, or created the stream again: then it has another ARN, or none yet.
    async fn forget(&self, arn: &str) {
        let mut known = self.consumer_arn.lock().await;
        if known.as_deref() == Some(arn) {
            *known = None;
        }
    }

    /// Registers the consumer, or finds it, and waits until it can be used.
    async fn register(&self) -> Result<String, ReadError> {
        let summary = self.client.describe_stream_summary();
        let summary = summary.stream_name(&self.stream).send().await;
        let summary = summary.map_err(failed)?.stream_description_summary;
        let stream_arn = summary
            .map(|summary| summary.stream_arn)
            .ok_or_else(|| ReadError::Unavailable("the answer names no stream".into()))?;
        let registered = self
            .client
            .register_stream_consumer()
            .stream_arn(&stream_arn)
            .consumer_name(&self.consumer)
            .send()
            .await;
        match registered {
            Ok(_) => tracing::info!(consumer = self.consumer, "consumer registered"),
            // It is there already.
            Err(error) if error.code() == Some("ResourceInUseException") => {}
            Err(error) => return Err(failed(error)),
        }
        let give_up = Instant::now() + CONSUMER_WAIT_MAX;
        loop {
            let described = self
                .client
                .describe_stream_consumer()
                .stream_arn(&stream_arn)
                .consumer_name(&self.consumer)
                .send()
                .await
                .map_err(failed)?;
            match described.consumer_description {
                Some(found) if found.consumer_status == ConsumerStatus::Active => {
                    return Ok(found.consumer_arn);
                }
                _ if Instant::now() >= give_up => return Err(ReadError::TimedOut),
                _ => sleep(CONSUMER_POLL).await,
            }
        }
    }

    async fn subscribe(
        &self,
        shard_id: String,
        position: StartingPosition,
    ) -> Result<OpenShard, ReadError> {
        let arn = self.consumer_arn().await?;
        let request = self
            .client
            .subscribe_to_shard()
            .consumer_arn(&arn)
            .shard_id(shard_id)
            .starting_position(kinesis::starting_position(position)?);
        let subscribed = kinesis::timed(request).await;
        if let Err(ReadError::NotFound(_)) = &subscribed {
            self.forget(&arn).await;
        }
        let (answer, opened_at) = subscribed?;
        let reads = PushedReads {
            events: answer.event_stream,
            renew_at: Instant::now() + RENEW_AFTER,
        };
        Ok(OpenShard {
            reads: Box::new(reads),
            opened_at,
        })
    }
}

impl Sealed for FanOut {}

impl Source for FanOut {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        kinesis::list_shards(self.client.clone(), self.stream.clone())
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let (this, shard_id) = (self.clone(), shard_id.to_owned());
        Box::pin(async move { this.subscribe(shard_id, position).await })
    }
}

struct PushedReads {
    events: EventReceiver<SubscribeToShardEventStream, SubscribeToShardEventStreamError>,
    renew_at: Instant,
}

impl std::fmt::Debug for PushedReads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushedReads").finish_non_exhaustive()
    }
}

impl Sealed for PushedReads {}

impl ShardReads for PushedReads {
    fn next(&mut self, _records_max: u32) -> NextRead<'_> {
        Box::pin(async move {
            loop {
                if Instant::now() >= self.renew_at {
                    return Err(ReadError::Expired);
                }
                match self.events.recv().await.map_err(failed)? {
                    Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) => {
                        return read_of(event);
                    }
                    // Kinds of events that this version does not know.
                    Some(_) => {}
                    None => return Err(ReadError::Expired),
                }
            }
        })
    }

    fn is_pushed(&self) -> bool {
        true
    }
}

fn read_of(event: SubscribeToShardEvent) -> Result<ShardRead, ReadError> {
    let records: Result<Vec<Record>, ReadError> =
        event.records.into_iter().map(kinesis::record).collect();
    let children = event.child_shards.unwrap_or_default();
    // Only at the end of a shard there is nothing to go on with.
    let is_end = event.continuation_sequence_number.is_empty();
    Ok(ShardRead {
        records: records?,
        continue_after: (!is_end).then_some(event.continuation_sequence_number),
        millis_behind_latest: u64::try_from(event.millis_behind_latest).unwrap_or(0),
        end: is_end.then(|| children.iter().map(kinesis::child).collect()),
    })
}
