//! A tag in an answer.

use serde::Serialize;

/// A tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// Unique on its stream or consumer.
    pub key: String,
    /// May be empty.
    pub value: String,
}
