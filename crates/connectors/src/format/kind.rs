//! What a column may be declared to hold.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use super::cells::{Cell, EXACT_MAX, text_of};
use crate::moment;

/// What a column holds. Each cell may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// An integer of 64 bits.
    Long,
    /// A float of 64 bits.
    Double,
    /// A text as it is, anything else as JSON.
    String,
    /// Anything, as JSON.
    Json,
    /// A time: RFC 3339, or seconds or milliseconds since 1970.
    Timestamp,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "boolean",
            Self::Long => "long",
            Self::Double => "double",
            Self::String => "string",
            Self::Json => "json",
            Self::Timestamp => "timestamp",
        })
    }
}

impl FromStr for Kind {
    type Err = InvalidKind;

    fn from_str(text: &str) -> Result<Self, InvalidKind> {
        let all = [
            Self::Boolean,
            Self::Long,
            Self::Double,
            Self::String,
            Self::Json,
            Self::Timestamp,
        ];
        let named = all.into_iter().find(|kind| kind.to_string() == text);
        named.ok_or_else(|| InvalidKind(text.to_owned()))
    }
}

/// The text names no kind of column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not known: write boolean, long, double, string, json or timestamp")]
pub struct InvalidKind(String);

/// Names and kinds of columns, in order; at least one.
pub type Schema = Vec<(String, Kind)>;

impl Kind {
    /// The value as a cell of this kind, if it is one.
    pub(super) fn cell(self, value: &Value) -> Option<Cell<'_>> {
        match self {
            Self::Boolean => value.as_bool().map(Cell::Boolean),
            Self::Long => {
                let whole = |float: &f64| float.fract() == 0.0 && float.abs() <= EXACT_MAX as f64;
                let of_float = || Some(value.as_f64().filter(whole)? as i64);
                let is_integer = value.is_i64() || value.is_u64();
                let long = value.as_i64();
                long.or_else(|| if is_integer { None } else { of_float() })
                    .map(Cell::Long)
            }
            Self::Double => value.as_f64().map(Cell::Double),
            Self::String => Some(Cell::Text(text_of(value))),
            Self::Json => Some(Cell::Text(value.to_string().into())),
            Self::Timestamp => moment::of_json(value).map(Cell::Long),
        }
    }
}
