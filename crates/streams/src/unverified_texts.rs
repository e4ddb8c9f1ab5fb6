//! Texts that nobody has seen AWS write. They are in one place so that one look at the real service settles them.

use std::fmt::Display;

pub(crate) const STREAM_NOT_NAMED: &str = "Either StreamName or StreamARN should be provided.";
pub(crate) const CONSUMER_NOT_NAMED: &str =
    "Either ConsumerARN or both StreamARN and ConsumerName should be provided.";
pub(crate) const INVALID_NEXT_TOKEN: &str = "Invalid NextToken.";
pub(crate) const ON_DEMAND_WITH_SHARD_COUNT: &str =
    "Request is invalid. ShardCount must not be specified when StreamMode is ON_DEMAND.";
pub(crate) const PROVISIONED_WITHOUT_SHARD_COUNT: &str =
    "Request is invalid. ShardCount is required when StreamMode is PROVISIONED.";
pub(crate) const PROVISIONED_WITH_WARM_THROUGHPUT: &str =
    "WarmThroughputMiBps must not be specified when StreamMode is PROVISIONED.";
pub(crate) const PROVISIONED_WITH_AUTO: &str =
    "RecordDistributionStrategy AUTO must not be specified when StreamMode is PROVISIONED.";
pub(crate) const ENCRYPTION_TYPE_NOT_KMS: &str = "EncryptionType must be KMS.";
pub(crate) const SHARD_FILTER_WITHOUT_SHARD_ID: &str =
    "ShardFilter of type AFTER_SHARD_ID requires ShardId.";
pub(crate) const SHARD_FILTER_WITHOUT_TIMESTAMP: &str =
    "ShardFilter of type AT_TIMESTAMP or FROM_TIMESTAMP requires Timestamp.";
pub(crate) const RECORDS_TOO_LARGE: &str = "Records size exceeds 10 MB limit";
pub(crate) const TOO_MANY_RECORDS: &str = "1 validation error detected: Value at 'records' failed to satisfy \
     constraint: Member must have length less than or equal to 500";

pub(crate) fn names_differ(name: &dyn Display, arn: &dyn Display) -> String {
    format!("StreamName {name} and StreamARN {arn} do not refer to the same stream.")
}

pub(crate) fn invalid_arn(arn: &dyn Display) -> String {
    format!(
        "1 validation error detected: Value '{arn}' at 'streamARN' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: arn:aws.*:kinesis:.*:\\d{{12}}:stream/\\S+"
    )
}

pub(crate) fn invalid_resource_arn(arn: &dyn Display) -> String {
    format!(
        "1 validation error detected: Value '{arn}' at 'resourceARN' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: arn:aws.*:kinesis:.*:\\d{{12}}:.*(stream|channel|queue)/\\S+"
    )
}

pub(crate) fn resource_not_found(arn: &dyn Display) -> String {
    format!("Resource {arn} not found.")
}

pub(crate) fn reserved_tags(name: &dyn Display, account: &dyn Display) -> String {
    format!(
        "Failed to add tags to stream {name} under account {account} because tag keys that begin with aws: are reserved \
         for AWS use."
    )
}

pub(crate) fn changed_too_often(name: &dyn Display, account: &dyn Display) -> String {
    format!("Rate exceeded for stream {name} under account {account}.")
}

pub(crate) fn invalid_key_id(key_id: &dyn Display) -> String {
    format!("Invalid keyId {key_id}.")
}

pub(crate) fn provisioned(name: &dyn Display, account: &dyn Display) -> String {
    format!("Request is invalid. Stream {name} under account {account} is in Provisioned mode.")
}

pub(crate) fn no_commitment(account: &dyn Display) -> String {
    format!(
        "Request is invalid. Warm throughput requires that MinimumThroughputBillingCommitment is ENABLED for account \
         {account}."
    )
}

pub(crate) fn too_much_throughput(mibps: &dyn Display, max: u32) -> String {
    format!("WarmThroughputMiBps {mibps} is greater than the limit of {max}.")
}

pub(crate) fn spreads_records(name: &dyn Display, account: &dyn Display) -> String {
    format!(
        "Stream {name} under account {account} has RecordDistributionStrategy AUTO. Set it to USER_PARTITION_KEY before \
         switching to Provisioned mode."
    )
}

pub(crate) fn invalid_consumer_arn(arn: &dyn Display) -> String {
    format!(
        "1 validation error detected: Value '{arn}' at 'consumerARN' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: ^(arn):aws.*:kinesis:.*:\\d{{12}}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/\
         [a-zA-Z0-9_.-]+:[0-9]+"
    )
}

pub(crate) fn invalid_consumer_name(name: &dyn Display) -> String {
    format!(
        "1 validation error detected: Value '{name}' at 'consumerName' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    )
}

pub(crate) fn consumers_differ(
    arn: &dyn Display,
    stream_arn: &dyn Display,
    name: &dyn Display,
) -> String {
    format!("ConsumerARN {arn} does not match StreamARN {stream_arn} and ConsumerName {name}.")
}

pub(crate) fn consumer_not_found(consumer: &dyn Display, account: &dyn Display) -> String {
    format!("Consumer {consumer}, account {account} not found.")
}

pub(crate) fn consumer_exists(
    name: &dyn Display,
    stream: &dyn Display,
    account: &dyn Display,
) -> String {
    format!("Consumer {name} under stream {stream} under account {account} already exists.")
}

pub(crate) fn too_many_consumers(
    stream: &dyn Display,
    account: &dyn Display,
    current: usize,
    limit: usize,
) -> String {
    format!(
        "This request would exceed the limit on the number of consumers for the stream {stream} under account \
         {account}. Current consumers count: {current}. Limit: {limit}."
    )
}

pub(crate) fn rate_exceeded(stream: &dyn Display, account: &dyn Display) -> String {
    format!("Rate exceeded for stream {stream} under account {account}.")
}

pub(crate) fn too_many_creating(account: &dyn Display, limit: u64) -> String {
    format!("Account {account} has {limit} streams in CREATING state, as many as it may have.")
}

pub(crate) fn too_many_on_demand(account: &dyn Display, limit: u64) -> String {
    format!("Account {account} has {limit} on-demand streams, as many as it may have.")
}

pub(crate) fn rate_exceeded_for_account(account: &dyn Display) -> String {
    format!("Rate exceeded for account {account}.")
}

pub(crate) fn on_demand(name: &dyn Display, account: &dyn Display) -> String {
    format!("Request is invalid. Stream {name} under account {account} is in On-Demand mode.")
}

pub(crate) fn not_both(second: &dyn Display) -> String {
    format!("NextToken and {second} cannot be provided together.")
}

pub(crate) fn next_token_expired(issued: &dyn Display, now: &dyn Display) -> String {
    format!(
        "NextToken expired. The token was created at time {issued} while right now it is {now} which is further in \
         the future than the tolerated delay of 300000 milliseconds."
    )
}

pub(crate) fn arn_of_other_stream(arn: &dyn Display) -> String {
    format!("StreamARN {arn} does not refer to the stream of the ShardIterator.")
}

pub(crate) fn shard_ended(
    shard: &dyn Display,
    name: &dyn Display,
    account: &dyn Display,
) -> String {
    format!(
        "Shard {shard} in stream {name} under account {account} has already been merged or split, and thus is not \
         eligible for merging or splitting."
    )
}

/// One entry of a validation error's text for a member that is not there.
pub(crate) fn must_not_be_null(path: &dyn Display) -> String {
    format!("Value null at '{path}' failed to satisfy constraint: Member must not be null")
}

pub(crate) fn shard_too_narrow(
    shard: &dyn Display,
    name: &dyn Display,
    account: &dyn Display,
) -> String {
    format!(
        "Shard {shard} in stream {name} under account {account} has too few hash keys to be split."
    )
}

pub(crate) fn invalid_policy(reason: &dyn Display) -> String {
    format!("Resource policy is invalid: {reason}.")
}

pub(crate) fn no_resource_policy(arn: &dyn Display) -> String {
    format!("No resource policy found for resource ARN {arn}.")
}

/// One entry of a validation error's text for a member whose value is not printed.
pub(crate) fn too_long(path: &dyn Display, length_max: usize) -> String {
    format!(
        "Value at '{path}' failed to satisfy constraint: Member must have length less than or equal to {length_max}"
    )
}
