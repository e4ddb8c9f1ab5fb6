//! The operations: one file each, with its own error, whose texts are AWS's.

mod change_stream;
mod consumer_description;
mod create_stream;
mod decrease_stream_retention_period;
mod delete_stream;
mod deregister_stream_consumer;
mod describe_stream;
mod describe_stream_consumer;
mod describe_stream_summary;
mod find_consumer;
mod find_stream;
mod get_records;
mod get_shard_iterator;
mod increase_stream_retention_period;
mod list_shards;
mod list_stream_consumers;
mod list_streams;
mod merge_shards;
mod not_found;
mod put;
mod put_record;
mod put_records;
mod register_stream_consumer;
mod shard_description;
mod shard_read;
mod split_shard;
mod subscribable;
mod unavailable;
mod unverified_texts;

pub use change_stream::{ChangeStreamError, StreamNotActive, StreamOnDemand};
pub use create_stream::{CreateStreamError, ShardLimitExceeded};
pub use decrease_stream_retention_period::DecreaseStreamRetentionPeriodError;
pub use delete_stream::DeleteStreamError;
pub use deregister_stream_consumer::DeregisterStreamConsumerError;
pub use describe_stream::DescribeStreamError;
pub use describe_stream_consumer::DescribeStreamConsumerError;
pub use describe_stream_summary::DescribeStreamSummaryError;
pub use find_consumer::{ConsumerNotFound, FindConsumerError};
pub use find_stream::FindStreamError;
pub use get_records::GetRecordsError;
pub use get_shard_iterator::{EncodedShard, GetShardIteratorError};
pub use increase_stream_retention_period::{
    IncreaseStreamRetentionPeriodError, RetentionOutOfBounds,
};
pub use list_shards::ListShardsError;
pub use list_stream_consumers::ListStreamConsumersError;
pub use list_streams::ListStreamsError;
pub use merge_shards::MergeShardsError;
pub use not_found::{CouldNotFindShard, ShardDoesNotExist, StreamNotFound};
pub use put_record::{InvalidExplicitHashKey, PutRecordError, ShardThrottled};
pub use put_records::PutRecordsError;
pub use register_stream_consumer::RegisterStreamConsumerError;
pub use split_shard::{ShardEnded, SplitShardError};
pub use subscribable::ConsumerNotActive;
pub use unavailable::Unavailable;
