//! The requests of all operations, as decoded and checked, and their responses: one file for each kind of resource.
//!
//! Requests hold what passed the model's type and constraint checks; ARNs and sequence numbers stay text because
//! the service has its own errors for them. Responses omit absent members, as AWS does.

mod account;
mod consumer;
mod policy;
mod reading;
mod shard;
mod stream;
mod stream_settings;
mod tag;
mod writing;

/// The API's words in shapes.
pub use millstream_types::{
    CommitmentStatus, ConsumerStatus, EncryptionType, MetricsName, RecordDistributionStrategy,
    StreamMode, StreamStatus,
};

pub use account::{
    AccountSettingsResponse, Commitment, CommitmentChange, DescribeAccountSettingsRequest,
    DescribeLimitsRequest, DescribeLimitsResponse, UpdateAccountSettingsRequest,
};
pub use consumer::{
    Consumer, ConsumerDescription, DeregisterStreamConsumerRequest, DescribeStreamConsumerRequest,
    DescribeStreamConsumerResponse, ListStreamConsumersRequest, ListStreamConsumersResponse,
    RegisterStreamConsumerRequest, RegisterStreamConsumerResponse, StartingPosition,
    SubscribeToShardEvent, SubscribeToShardRequest,
};
pub use policy::{
    DeleteResourcePolicyRequest, GetResourcePolicyRequest, GetResourcePolicyResponse,
    PutResourcePolicyRequest,
};
pub use reading::{
    GetRecordsRequest, GetRecordsResponse, GetShardIteratorRequest, GetShardIteratorResponse,
    Record, ShardIteratorType,
};
pub use shard::{
    ChildShard, ListShardsRequest, ListShardsResponse, MergeShardsRequest, ScalingType,
    SequenceNumberRange, Shard, ShardFilter, ShardFilterType, SplitShardRequest,
    UpdateShardCountRequest, UpdateShardCountResponse, WireHashKeyRange,
};
pub use stream::{
    CreateStreamRequest, DeleteStreamRequest, DescribeStreamRequest, DescribeStreamResponse,
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, EnhancedMetrics,
    ListStreamsRequest, ListStreamsResponse, StreamDescription, StreamDescriptionSummary,
    StreamModeDetails, StreamSummary, WarmThroughput,
};
pub use stream_settings::{
    DecreaseStreamRetentionPeriodRequest, DisableEnhancedMonitoringRequest,
    EnableEnhancedMonitoringRequest, EnhancedMonitoringResponse,
    IncreaseStreamRetentionPeriodRequest, StartStreamEncryptionRequest,
    StopStreamEncryptionRequest, UpdateMaxRecordSizeRequest, UpdateStreamModeRequest,
    UpdateStreamRecordDistributionStrategyRequest, UpdateStreamWarmThroughputRequest,
    UpdateStreamWarmThroughputResponse,
};
pub use tag::{
    AddTagsToStreamRequest, ListTagsForResourceRequest, ListTagsForResourceResponse,
    ListTagsForStreamRequest, ListTagsForStreamResponse, RemoveTagsFromStreamRequest, Tag,
    TagResourceRequest, UntagResourceRequest,
};
pub use writing::{
    InvalidRecordData, PutRecordRequest, PutRecordResponse, PutRecordsRequest, PutRecordsResponse,
    PutRecordsResultEntry, RecordData, RecordToPut,
};
