//! Items one after the other: JSON lines, CSV, or raw with a length before each.

use serde_json::Value;

use super::{NotWritten, bytes_of};
use crate::Item;

/// How items are written one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lines {
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

impl Lines {
    /// Appends an item.
    ///
    /// # Errors
    /// See [`NotWritten`]; nothing is appended then.
    pub fn append(&self, item: &Item, to: &mut Vec<u8>) -> Result<(), NotWritten> {
        match self {
            Self::Json => {
                match item.value.text() {
                    Some(text) => to.extend_from_slice(text.as_bytes()),
                    None => serde_json::to_writer(&mut *to, &*item.value)
                        .expect("memory takes every value"),
                }
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
    fn three_formats() {
        let csv = Lines::Csv {
            columns: vec!["a".into(), "b".into(), "c".into()],
        };
        let mut written = Vec::new();
        Lines::Json
            .append(&item(json!({"a": "x\ny"})), &mut written)
            .unwrap();
        csv.append(
            &item(json!({"b": "x,\"y\"", "a": 1.5, "z": 0})),
            &mut written,
        )
        .unwrap();
        Lines::Raw.append(&item(json!("hé")), &mut written).unwrap();
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
