//! From a record of the input to a record of the stream.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use millstream_producer::{HashKey, UserRecord};
use serde_json::{Map, Value, json};

use crate::output::data_member;

/// What the records of an input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum InputFormat {
    /// Every line is the data of a record. A line's end (LF or CR LF) does not belong to it
    Lines,
    /// Every line is a JSON value, and the data of a record
    Json,
    /// Every record's data is behind its length: 4 bytes, big-endian
    LengthPrefixed,
    /// Every line is a record as `records get --json` and --failed-to write it, with its partition key
    Records,
}

/// A member of a JSON object, or of an object in it: `.ticker`, `.trade.ticker`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field(Vec<String>);

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.strip_prefix('.').unwrap_or_default().split('.');
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.iter().any(String::is_empty) {
            return Err("write it as .member, or .member.member of an object in it".to_owned());
        }
        Ok(Self(names))
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

/// How records get their data and their keys.
#[derive(Debug)]
pub(super) struct RecordMaker {
    pub(super) format: InputFormat,
    pub(super) is_base64: bool,
    pub(super) partition_key: Option<String>,
    pub(super) key: Option<Field>,
    pub(super) explicit_hash_key: Option<HashKey>,
}

impl RecordMaker {
    /// The record; or what is wrong with it.
    pub(super) fn record(&self, text: Bytes) -> Result<UserRecord, String> {
        if self.format == InputFormat::Records {
            return self.record_of_json(&text);
        }
        let data: Bytes = if self.is_base64 {
            BASE64_STANDARD
                .decode(text.trim_ascii())
                .map_err(|error| format!("is not base64: {error}"))?
                .into()
        } else {
            text
        };
        let partition_key = match (&self.partition_key, &self.key) {
            (Some(partition_key), _) => partition_key.clone(),
            (None, Some(field)) => key_of(field, &parse(&data)?)?,
            (None, None) => {
                if self.format == InputFormat::Json {
                    parse(&data)?;
                }
                random_key()
            }
        };
        Ok(UserRecord {
            explicit_hash_key: self.explicit_hash_key,
            ..UserRecord::new(partition_key, data)
        })
    }

    fn record_of_json(&self, text: &[u8]) -> Result<UserRecord, String> {
        let Value::Object(members) = parse(text)? else {
            return Err("is not a JSON object".to_owned());
        };
        let text_of = |name| members.get(name).and_then(Value::as_str);
        let data = match (text_of("Data"), text_of("DataBase64")) {
            (Some(text), None) => text.as_bytes().to_vec(),
            (None, Some(base64)) => BASE64_STANDARD
                .decode(base64)
                .map_err(|error| format!("has a DataBase64 that is not base64: {error}"))?,
            _ => return Err("has not exactly one of the members Data and DataBase64".to_owned()),
        };
        let explicit_hash_key = match text_of("ExplicitHashKey") {
            Some(text) => Some(
                text.parse()
                    .map_err(|error| format!("has a bad ExplicitHashKey: {error}"))?,
            ),
            None => self.explicit_hash_key,
        };
        let given = self.partition_key.as_deref();
        let partition_key = given.or(text_of("PartitionKey")).map(str::to_owned);
        Ok(UserRecord {
            explicit_hash_key,
            ..UserRecord::new(partition_key.unwrap_or_else(random_key), data)
        })
    }
}

fn random_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn parse(text: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(text).map_err(|error| format!("is not JSON: {error}"))
}

fn key_of(field: &Field, value: &Value) -> Result<String, String> {
    let mut found = Some(value);
    for name in &field.0 {
        found = found.and_then(|value| value.get(name));
    }
    match found {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(format!(
            "has a {field} that is no text, number or truth value"
        )),
        None => Err(format!("has no {field}")),
    }
}

/// A record that was not stored, as a line that [`InputFormat::Records`] reads.
pub(super) fn failed_line(record: &UserRecord, code: &str, message: &str) -> String {
    let mut members = Map::new();
    // What never was a record has none.
    if !record.partition_key.is_empty() {
        members.insert("PartitionKey".to_owned(), json!(record.partition_key));
    }
    if let Some(hash_key) = record.explicit_hash_key {
        members.insert("ExplicitHashKey".to_owned(), json!(hash_key.to_string()));
    }
    let (name, data) = data_member(&record.data);
    members.insert(name.to_owned(), data);
    members.insert("ErrorCode".to_owned(), json!(code));
    members.insert("ErrorMessage".to_owned(), json!(message));
    Value::Object(members).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maker(format: InputFormat, key: Option<&str>) -> RecordMaker {
        RecordMaker {
            format,
            is_base64: false,
            partition_key: None,
            key: key.map(|key| key.parse().unwrap()),
            explicit_hash_key: None,
        }
    }

    #[test]
    fn a_key_comes_from_a_field_of_any_depth() {
        let key = |field, text: &str| {
            let record = maker(InputFormat::Json, Some(field))
                .record(Bytes::copy_from_slice(text.as_bytes()));
            record.map(|record| record.partition_key)
        };
        let line = r#"{"ticker":"AMZN","trade":{"id":7,"open":true},"none":null}"#;
        assert_eq!(key(".ticker", line), Ok("AMZN".into()));
        assert_eq!(key(".trade.id", line), Ok("7".into()));
        assert_eq!(key(".trade.open", line), Ok("true".into()));
        assert_eq!(key(".missing", line), Err("has no .missing".into()));
        assert!(key(".none", line).unwrap_err().contains("no text"));
        assert!(key(".ticker", "AMZN").unwrap_err().contains("not JSON"));
        for bad in ["ticker", ".", "", ".a..b"] {
            assert!(bad.parse::<Field>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_failed_is_read_again_as_it_was() {
        let records = [
            UserRecord::new("k", "text \u{1f40e}"),
            UserRecord {
                explicit_hash_key: Some(HashKey::MAX),
                ..UserRecord::new("k", vec![0xff, 0])
            },
        ];
        for record in records {
            let line = failed_line(&record, "Code", "it\nsays");
            assert!(!line.contains('\n'));
            let again = maker(InputFormat::Records, None).record(line.into());
            assert_eq!(again, Ok(record));
        }
        let bad = maker(InputFormat::Records, None).record(Bytes::from("{}"));
        assert!(bad.unwrap_err().contains("exactly one"));
    }
}
