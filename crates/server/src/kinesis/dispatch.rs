//! Which operation is which call: the table of the service. The three hot operations are awaited in place; the others
//! in a box, so that a connection does not have to hold room for the largest of them.

use std::future::Future;

use bytes::Bytes;
use millstream_streams::{Caller, StreamService};
use millstream_wire::{ApiError, Encoding, Operation, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Kinesis;
use super::beside::{Beside, Told};
use crate::edge::Answer;
use crate::http::RequestBody;

/// A request that passed AWS's checks up to its operation's own.
pub(super) struct Call<'a> {
    pub(super) encoding: Encoding,
    pub(super) operation: Operation,
    pub(super) caller: &'a Caller,
    pub(super) body: RequestBody,
    /// What a reader asks for beside the records.
    pub(super) beside: Option<Beside>,
}

/// The body of a success, and how many records were stored or are handed out.
pub(super) struct Done {
    pub(super) body: Bytes,
    pub(super) records: usize,
    /// What is told beside them, where the reader asked.
    pub(super) beside: Option<Told>,
}

impl Done {
    fn answer(self, encoding: Encoding) -> Answer {
        let mut answer = Answer {
            records: self.records as u64,
            ..Answer::success(encoding, self.body)
        };
        if let Some(told) = self.beside {
            let (name, value) = told.header();
            let extra = answer.extra.get_or_insert_default();
            extra.insert(name, value);
        }
        answer
    }
}

impl Kinesis {
    pub(super) async fn dispatch(&self, call: Call<'_>) -> Answer {
        let encoding = call.encoding;
        let whole = |done: Done| done.answer(encoding);
        let answered = match call.operation {
            Operation::PutRecord => self.put_record(call).await.map(whole),
            Operation::PutRecords => self.put_records(call).await.map(whole),
            Operation::GetRecords => self.get_records(call).await.map(whole),
            Operation::SubscribeToShard => Box::pin(self.subscribe_to_shard(call)).await,
            _ => Box::pin(self.control(call)).await.map(whole),
        };
        answered.unwrap_or_else(|error| Answer::error(encoding, &error))
    }

    async fn control(&self, call: Call<'_>) -> Result<Done, ApiError> {
        let (streams, call) = (&self.streams, &call);
        let body = match call.operation {
            Operation::AddTagsToStream => {
                empty(call, streams, StreamService::add_tags_to_stream).await
            }
            Operation::CreateStream => empty(call, streams, StreamService::create_stream).await,
            Operation::DecreaseStreamRetentionPeriod => {
                empty(
                    call,
                    streams,
                    StreamService::decrease_stream_retention_period,
                )
                .await
            }
            Operation::DeleteResourcePolicy => {
                empty(call, streams, StreamService::delete_resource_policy).await
            }
            Operation::DeleteStream => empty(call, streams, StreamService::delete_stream).await,
            Operation::DeregisterStreamConsumer => {
                empty(call, streams, StreamService::deregister_stream_consumer).await
            }
            Operation::DescribeAccountSettings => {
                full(call, streams, StreamService::describe_account_settings).await
            }
            Operation::DescribeLimits => full(call, streams, StreamService::describe_limits).await,
            Operation::DescribeStream => full(call, streams, StreamService::describe_stream).await,
            Operation::DescribeStreamConsumer => {
                full(call, streams, StreamService::describe_stream_consumer).await
            }
            Operation::DescribeStreamSummary => {
                full(call, streams, StreamService::describe_stream_summary).await
            }
            Operation::DisableEnhancedMonitoring => {
                full(call, streams, StreamService::disable_enhanced_monitoring).await
            }
            Operation::EnableEnhancedMonitoring => {
                full(call, streams, StreamService::enable_enhanced_monitoring).await
            }
            Operation::GetResourcePolicy => {
                full(call, streams, StreamService::get_resource_policy).await
            }
            Operation::GetShardIterator => {
                full(call, streams, StreamService::get_shard_iterator).await
            }
            Operation::IncreaseStreamRetentionPeriod => {
                empty(
                    call,
                    streams,
                    StreamService::increase_stream_retention_period,
                )
                .await
            }
            Operation::ListShards => full(call, streams, StreamService::list_shards).await,
            Operation::ListStreamConsumers => {
                full(call, streams, StreamService::list_stream_consumers).await
            }
            Operation::ListStreams => full(call, streams, StreamService::list_streams).await,
            Operation::ListTagsForResource => {
                full(call, streams, StreamService::list_tags_for_resource).await
            }
            Operation::ListTagsForStream => {
                full(call, streams, StreamService::list_tags_for_stream).await
            }
            Operation::MergeShards => empty(call, streams, StreamService::merge_shards).await,
            Operation::PutResourcePolicy => {
                empty(call, streams, StreamService::put_resource_policy).await
            }
            Operation::RegisterStreamConsumer => {
                full(call, streams, StreamService::register_stream_consumer).await
            }
            Operation::RemoveTagsFromStream => {
                empty(call, streams, StreamService::remove_tags_from_stream).await
            }
            Operation::SplitShard => empty(call, streams, StreamService::split_shard).await,
            Operation::StartStreamEncryption => {
                empty(call, streams, StreamService::start_stream_encryption).await
            }
            Operation::StopStreamEncryption => {
                empty(call, streams, StreamService::stop_stream_encryption).await
            }
            Operation::TagResource => empty(call, streams, StreamService::tag_resource).await,
            Operation::UntagResource => empty(call, streams, StreamService::untag_resource).await,
            Operation::UpdateAccountSettings => {
                full(call, streams, StreamService::update_account_settings).await
            }
            Operation::UpdateMaxRecordSize => {
                empty(call, streams, StreamService::update_max_record_size).await
            }
            Operation::UpdateShardCount => {
                full(call, streams, StreamService::update_shard_count).await
            }
            Operation::UpdateStreamMode => {
                empty(call, streams, StreamService::update_stream_mode).await
            }
            Operation::UpdateStreamRecordDistributionStrategy => {
                empty(
                    call,
                    streams,
                    StreamService::update_stream_record_distribution_strategy,
                )
                .await
            }
            Operation::UpdateStreamWarmThroughput => {
                full(call, streams, StreamService::update_stream_warm_throughput).await
            }
            Operation::GetRecords
            | Operation::PutRecord
            | Operation::PutRecords
            | Operation::SubscribeToShard => unreachable!("these are answered in place"),
        }?;
        let body = self.hold(&call.caller.account, body)?;
        Ok(Done {
            body,
            records: 0,
            beside: None,
        })
    }
}

/// Decode, call, encode.
async fn full<'a, Request, Output, Error, Calling>(
    call: &'a Call<'a>,
    streams: &'a StreamService,
    operation: impl FnOnce(&'a StreamService, &'a Caller, Request) -> Calling,
) -> Result<Vec<u8>, ApiError>
where
    Request: DeserializeOwned,
    Output: Serialize,
    Error: Into<ApiError>,
    Calling: Future<Output = Result<Output, Error>>,
{
    let request = decode(call.operation, call.encoding, &call.body.bytes)?;
    let output = operation(streams, call.caller, request).await;
    output
        .map(|output| encode(call.encoding, &output))
        .map_err(Into::into)
}

/// Decode, call; the answer has no body.
async fn empty<'a, Request, Error, Calling>(
    call: &'a Call<'a>,
    streams: &'a StreamService,
    operation: impl FnOnce(&'a StreamService, &'a Caller, Request) -> Calling,
) -> Result<Vec<u8>, ApiError>
where
    Request: DeserializeOwned,
    Error: Into<ApiError>,
    Calling: Future<Output = Result<(), Error>>,
{
    let request = decode(call.operation, call.encoding, &call.body.bytes)?;
    let done = operation(streams, call.caller, request).await;
    done.map(|()| Vec::new()).map_err(Into::into)
}
