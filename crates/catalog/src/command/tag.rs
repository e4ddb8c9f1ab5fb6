//! Commands about the tags of whatever has some.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::consumer::ConsumerKey;
use crate::stream::StreamId;

/// What can be done to tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TagCommand {
    /// Adds tags, and gives new values to those that are there.
    AddTags {
        /// What carries them.
        resource: Tagged,
        /// Keys and values.
        tags: BTreeMap<String, String>,
    },
    /// Takes tags away.
    RemoveTags {
        /// What carries them.
        resource: Tagged,
        /// Their keys; those that are not there are passed over.
        keys: BTreeSet<String>,
    },
}

impl TagCommand {
    /// The stored names.
    pub(crate) const NAMES: &'static [&'static str] = &["add_tags", "remove_tags"];
}

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
