//! Next-tokens of lists. Their content is JSON: they are made rarely and carry the question that they continue.

use millstream_catalog::StreamId;
use millstream_types::limits::TOKEN_LIFE_MS;
use millstream_types::{ConsumerName, ShardId, StreamName, TimestampMs};
use millstream_wire::shapes::ShardFilterType;
use serde::{Deserialize, Serialize};

use super::{Kind, Tokens, UtcText};

/// Where a list goes on, and what it lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum NextToken {
    /// Of ListShards.
    Shards(ShardsAfter),
    /// Of ListStreams: names above this one.
    StreamsAfter(StreamName),
    /// Of ListStreamConsumers.
    Consumers(ConsumersAfter),
}

/// Where ListStreamConsumers goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsumersAfter {
    pub(crate) stream: StreamId,
    pub(crate) after: ConsumerName,
}

/// Where ListShards goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShardsAfter {
    pub(crate) stream: StreamId,
    pub(crate) stream_name: StreamName,
    pub(crate) after: ShardId,
    pub(crate) filter: ShardFilterType,
    /// Of the filter, if it has one.
    pub(crate) time: Option<TimestampMs>,
}

#[derive(Serialize, Deserialize)]
struct Issued<T> {
    at_ms: TimestampMs,
    token: T,
}

/// Why a next-token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextTokenError {
    /// Not made by this service.
    Invalid,
    /// Older than 300 s.
    Expired { issued: UtcText, now: UtcText },
}

impl Tokens {
    pub(crate) fn seal_next(&self, token: &NextToken, now: TimestampMs) -> String {
        let issued = Issued { at_ms: now, token };
        let content = serde_json::to_vec(&issued).expect("a token has text keys only");
        self.seal(Kind::NextToken, &content)
    }

    pub(crate) fn open_next(
        &self,
        text: &str,
        now: TimestampMs,
    ) -> Result<NextToken, NextTokenError> {
        let content = self.open(Kind::NextToken, text);
        let content = content.ok_or(NextTokenError::Invalid)?;
        let issued: Issued<NextToken> =
            serde_json::from_slice(&content).map_err(|_| NextTokenError::Invalid)?;
        if now.ms_since(issued.at_ms) > TOKEN_LIFE_MS {
            return Err(NextTokenError::Expired {
                issued: UtcText(issued.at_ms),
                now: UtcText(now),
            });
        }
        Ok(issued.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use millstream_catalog::TokenKey;
    use millstream_types::SystemRandomness;

    #[test]
    fn round_trips_expires_and_is_no_iterator() {
        let tokens = Tokens::new(&TokenKey::new([7; 32]), &SystemRandomness).unwrap();
        let token = NextToken::Shards(ShardsAfter {
            stream: StreamId(1),
            stream_name: "meters".parse().unwrap(),
            after: ShardId::new(9).unwrap(),
            filter: ShardFilterType::FromTimestamp,
            time: Some(TimestampMs(5)),
        });
        let text = tokens.seal_next(&token, TimestampMs(0));
        assert_eq!(tokens.open_next(&text, TimestampMs(300_000)), Ok(token));
        let expired = tokens.open_next(&text, TimestampMs(300_001));
        assert!(matches!(expired, Err(NextTokenError::Expired { .. })));
        assert!(tokens.open_iterator(&text, TimestampMs(0)).is_err());
        let garbage = tokens.open_next("garbage", TimestampMs(0));
        assert_eq!(garbage, Err(NextTokenError::Invalid));
    }
}
