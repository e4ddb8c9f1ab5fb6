//! How often an operation may be called: a table of AWS's.

use millstream_wire::Operation;

/// On what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum On {
    /// The caller's account, in a region.
    Account,
    /// One stream; what concerns no stream that is there is not counted.
    Stream,
}

/// How often an operation may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CallLimit {
    pub(super) on: On,
    pub(super) per_s: u64,
}

/// The limit on calls of an operation; `None` for those that have theirs at a shard.
///
/// AWS's reference names a rate for most. Where it names none (retention, encryption, monitoring, mode, record size, tags
/// by ARN, resource policies, AUTO) the five a second of their neighbours hold; `docs/limits.md` lists them.
pub(super) fn limit_of(operation: Operation) -> Option<CallLimit> {
    let (on, per_s) = match operation {
        Operation::GetRecords
        | Operation::GetShardIterator
        | Operation::PutRecord
        | Operation::PutRecords
        | Operation::SubscribeToShard => return None,
        Operation::ListShards => (On::Stream, 1_000),
        Operation::DescribeStreamConsumer => (On::Stream, 20),
        Operation::DescribeStreamSummary => (On::Account, 20),
        Operation::DescribeStream | Operation::UpdateShardCount => (On::Account, 10),
        Operation::DescribeLimits => (On::Account, 1),
        Operation::DeregisterStreamConsumer
        | Operation::ListStreamConsumers
        | Operation::DecreaseStreamRetentionPeriod
        | Operation::IncreaseStreamRetentionPeriod
        | Operation::DisableEnhancedMonitoring
        | Operation::EnableEnhancedMonitoring => (On::Stream, 5),
        Operation::AddTagsToStream
        | Operation::CreateStream
        | Operation::DeleteResourcePolicy
        | Operation::DeleteStream
        | Operation::DescribeAccountSettings
        | Operation::GetResourcePolicy
        | Operation::ListStreams
        | Operation::ListTagsForResource
        | Operation::ListTagsForStream
        | Operation::MergeShards
        | Operation::PutResourcePolicy
        | Operation::RegisterStreamConsumer
        | Operation::RemoveTagsFromStream
        | Operation::SplitShard
        | Operation::StartStreamEncryption
        | Operation::StopStreamEncryption
        | Operation::TagResource
        | Operation::UntagResource
        | Operation::UpdateAccountSettings
        | Operation::UpdateMaxRecordSize
        | Operation::UpdateStreamMode
        | Operation::UpdateStreamRecordDistributionStrategy
        | Operation::UpdateStreamWarmThroughput => (On::Account, 5),
    };
    Some(CallLimit { on, per_s })
}

#[cfg(test)]
mod tests {
    use millstream_wire::ErrorCode;

    use super::*;

    #[test]
    fn what_has_a_limit_has_the_error_that_says_so() {
        for &operation in Operation::ALL {
            let code = match limit_of(operation) {
                Some(_) => ErrorCode::LimitExceeded,
                None if operation == Operation::SubscribeToShard => ErrorCode::LimitExceeded,
                None => ErrorCode::ProvisionedThroughputExceeded,
            };
            assert!(operation.has_error(code), "{}", operation.name());
        }
    }
}
