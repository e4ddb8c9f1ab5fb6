//! Tags of streams and consumers.

use std::collections::{BTreeMap, BTreeSet};

use millstream_types::limits::TAGS_PER_RESOURCE_MAX;

use crate::catalog::Catalog;
use crate::command::{TagCommand, Tagged};
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::stream::Stream;

impl Catalog {
    pub(super) fn decide_tags(&self, command: &TagCommand) -> Result<Decision, Rejected> {
        match command {
            TagCommand::AddTags { resource, tags } => self.add_tags(resource, tags),
            TagCommand::RemoveTags { resource, keys } => self.remove_tags(resource, keys),
        }
    }

    fn add_tags(
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

    fn remove_tags(
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
