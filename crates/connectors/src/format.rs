//! How items are written into a file: one after the other, or as columns.

#[cfg(any(feature = "parquet", test))]
mod cells;
#[cfg(any(feature = "parquet", test))]
mod columns;
mod compression;
mod contents;
#[cfg(any(feature = "parquet", test))]
mod kind;
mod lines;
#[cfg(any(feature = "parquet", test))]
mod parquet;

use serde_json::Value;

pub use compression::Compression;
pub(crate) use contents::Contents;
#[cfg(any(feature = "parquet", test))]
pub use kind::{InvalidKind, Kind, Schema};
pub use lines::Lines;

use crate::Item;

/// How a file of items is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One after the other, and the whole compressed or not.
    Lines(Lines, Compression),
    /// Apache Parquet: an object is a row, and what it lacks is null.
    #[cfg(any(feature = "parquet", test))]
    Parquet {
        /// Its columns; without it those that the rows of each file have, each as wide as its values.
        schema: Option<Schema>,
        /// Whether its pages are compressed, with Snappy.
        is_compressed: bool,
    },
}

impl Format {
    /// What names of files end in.
    pub fn extension(&self) -> String {
        match self {
            Self::Lines(lines, compression) => {
                format!("{}{}", lines.extension(), compression.extension())
            }
            #[cfg(any(feature = "parquet", test))]
            Self::Parquet { .. } => "parquet".to_owned(),
        }
    }
}

/// Why an item cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// CSV and columns need objects.
    #[error("only an object has fields")]
    NoObject,
    /// Columns need one.
    #[cfg(any(feature = "parquet", test))]
    #[error("an object without members has no column")]
    NoMembers,
    /// With this item a file would have more.
    #[cfg(any(feature = "parquet", test))]
    #[error("the file has more than {0} columns: give it a schema")]
    Columns(usize),
    /// The value is not of the kind that the schema says.
    #[cfg(any(feature = "parquet", test))]
    #[error("{column} is no {kind}")]
    Kind {
        /// Of which column.
        column: String,
        /// What it should be.
        kind: Kind,
    },
    /// Longer than four bytes can say.
    #[error("the item is longer than 4 GiB")]
    TooLong,
}

/// The bytes of an item that stands alone: raw data as it is, a text's bytes, anything else as JSON.
pub fn bytes_of(item: &Item) -> Vec<u8> {
    // Anything but a text is written as it is.
    let text = item.value.text().filter(|text| !text.starts_with('"'));
    if let (None, Some(text)) = (&item.raw, text) {
        return text.as_bytes().to_vec();
    }
    match (&item.raw, &*item.value) {
        (Some(raw), _) => raw.to_vec(),
        (None, Value::String(text)) => text.as_bytes().to_vec(),
        (None, other) => other.to_string().into_bytes(),
    }
}
