//! Where records go that cannot be processed.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{BoxError, ExtendedSequenceNumber, Record};

#[cfg(any(test, feature = "testing"))]
pub(crate) mod memory;

/// Longest cause in a dead letter, in bytes.
const CAUSE_BYTES_MAX: usize = 8 * 1024;

/// What [`DeadLetters::park`] returns. It borrows nothing.
pub type ParkFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// Keeps records that could not be processed, so that the shard can go on.
///
/// A record counts as parked once the future says `Ok`; until then it is tried again, and the shard waits. A record
/// may be parked more than once: when the answer is lost, or when the lease is lost before the next checkpoint.
pub trait DeadLetters: Send + Sync + fmt::Debug {
    /// Keeps the record durably.
    fn park(&self, parked: ParkedRecord) -> ParkFuture;
}

/// A record that could not be processed, and why.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRecord {
    /// The application that could not process it.
    pub application: String,
    /// The stream that it came from.
    pub stream: String,
    /// The shard that it came from.
    pub shard_id: String,
    /// The record.
    pub record: Record,
    /// The last error, in words.
    pub cause: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// The first line of a dead letter.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    application: String,
    stream: String,
    shard_id: String,
    sequence_number: String,
    sub_sequence_number: u64,
    partition_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_hash_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrived_at_ms: Option<u64>,
    attempts: u32,
    cause: String,
}

/// The bytes are no dead letter.
#[derive(Debug, thiserror::Error)]
#[error("not a dead letter: {0}")]
pub struct InvalidDeadLetter(String);

impl ParkedRecord {
    /// A dead letter of a processor that parks records itself. A long cause is cut to what fits.
    pub fn new(
        application: impl Into<String>,
        stream: impl Into<String>,
        shard_id: impl Into<String>,
        record: Record,
        cause: impl Into<String>,
        attempts: u32,
    ) -> Self {
        Self {
            application: application.into(),
            stream: stream.into(),
            shard_id: shard_id.into(),
            record,
            cause: Self::cut(cause.into()),
            attempts,
        }
    }

    /// The dead letter: one line of JSON with where the record came from and why it is here, and after the line feed
    /// the record's own bytes, unchanged.
    pub fn to_bytes(&self) -> Vec<u8> {
        let record = &self.record;
        let arrived = record.arrived_at.map(|at| {
            let since = at.duration_since(SystemTime::UNIX_EPOCH);
            u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
        });
        let head = Head {
            application: self.application.clone(),
            stream: self.stream.clone(),
            shard_id: self.shard_id.clone(),
            sequence_number: record.sequence_number().to_owned(),
            sub_sequence_number: record.place.sub_sequence_number(),
            partition_key: record.partition_key.clone(),
            explicit_hash_key: record.explicit_hash_key.map(|key| key.to_string()),
            arrived_at_ms: arrived,
            attempts: self.attempts,
            cause: self.cause.clone(),
        };
        let mut bytes = serde_json::to_vec(&head).expect("text and numbers are JSON");
        bytes.push(b'\n');
        bytes.extend_from_slice(&record.data);
        bytes
    }

    /// Reads a dead letter back.
    ///
    /// # Errors
    /// If the bytes are not what [`to_bytes`](Self::to_bytes) makes.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, InvalidDeadLetter> {
        let invalid = |what: &dyn fmt::Display| InvalidDeadLetter(what.to_string());
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| invalid(&"there is no line of JSON before the data"))?;
        let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|error| invalid(&error))?;
        let place = ExtendedSequenceNumber::new(&head.sequence_number, head.sub_sequence_number);
        let key = head.explicit_hash_key.map(|key| key.parse()).transpose();
        let record = Record {
            explicit_hash_key: key.map_err(|error| invalid(&error))?,
            arrived_at: head
                .arrived_at_ms
                .map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms)),
            ..Record::new(
                place.map_err(|error| invalid(&error))?,
                head.partition_key,
                bytes.slice(end + 1..),
            )
        };
        Ok(Self {
            application: head.application,
            stream: head.stream,
            shard_id: head.shard_id,
            record,
            cause: head.cause,
            attempts: head.attempts,
        })
    }

    /// Cuts a cause to what fits into a dead letter.
    pub(crate) fn cut(mut cause: String) -> String {
        if cause.len() > CAUSE_BYTES_MAX {
            cause.truncate(cause.floor_char_boundary(CAUSE_BYTES_MAX));
        }
        cause
    }
}

/// A stream that takes the dead letters, under the partition keys of the records.
///
/// A dead letter is some hundred bytes longer than its record: the stream must take records that are as long. One that
/// is refused is tried again, and its shard waits.
#[derive(Debug, Clone)]
pub struct DeadLetterStream {
    client: Client,
    stream: String,
}

impl DeadLetterStream {
    /// The stream of this name; it must exist.
    pub fn new(client: Client, stream: impl Into<String>) -> Self {
        Self {
            client,
            stream: stream.into(),
        }
    }
}

impl DeadLetters for DeadLetterStream {
    fn park(&self, parked: ParkedRecord) -> ParkFuture {
        // A service that chooses shards without a key knows records that have none.
        let key = match parked.record.partition_key.as_str() {
            "" => parked.shard_id.clone(),
            key => key.to_owned(),
        };
        let request = self
            .client
            .put_record()
            .stream_name(&self.stream)
            .partition_key(key)
            .data(Blob::new(parked.to_bytes()));
        Box::pin(async move {
            let answer = request.send().await;
            answer.map_err(|error| error.into_source().unwrap_or_else(|error| error.into()))?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_reads_back_as_it_was_parked() {
        let place = ExtendedSequenceNumber::new("4959", 3).unwrap();
        let parked = ParkedRecord {
            application: "app".into(),
            stream: "orders".into(),
            shard_id: "shardId-000000000001".into(),
            record: Record {
                explicit_hash_key: Some(u128::MAX),
                arrived_at: Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_881_602_123)),
                ..Record::new(place, "key \"1\"", &b"line\nline\xff"[..])
            },
            cause: "no\nway".into(),
            attempts: 5,
        };
        let bytes = Bytes::from(parked.to_bytes());
        assert_eq!(ParkedRecord::from_bytes(&bytes).unwrap(), parked);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with(r#"{"application":"app","stream":"orders","shardId":"#));
        for bad in [&b"x"[..], b"{}\n", b"\n"] {
            assert!(ParkedRecord::from_bytes(&bad.into()).is_err());
        }
    }

    #[test]
    fn a_long_cause_is_cut_between_characters() {
        let cut = ParkedRecord::cut("ü".repeat(CAUSE_BYTES_MAX));
        assert_eq!(cut.len(), CAUSE_BYTES_MAX);
        let cut = ParkedRecord::cut(format!("x{}", "ü".repeat(CAUSE_BYTES_MAX)));
        assert_eq!(cut.len(), CAUSE_BYTES_MAX - 1);
    }
}
