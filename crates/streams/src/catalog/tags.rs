//! Tags of streams.

use std::collections::{BTreeMap, BTreeSet};

use millstream_types::limits::TAGS_PER_RESOURCE_MAX;
use serde::{Deserialize, Serialize};

use super::decide::Decision;
use super::{Catalog, Rejected, Stream, StreamId};

/// What carries tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tagged {
    /// A stream.
    Stream(StreamId),
}

impl Catalog {
    pub(super) fn add_tags(
        &self,
        resource: Tagged,
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
        resource: Tagged,
        keys: &BTreeSet<String>,
    ) -> Result<Decision, Rejected> {
        self.change_tags(resource, |present| {
            present.retain(|key, _| !keys.contains(key));
            Ok(())
        })
    }

    fn change_tags(
        &self,
        resource: Tagged,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), Rejected>,
    ) -> Result<Decision, Rejected> {
        let Tagged::Stream(id) = resource;
        let mut stream = Stream::clone(self.active(id)?);
        change(&mut stream.tags)?;
        Ok(Decision::store(stream))
    }
}
