//! `stream`: items as records of another stream, by the producer library. At least once.

use millstream_producer::{BuildError, NotAccepted, Producer, Settings, UserRecord};

use crate::format::bytes_of;
use crate::{FieldPath, Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// Longest partition key of the API, in characters.
const KEY_CHARS_MAX: usize = 256;
/// Largest record that another stream may take.
const RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Opens sinks that put on a stream.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Puts the records.
    pub producer: Producer,
    /// The field that becomes the partition key; without it, or where it is missing, the record's own.
    pub key: Option<FieldPath>,
}

impl Stream {
    /// The stream of this name.
    ///
    /// # Errors
    /// If it is no name of a stream.
    pub fn to(
        name: &str,
        client: aws_sdk_kinesis::Client,
        key: Option<FieldPath>,
    ) -> Result<Self, BuildError> {
        let settings = Settings::default().max_user_record_size_bytes(RECORD_BYTES_MAX);
        let producer = Producer::builder(name)
            .client(client)
            .settings(settings)
            .build()?;
        Ok(Self { producer, key })
    }
}

impl Opener for Stream {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(StreamSink(self.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }
}

#[derive(Debug)]
struct StreamSink(Stream);

impl StreamSink {
    fn record(&self, item: &Item) -> UserRecord {
        let key = self.0.key.as_ref().and_then(|key| key.text_of(&item.value));
        let key = key
            .filter(|key| !key.is_empty())
            .unwrap_or_else(|| item.origin.partition_key.clone());
        let key: String = key.chars().take(KEY_CHARS_MAX).collect();
        UserRecord::new(key, bytes_of(item))
    }
}

impl Sink for StreamSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let mut under_way = Vec::with_capacity(items.len());
            for item in items {
                under_way.push(self.0.producer.put(self.record(item)).await);
            }
            let mut outcomes = Vec::with_capacity(items.len());
            for delivery in under_way {
                outcomes.push(match delivery {
                    Ok(delivery) => match delivery.await {
                        Ok(_) => Outcome::Delivered,
                        Err(error) => Outcome::Again(error.to_string()),
                    },
                    Err(error @ (NotAccepted::PartitionKey(_) | NotAccepted::TooLarge { .. })) => {
                        Outcome::Rejected(error.to_string())
                    }
                    Err(error) => Outcome::Again(error.to_string()),
                });
            }
            Ok(outcomes)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use millstream_producer::MemoryStream;
    use serde_json::json;

    use super::*;
    use crate::Origin;

    #[tokio::test(start_paused = true)]
    async fn a_field_becomes_the_partition_key_and_what_is_too_large_is_rejected() {
        let stream = MemoryStream::new(2);
        let producer = Producer::builder("to")
            .transport(Arc::new(stream.clone()))
            .build()
            .unwrap();
        let to = Stream {
            producer,
            key: Some(".ticker".parse().unwrap()),
        };
        let origin = Arc::new(Origin {
            shard_id: "s".into(),
            sequence_number: "1".into(),
            sub_sequence_number: 0,
            partition_key: "own".into(),
            arrived_ms: 0,
            data: Default::default(),
        });
        let values = [
            json!({"ticker": "AMZN"}),
            json!({"x": 1}),
            json!("x".repeat(2 << 20)),
        ];
        let items = values.into_iter().enumerate().map(|(index, value)| {
            Item::of_record("from", Arc::clone(&origin), index, value, None, 8)
        });
        let items: Vec<Item> = items.collect();
        let outcomes = to.open("s").deliver(&items).await.unwrap();
        assert_eq!(outcomes[..2], [Outcome::Delivered, Outcome::Delivered]);
        assert!(
            matches!(&outcomes[2], Outcome::Rejected(why) if why.contains("bytes")),
            "{outcomes:?}"
        );
        let mut keys: Vec<String> = stream
            .user_records()
            .into_iter()
            .map(|record| record.partition_key)
            .collect();
        keys.sort();
        assert_eq!(keys, ["AMZN", "own"]);
    }
}
