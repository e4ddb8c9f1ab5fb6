//! A record as a tuple.

use std::time::UNIX_EPOCH;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millstream_consumer::Record;
use serde_json::Value;

/// What a tuple may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Field {
    /// SHARD:SEQUENCE, the same however often the record comes
    Id,
    /// The partition key
    PartitionKey,
    /// The data
    Data,
    /// The sequence number
    SequenceNumber,
    /// The shard
    ShardId,
    /// When the stream took the record, in milliseconds since 1970; null if it does not say
    ArrivedMs,
}

/// How the data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum DataForm {
    /// As text; it must be UTF-8
    Text,
    /// As the JSON value that it is
    Json,
    /// In Base64
    Base64,
}

/// What each tuple has.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) fields: Vec<Field>,
    pub(super) data: DataForm,
}

/// The tuple's id.
pub(super) fn id_of(shard_id: &str, record: &Record) -> String {
    let number = record.sequence_number();
    match record.place.sub_sequence_number() {
        0 => format!("{shard_id}:{number}"),
        sub => format!("{shard_id}:{number}:{sub}"),
    }
}

impl Layout {
    /// The values of a record's tuple, or why it has none.
    pub(super) fn values(&self, shard_id: &str, record: &Record) -> Result<Vec<Value>, String> {
        let value = |field: &Field| {
            Ok(match field {
                Field::Id => id_of(shard_id, record).into(),
                Field::PartitionKey => record.partition_key.clone().into(),
                Field::Data => self.data.value(&record.data)?,
                Field::SequenceNumber => record.sequence_number().into(),
                Field::ShardId => shard_id.into(),
                Field::ArrivedMs => {
                    let since = record
                        .arrived_at
                        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                    let ms = since.and_then(|since| u64::try_from(since.as_millis()).ok());
                    ms.map_or(Value::Null, Value::from)
                }
            })
        };
        self.fields.iter().map(value).collect()
    }
}

impl DataForm {
    fn value(self, data: &[u8]) -> Result<Value, String> {
        match self {
            Self::Text => std::str::from_utf8(data)
                .map(Value::from)
                .map_err(|error| format!("the data is no text: {error}")),
            Self::Json => serde_json::from_slice(data)
                .map_err(|error| format!("the data is no JSON: {error}")),
            Self::Base64 => Ok(STANDARD.encode(data).into()),
        }
    }
}
