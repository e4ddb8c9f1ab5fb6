//! What the first stage hands to the second: partial results over an exact range of one shard's records.

use millstream_consumer::ExtendedSequenceNumber;
use serde::{Deserialize, Serialize};

use super::partial::Partial;

/// Version of the form in which pieces travel.
const VERSION: u32 = 1;

/// The partial results of one shard over all records after `after` (from the start of the shard without it) up to and
/// including `up_to`. Without records in between (`after` is `up_to`) it only says how far the shard has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Version of this form.
    #[serde(rename = "v")]
    pub version: u32,
    /// What the windows compute: pieces of other windows are refused.
    pub plan: String,
    /// The shard of the source.
    pub shard: String,
    /// The record before the first one, if there is one.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "place")]
    pub after: Option<ExtendedSequenceNumber>,
    /// The last record; none if there was none yet.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "place")]
    pub up_to: Option<ExtendedSequenceNumber>,
    /// Every record of the shard that arrived before this moment, in milliseconds since 1970, is at or before `up_to`.
    pub passed_ms: i64,
    /// By start of the window, in milliseconds since 1970.
    pub windows: Vec<(i64, Vec<Group>)>,
}

/// The partial results of the records of one window and one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The key's JSON.
    pub by: String,
    /// One for each value of the window.
    pub partials: Vec<Partial>,
}

/// Why bytes are no piece.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPiece {
    /// They are something else.
    #[error("the record on the intermediate stream is no piece of a window: {0}")]
    Json(#[from] serde_json::Error),
    /// A later release wrote it.
    #[error("the piece is of version {0}, which this release does not know")]
    Version(u32),
}

impl Piece {
    /// A piece without windows.
    pub fn empty(plan: &str, shard: &str) -> Self {
        Self {
            version: VERSION,
            plan: plan.to_owned(),
            shard: shard.to_owned(),
            after: None,
            up_to: None,
            passed_ms: i64::MIN,
            windows: Vec::new(),
        }
    }

    /// As it travels.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a piece has only plain members")
    }

    /// Reads one back.
    ///
    /// # Errors
    /// See [`InvalidPiece`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidPiece> {
        let piece: Self = serde_json::from_slice(bytes)?;
        if piece.version != VERSION {
            return Err(InvalidPiece::Version(piece.version));
        }
        Ok(piece)
    }

    /// Whether it covers records.
    pub fn has_records(&self) -> bool {
        self.after != self.up_to
    }
}

/// Places as text.
pub(super) mod place {
    use millstream_consumer::ExtendedSequenceNumber;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        place: &Option<ExtendedSequenceNumber>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match place {
            Some(place) => serializer.collect_str(place),
            None => serializer.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ExtendedSequenceNumber>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}
