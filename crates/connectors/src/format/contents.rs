//! What one file is to hold.

use super::{Compression, Format, Lines, NotWritten};
use crate::{Item, SinkError};

/// Items of one file.
#[derive(Debug, Clone)]
pub(crate) enum Contents {
    /// As they are written one after the other.
    Lines {
        lines: Lines,
        compression: Compression,
        /// Before they are compressed.
        plain: Vec<u8>,
    },
    /// Taken apart.
    #[cfg(any(feature = "parquet", test))]
    Columns {
        columns: super::columns::Columns,
        /// About how many they take.
        bytes: usize,
        /// Whether pages are, once they are written.
        is_compressed: bool,
    },
}

impl Contents {
    /// Of no items yet.
    pub(crate) fn new(format: &Format) -> Self {
        match format {
            Format::Lines(lines, compression) => Self::Lines {
                lines: lines.clone(),
                compression: *compression,
                plain: Vec::new(),
            },
            #[cfg(any(feature = "parquet", test))]
            Format::Parquet {
                schema,
                is_compressed,
            } => Self::Columns {
                columns: super::columns::Columns::new(schema.as_ref()),
                bytes: 0,
                is_compressed: *is_compressed,
            },
        }
    }

    /// Of JSON that is written already.
    #[cfg(any(feature = "redshift", test))]
    pub(crate) fn of_json(plain: Vec<u8>) -> Self {
        Self::Lines {
            lines: Lines::Json,
            compression: Compression::None,
            plain,
        }
    }

    /// Appends an item.
    ///
    /// # Errors
    /// See [`NotWritten`]; nothing is appended then.
    pub(crate) fn append(&mut self, item: &Item) -> Result<(), NotWritten> {
        match self {
            Self::Lines { lines, plain, .. } => lines.append(item, plain),
            #[cfg(any(feature = "parquet", test))]
            Self::Columns { columns, bytes, .. } => {
                *bytes += columns.append(&item.value)?;
                Ok(())
            }
        }
    }

    /// About how many bytes they take here.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Lines { plain, .. } => plain.len(),
            #[cfg(any(feature = "parquet", test))]
            Self::Columns { bytes, .. } => *bytes,
        }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Lines { plain, .. } => plain.is_empty(),
            #[cfg(any(feature = "parquet", test))]
            Self::Columns { columns, .. } => columns.is_empty(),
        }
    }

    /// The file. The same bytes for the same items, by one release.
    ///
    /// # Errors
    /// If the items cannot be written as a whole.
    pub(crate) fn pack(&self) -> Result<Vec<u8>, SinkError> {
        match self {
            Self::Lines {
                compression, plain, ..
            } => Ok(compression.compress(plain)),
            #[cfg(any(feature = "parquet", test))]
            Self::Columns {
                columns,
                is_compressed,
                ..
            } => {
                let file = super::parquet::write(columns, *is_compressed);
                file.map_err(|error| SinkError::of("Parquet", &error))
            }
        }
    }

    /// Whether a file holds these, by whatever release it was written.
    pub(crate) fn are_in(&self, file: &[u8]) -> bool {
        match self {
            Self::Lines {
                compression, plain, ..
            } => compression.holds(file, plain),
            #[cfg(any(feature = "parquet", test))]
            Self::Columns { columns, .. } => super::parquet::holds(file, columns),
        }
    }
}
