//! From a record's bytes to values: JSON, CSV, text or raw; compressed data is recognised.

use std::borrow::Cow;
use std::io::Read;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use jaq_json::Val;

use crate::value::{self, Members};

/// How records are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// One JSON value, or several behind each other.
    Json,
    /// Lines of CSV: with column names each is an object of texts, without an array.
    Csv {
        /// Names of the columns.
        columns: Vec<String>,
    },
    /// UTF-8, one text.
    Text,
    /// Any bytes, as a byte string.
    Raw,
}

/// Most bytes of a record once it is decompressed.
pub const PLAIN_BYTES_MAX: usize = 16 * 1024 * 1024;
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Why bytes cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// They begin as compressed data and are none.
    #[error("the data begins as {0} and cannot be decompressed: {1}")]
    Compression(&'static str, String),
    /// They are more than a record may have.
    #[error("the data is more than {PLAIN_BYTES_MAX} bytes once it is decompressed")]
    TooLarge,
    /// They are no JSON.
    #[error("not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// They are no CSV.
    #[error("not CSV: {0}")]
    Csv(#[from] csv::Error),
    /// A line has another number of fields than there are columns.
    #[error("line {line} has {fields} fields, and there are {columns} columns")]
    Fields {
        /// Which line, from 1.
        line: usize,
        /// How many it has.
        fields: usize,
        /// How many there are.
        columns: usize,
    },
    /// They are no UTF-8.
    #[error("not text: byte {0} is not UTF-8")]
    Text(usize),
    /// There is nothing in them.
    #[error("the record is empty")]
    Empty,
}

impl Encoding {
    /// The values of a record, at least one.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn decode(&self, data: &Bytes) -> Result<Vec<Val>, DecodeError> {
        self.decode_sized(data, &Members::All)
            .map(|(values, _)| values)
    }

    /// The values, of which objects of JSON have these members alone, and how many bytes they were once they were
    /// decompressed.
    pub(crate) fn decode_sized(
        &self,
        data: &Bytes,
        members: &Members,
    ) -> Result<(Vec<Val>, usize), DecodeError> {
        let data = decompressed(data)?;
        let bytes = data.len();
        let values = match self {
            Self::Json => value::read(&data, members)?,
            Self::Csv { columns } => csv_values(&data, columns)?,
            Self::Text => match std::str::from_utf8(&data) {
                Ok(_) => vec![Val::utf8_str(data.into_owned())],
                Err(error) => return Err(DecodeError::Text(error.valid_up_to())),
            },
            Self::Raw => vec![Val::byte_str(data.into_owned())],
        };
        if values.is_empty() {
            return Err(DecodeError::Empty);
        }
        Ok((values, bytes))
    }
}

fn decompressed(data: &Bytes) -> Result<Cow<'_, Bytes>, DecodeError> {
    if data.starts_with(GZIP) {
        return bounded("gzip", MultiGzDecoder::new(&data[..])).map(Cow::Owned);
    }
    if data.starts_with(ZSTD) {
        let decoder = ruzstd::decoding::StreamingDecoder::new(&data[..]);
        let decoder =
            decoder.map_err(|error| DecodeError::Compression("zstd", error.to_string()))?;
        return bounded("zstd", decoder).map(Cow::Owned);
    }
    Ok(Cow::Borrowed(data))
}

fn bounded(name: &'static str, from: impl Read) -> Result<Bytes, DecodeError> {
    let mut plain = Vec::new();
    let limit = PLAIN_BYTES_MAX as u64 + 1;
    let read = from.take(limit).read_to_end(&mut plain);
    read.map_err(|error| DecodeError::Compression(name, error.to_string()))?;
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(DecodeError::TooLarge);
    }
    Ok(plain.into())
}

fn csv_values(data: &[u8], columns: &[String]) -> Result<Vec<Val>, DecodeError> {
    let mut lines = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(data);
    let mut values = Vec::new();
    for (index, line) in lines.records().enumerate() {
        let line = line?;
        let fields = line.iter().map(|field| Val::utf8_str(field.to_owned()));
        if columns.is_empty() {
            values.push(fields.collect());
            continue;
        }
        if line.len() != columns.len() {
            return Err(DecodeError::Fields {
                line: index + 1,
                fields: line.len(),
                columns: columns.len(),
            });
        }
        let names = columns.iter().map(|name| Val::utf8_str(name.clone()));
        values.push(Val::obj(names.zip(fields).collect()));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn decode(encoding: &Encoding, data: impl Into<Bytes>) -> Result<String, String> {
        let values = encoding
            .decode(&data.into())
            .map_err(|error| error.to_string())?;
        let shown = values
            .iter()
            .map(|value| value::to_json(value, 1 << 20).unwrap().to_string());
        Ok(shown.collect::<Vec<_>>().join(" "))
    }

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(data: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(data, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn four_encodings() {
        let columns = Encoding::Csv {
            columns: vec!["a".into(), "b".into()],
        };
        let lines = Encoding::Csv {
            columns: Vec::new(),
        };
        for (encoding, data, expected) in [
            (&Encoding::Json, "{\"a\":1}\n2", r#"{"a":1} 2"#),
            (
                &columns,
                "1,\"x,y\"\n2,z",
                r#"{"a":"1","b":"x,y"} {"a":"2","b":"z"}"#,
            ),
            (&lines, "1,2", r#"["1","2"]"#),
            (&Encoding::Text, "hello", r#""hello""#),
            (&Encoding::Raw, "hello", r#""aGVsbG8=""#),
        ] {
            assert_eq!(decode(encoding, data).as_deref(), Ok(expected));
        }
        assert!(
            decode(&columns, "1")
                .unwrap_err()
                .contains("line 1 has 1 fields")
        );
        assert!(
            decode(&Encoding::Json, "{")
                .unwrap_err()
                .contains("not JSON")
        );
        assert!(decode(&Encoding::Json, "").unwrap_err().contains("empty"));
        assert!(
            decode(&Encoding::Text, vec![b'a', 0xff])
                .unwrap_err()
                .contains("byte 1")
        );
    }

    #[test]
    fn compressed_data_is_recognised_and_bounded() {
        for compress in [gzip, zstd] {
            assert_eq!(
                decode(&Encoding::Json, compress(b"[1]")).as_deref(),
                Ok("[1]")
            );
            let bomb = compress(&vec![b' '; PLAIN_BYTES_MAX + 1]);
            assert!(bomb.len() < 1 << 20);
            assert!(
                decode(&Encoding::Json, bomb)
                    .unwrap_err()
                    .contains("more than")
            );
            let mut cut = compress(&vec![b'1'; 5000]);
            cut.truncate(cut.len() / 2);
            assert!(
                decode(&Encoding::Json, cut)
                    .unwrap_err()
                    .contains("cannot be decompressed")
            );
        }
    }
}
