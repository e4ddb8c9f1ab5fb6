//! The policy of a stream: the text that its owner wrote, and what it means.

use std::borrow::Cow;
use std::sync::Arc;

use millstream_policy::{InvalidPolicy, Kind, Policy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A policy that is attached to a stream. Stored as its text; a text that was understood once must be understood by
/// every later version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourcePolicy {
    text: Arc<str>,
    policy: Arc<Policy>,
}

impl ResourcePolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// If anything in it is not understood.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let policy = Policy::parse(Kind::Resource, text)?;
        Ok(Self {
            text: text.into(),
            policy: Arc::new(policy),
        })
    }

    /// As its owner wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it means.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl Serialize for ResourcePolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for ResourcePolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Catalog, Command, CommandEntry, ConsumerCommand, ConsumerKey, CreatedLog, Rejected,
        StreamCommand, StreamId, StreamKey, StreamSpec,
    };
    use millstream_log::Place;
    use millstream_types::{ShardId, StreamMode, TimestampMs};

    const TEXT: &str =
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}"#;

    fn apply(catalog: &mut Catalog, command: Command) -> Result<(), Rejected> {
        let entry = CommandEntry::new(TimestampMs(1_793_620_837_250), command);
        catalog.apply(&entry).map(drop)
    }

    fn with_stream() -> (Catalog, StreamId) {
        let mut catalog = Catalog::default();
        let stream = StreamSpec {
            key: StreamKey {
                account: "210987654321".parse().unwrap(),
                region: "eu-west-1".parse().unwrap(),
                name: "meters".parse().unwrap(),
            },
            mode: StreamMode::Provisioned,
            shard_count: 1,
            retention_hours: 24,
            max_record_size_kib: 1024,
            tags: Default::default(),
            warm_throughput_mibps: None,
            record_distribution: Default::default(),
        };
        let begin = Command::Stream(StreamCommand::BeginCreateStream {
            stream,
            account_shards_max: None,
        });
        apply(&mut catalog, begin).unwrap();
        (catalog, StreamId(1))
    }

    fn finish(catalog: &mut Catalog, id: StreamId) {
        let logs = vec![CreatedLog {
            shard: ShardId::new(0).unwrap(),
            place: Place::from_bytes([0; 24]),
        }];
        apply(
            catalog,
            Command::Stream(StreamCommand::FinishCreateStream { id, logs }),
        )
        .unwrap();
    }

    #[test]
    fn commands_are_frozen() {
        let id = StreamId(3);
        let policy = ResourcePolicy::parse(TEXT).unwrap();
        let quoted = serde_json::to_string(TEXT).unwrap();
        let consumer = ConsumerKey {
            name: "billing".parse().unwrap(),
            created_s: 7,
        };
        let key = r#"{"name":"billing","created_s":7}"#;
        for (command, text) in [
            (
                Command::Stream(StreamCommand::PutResourcePolicy {
                    id,
                    policy: policy.clone(),
                }),
                format!(r#"{{"put_resource_policy":{{"id":3,"policy":{quoted}}}}}"#),
            ),
            (
                Command::Stream(StreamCommand::DeleteResourcePolicy { id }),
                r#"{"delete_resource_policy":{"id":3}}"#.into(),
            ),
            (
                Command::Consumer(ConsumerCommand::PutConsumerPolicy {
                    id,
                    consumer: consumer.clone(),
                    policy,
                }),
                format!(
                    r#"{{"put_consumer_policy":{{"id":3,"consumer":{key},"policy":{quoted}}}}}"#
                ),
            ),
            (
                Command::Consumer(ConsumerCommand::DeleteConsumerPolicy { id, consumer }),
                format!(r#"{{"delete_consumer_policy":{{"id":3,"consumer":{key}}}}}"#),
            ),
        ] {
            let entry = CommandEntry::new(TimestampMs(1), command);
            let stored = format!(r#"{{"v":1,"at_ms":1,"command":{text}}}"#);
            assert_eq!(std::str::from_utf8(&entry.encode()).unwrap(), stored);
            assert_eq!(CommandEntry::decode(stored.as_bytes()).unwrap(), entry);
        }
        let unknown =
            r#"{"v":1,"at_ms":1,"command":{"put_resource_policy":{"id":3,"policy":"{}"}}}"#;
        assert!(CommandEntry::decode(unknown.as_bytes()).is_err());
    }

    #[test]
    fn a_policy_is_put_replaced_taken_away_and_survives_a_snapshot() {
        let (mut catalog, id) = with_stream();
        let put = |text: &str| {
            Command::Stream(StreamCommand::PutResourcePolicy {
                id,
                policy: ResourcePolicy::parse(text).unwrap(),
            })
        };
        let delete = Command::Stream(StreamCommand::DeleteResourcePolicy { id });
        let creating = apply(&mut catalog, put(TEXT)).unwrap_err();
        assert!(matches!(creating, Rejected::NotActive(_)));
        finish(&mut catalog, id);
        assert_eq!(
            apply(&mut catalog, delete.clone()),
            Err(Rejected::NoResourcePolicy)
        );
        let without = catalog.encode();
        assert!(!without.windows(6).any(|bytes| bytes == b"policy"));
        for text in [TEXT, &TEXT.replace("Allow", "Deny")] {
            apply(&mut catalog, put(text)).unwrap();
            let stream = catalog.get(id).unwrap();
            assert_eq!(stream.policy.as_ref().unwrap().text(), text);
            assert_eq!(Catalog::decode(&catalog.encode()).unwrap(), catalog);
        }
        apply(&mut catalog, delete).unwrap();
        assert_eq!(catalog.encode(), without);
        let missing = Command::Stream(StreamCommand::DeleteResourcePolicy { id: StreamId(9) });
        assert_eq!(apply(&mut catalog, missing), Err(Rejected::NoSuchStream));
    }
}
