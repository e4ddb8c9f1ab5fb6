//! Where reading of a shard starts.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::ShardIteratorType;

use crate::failure::Failure;

/// A place in a shard.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Position {
    /// The oldest record that is kept.
    TrimHorizon,
    /// After the newest record.
    Latest,
    /// At the record of this sequence number.
    At(String),
    /// After the record of this sequence number.
    After(String),
    /// At the first record that arrived then or later.
    Since(DateTime),
}

impl Position {
    /// An iterator that starts here.
    pub(super) async fn iterator(
        &self,
        client: &Client,
        stream: &str,
        shard: &str,
    ) -> Result<String, Failure> {
        let request = client
            .get_shard_iterator()
            .stream_name(stream)
            .shard_id(shard);
        let request = match self {
            Self::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Self::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            Self::At(number) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(number),
            Self::After(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(number),
            Self::Since(time) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(*time),
        };
        let answer = request
            .send()
            .await
            .map_err(|error| Failure::of("GetShardIterator", error))?;
        answer.shard_iterator.ok_or_else(|| Failure::Unreachable {
            operation: "GetShardIterator",
            cause: "the answer has no iterator".to_owned(),
        })
    }
}
