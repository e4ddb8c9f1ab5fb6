//! How items are written one after the other: JSON lines, CSV, or raw with a length before each.

use std::io::{Read, Write};

use serde_json::Value;

use crate::Item;

/// How items are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// One JSON value per line.
    Json,
    /// Lines of CSV, without a header: these fields, in this order. A field that is missing or null is empty.
    Csv {
        /// Names of the fields.
        columns: Vec<String>,
    },
    /// Four bytes of length, most significant first, then the bytes: raw data as it is, a text's bytes, anything else as
    /// JSON.
    Raw,
}

/// Whether and how the whole is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
}

/// Why an item cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWritten {
    /// CSV needs objects.
    #[error("only an object has the fields of a line of CSV")]
    NoObject,
    /// Longer than four bytes can say.
    #[error("the item is longer than 4 GiB")]
    TooLong,
}

impl Format {
    /// Appends an item.
    ///
    /// # Errors
    /// See [`NotWritten`]; nothing is appended then.
    pub fn append(&self, item: &Item, to: &mut Vec<u8>) -> Result<(), NotWritten> {
        match self {
            Self::Json => {
                serde_json::to_writer(&mut *to, &*item.value).expect("memory takes every value");
                to.push(b'\n');
            }
            Self::Csv { columns } => {
                let object = item.value.as_object().ok_or(NotWritten::NoObject)?;
                let fields = columns.iter().map(|name| match object.get(name) {
                    None | Some(Value::Null) => String::new(),
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                });
                let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
                let written = writer
                    .write_record(fields)
                    .ok()
                    .and_then(|()| writer.into_inner().ok());
                to.extend(written.expect("memory takes every line"));
            }
            Self::Raw => {
                let bytes = bytes_of(item);
                let length = u32::try_from(bytes.len()).map_err(|_| NotWritten::TooLong)?;
                to.extend_from_slice(&length.to_be_bytes());
                to.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    /// What names of files end in.
    pub fn extension(&self) -> &'static str {
        match self {
            Self::Json => "jsonl",
            Self::Csv { .. } => "csv",
            Self::Raw => "raw",
        }
    }
}

/// The bytes of an item that stands alone: raw data as it is, a text's bytes, anything else as JSON.
pub fn bytes_of(item: &Item) -> Vec<u8> {
    match (&item.raw, &*item.value) {
        (Some(raw), _) => raw.to_vec(),
        (None, Value::String(text)) => text.as_bytes().to_vec(),
        (None, other) => other.to_string().into_bytes(),
    }
}

impl Compression {
    /// The whole, compressed. The same bytes for the same input, by one release.
    pub fn compress(self, plain: &[u8]) -> Vec<u8> {
        match self {
            Self::None => plain.to_vec(),
            Self::Gzip => {
                let mut encoder =
                    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let written = encoder.write_all(plain).and_then(|()| encoder.finish());
                written.expect("memory takes every byte")
            }
            Self::Zstd => {
                let level = ruzstd::encoding::CompressionLevel::Fastest;
                ruzstd::encoding::compress_to_vec(plain, level)
            }
        }
    }

    /// Whether the packed bytes hold this, by whatever release they were compressed.
    pub(crate) fn holds(self, packed: &[u8], plain: &[u8]) -> bool {
        if packed == self.compress(plain) {
            return true;
        }
        let mut found = Vec::new();
        let limit = plain.len() as u64 + 1;
        let read = match self {
            Self::None => return false,
            Self::Gzip => flate2::read::MultiGzDecoder::new(packed)
                .take(limit)
                .read_to_end(&mut found),
            Self::Zstd => match ruzstd::decoding::StreamingDecoder::new(packed) {
                Ok(decoder) => decoder.take(limit).read_to_end(&mut found),
                Err(_) => return false,
            },
        };
        read.is_ok() && found == plain
    }

    /// What names of files end in behind the format's extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::Origin;

    fn item(value: Value) -> Item {
        let origin = Origin {
            shard_id: "s".into(),
            sequence_number: "1".into(),
            sub_sequence_number: 0,
            partition_key: "k".into(),
            arrived_ms: 0,
            data: Default::default(),
        };
        Item::of_record("t", Arc::new(origin), 0, value, None, 0)
    }

    #[test]
    fn what_was_compressed_otherwise_holds_the_same() {
        let plain = b"one line\nanother\n".repeat(50);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        encoder.write_all(&plain).unwrap();
        let other = encoder.finish().unwrap();
        assert!(other != Compression::Gzip.compress(&plain));
        assert!(Compression::Gzip.holds(&other, &plain));
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let packed = compression.compress(&plain);
            assert!(compression.holds(&packed, &plain));
            assert!(!compression.holds(&packed, &plain[1..]));
            assert!(!compression.holds(&packed[..packed.len() / 2], &plain));
            assert!(!compression.holds(b"", &plain));
        }
    }

    #[test]
    fn three_formats() {
        let csv = Format::Csv {
            columns: vec!["a".into(), "b".into(), "c".into()],
        };
        let mut written = Vec::new();
        Format::Json
            .append(&item(json!({"a": "x\ny"})), &mut written)
            .unwrap();
        csv.append(
            &item(json!({"b": "x,\"y\"", "a": 1.5, "z": 0})),
            &mut written,
        )
        .unwrap();
        Format::Raw
            .append(&item(json!("hé")), &mut written)
            .unwrap();
        let expected = [
            &b"{\"a\":\"x\\ny\"}\n1.5,\"x,\"\"y\"\"\",\n\0\0\0\x03"[..],
            "hé".as_bytes(),
        ]
        .concat();
        assert_eq!(written, expected);
        assert_eq!(
            csv.append(&item(json!([1])), &mut written),
            Err(NotWritten::NoObject)
        );
    }
}
