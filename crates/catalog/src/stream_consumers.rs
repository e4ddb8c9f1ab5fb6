//! The consumers of a stream.

use millstream_types::ConsumerArn;

use crate::consumer::{Consumer, ConsumerKey};
use crate::stream::Stream;

impl Stream {
    /// The consumer with this name.
    pub fn consumer(&self, name: &str) -> Option<&Consumer> {
        let by_name = |consumer: &Consumer| consumer.key.name.as_str().cmp(name);
        let position = self.consumers.binary_search_by(by_name).ok()?;
        self.consumers.get(position)
    }

    /// The consumer with this name and second.
    pub fn consumer_of(&self, key: &ConsumerKey) -> Option<&Consumer> {
        let consumer = self.consumer(key.name.as_str())?;
        (consumer.key == *key).then_some(consumer)
    }

    /// The ARN of one of its consumers.
    pub fn consumer_arn(&self, key: &ConsumerKey) -> ConsumerArn {
        ConsumerArn {
            stream: self.arn(),
            consumer: key.name.clone(),
            created_s: key.created_s,
        }
    }

    /// Creation second of its youngest shard or consumer, removed ones included: whatever follows is younger.
    pub(crate) fn last_second(&self) -> u64 {
        let consumers = self.consumers.iter().map(|one| one.key.created_s);
        let youngest_s = consumers.max().unwrap_or(0);
        youngest_s
            .max(self.consumers_floor_s)
            .max(self.last_created_s)
    }
}
