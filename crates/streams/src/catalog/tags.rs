//! Tags of streams and consumers.

use std::collections::{BTreeMap, BTreeSet};

use millstream_types::limits::TAGS_PER_RESOURCE_MAX;
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::{Catalog, ConsumerKey, Rejected, Stream, StreamId};

/// What carries tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tagged {
    /// A stream.
    Stream(StreamId),
    /// A fan-out consumer.
    Consumer {
        /// Its stream.
        stream: StreamId,
        /// Which of the stream's consumers.
        key: ConsumerKey,
    },
}

impl Catalog {
    pub(super) fn add_tags(
        &self,
        resource: &Tagged,
        tags: &BTreeMap<String, String>,
    ) -> Result<Decision, Rejected> {
        self.change_tags(resource, |present| {
            present.extend(tags.clone());
            // The limit may be raised one day, never lowered: a replay must accept what was accepted.
            match present.len() <= TAGS_PER_RESOURCE_MAX {
                true => Ok(()),
                false => Err(Rejected::TooManyTags),
            }
        })
    }

    pub(super) fn remove_tags(
        &self,
        resource: &Tagged,
        keys: &BTreeSet<String>,
    ) -> Result<Decision, Rejected> {
        self.change_tags(resource, |present| {
            present.retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    fn change_tags(
        &self,
        resource: &Tagged,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), Rejected>,
    ) -> Result<Decision, Rejected> {
        let stream = match resource {
            Tagged::Stream(id) => {
                let mut stream = Stream::clone(self.active(*id)?);
                change(&mut stream.tags)?;
                stream
            }
            Tagged::Consumer { stream, key } => {
                let (mut stream, position) = self.stream_and_consumer(*stream, key)?;
                let consumer = &mut stream.consumers[position];
                if consumer.is_changing() {
                    return Err(Rejected::ConsumerNotActive);
                }
                change(&mut consumer.tags)?;
                stream
            }
        };
        Ok(Decision::store(stream))
    }
}
