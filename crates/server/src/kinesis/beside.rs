//! What a reader may ask for beside the records, and is told: headers of this server alone. AWS's clients neither send nor
//! read them. A GetRecords asks for one of them at a time.

use http::request::Parts;
use http::{HeaderName, HeaderValue};
use millstream_streams::Behind;
use millstream_types::ShardHeat;
use millstream_wire::hot_keys;

use crate::edge::text_header;

/// A GetRecords with the value `count` is answered with the number of records behind those that it answers, and of their
/// bytes: `records=12; bytes=3456`, and `; estimated` if so.
const BEHIND: &str = "x-millstream-behind";

/// What a reader asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    /// How much lies behind what it gets.
    Behind,
    /// So many of the shard's heaviest keys.
    HotKeys(usize),
}

impl Beside {
    pub(super) fn of(head: &Parts) -> Option<Self> {
        if text_header(head, BEHIND) == "count" {
            return Some(Self::Behind);
        }
        let count = text_header(head, hot_keys::HEADER).parse().ok()?;
        Some(Self::HotKeys(hot_keys::KEYS_MAX.min(count)))
    }
}

/// What it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Behind(Behind),
    Heat(ShardHeat),
}

impl Told {
    pub(super) fn header(&self) -> (HeaderName, HeaderValue) {
        let (name, text) = match self {
            Self::Behind(behind) => {
                let Behind {
                    records,
                    bytes,
                    is_exact,
                } = behind;
                let estimated = if *is_exact { "" } else { "; estimated" };
                let text = format!("records={records}; bytes={bytes}{estimated}");
                (BEHIND, text)
            }
            Self::Heat(heat) => (hot_keys::HEADER, hot_keys::encode(heat)),
        };
        let value = HeaderValue::from_str(&text).expect("digits, words and base64");
        (HeaderName::from_static(name), value)
    }
}
