//! How requests name a stream.

use millstream_wire::shapes;

/// A request that names one stream: by name, by ARN, or by both if they agree.
pub(crate) trait OfStream {
    /// The name.
    fn name(&self) -> Option<&str>;

    /// The ARN.
    fn arn(&self) -> Option<&str>;
}

macro_rules! by_name_or_arn {
    ($($request:ident,)*) => {
        $(impl OfStream for shapes::$request {
            fn name(&self) -> Option<&str> {
                self.stream_name.as_ref().map(|name| name.as_str())
            }

            fn arn(&self) -> Option<&str> {
                self.stream_arn.as_deref()
            }
        })*
    };
}

macro_rules! by_arn {
    ($($request:ident,)*) => {
        $(impl OfStream for shapes::$request {
            fn name(&self) -> Option<&str> {
                None
            }

            fn arn(&self) -> Option<&str> {
                Some(&self.stream_arn)
            }
        })*
    };
}

by_name_or_arn! {
    AddTagsToStreamRequest,
    DecreaseStreamRetentionPeriodRequest,
    DeleteStreamRequest,
    DescribeStreamRequest,
    DescribeStreamSummaryRequest,
    DisableEnhancedMonitoringRequest,
    EnableEnhancedMonitoringRequest,
    GetShardIteratorRequest,
    IncreaseStreamRetentionPeriodRequest,
    ListShardsRequest,
    ListTagsForStreamRequest,
    MergeShardsRequest,
    RemoveTagsFromStreamRequest,
    SplitShardRequest,
    StartStreamEncryptionRequest,
    StopStreamEncryptionRequest,
    UpdateShardCountRequest,
    UpdateStreamWarmThroughputRequest,
}

by_arn! {
    ListStreamConsumersRequest,
    RegisterStreamConsumerRequest,
    UpdateStreamModeRequest,
    UpdateStreamRecordDistributionStrategyRequest,
}

impl OfStream for shapes::UpdateMaxRecordSizeRequest {
    fn name(&self) -> Option<&str> {
        None
    }

    fn arn(&self) -> Option<&str> {
        self.stream_arn.as_deref()
    }
}

impl OfStream for shapes::PutRecordRequest<'_> {
    fn name(&self) -> Option<&str> {
        self.stream_name.as_deref()
    }

    fn arn(&self) -> Option<&str> {
        self.stream_arn.as_deref()
    }
}

impl OfStream for shapes::PutRecordsRequest<'_> {
    fn name(&self) -> Option<&str> {
        self.stream_name.as_deref()
    }

    fn arn(&self) -> Option<&str> {
        self.stream_arn.as_deref()
    }
}
