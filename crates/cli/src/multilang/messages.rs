//! The lines that a program and its daemon send each other: one JSON object each, named by its `action`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use millstream_consumer::{Record, ShardStart};
use serde::{Deserialize, Serialize};

/// What a program is told. It answers each of these but the last with a [`FromProgram::Status`].
#[derive(Debug, Serialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum ToProgram {
    /// Before anything else: the shard, and the checkpoint after which its records come.
    Initialize {
        shard_id: String,
        sequence_number: String,
        sub_sequence_number: u64,
    },
    ProcessRecords {
        records: Vec<RecordMessage>,
        millis_behind_latest: u64,
    },
    /// Another worker has the shard, or is about to: nothing can be checkpointed any more.
    LeaseLost,
    /// All records have come; the program has to checkpoint.
    ShardEnded,
    /// The worker is about to give the shard back: the last chance to checkpoint.
    ShutdownRequested,
    /// What became of a checkpoint, in the words of the program's own message.
    Checkpoint {
        sequence_number: Option<String>,
        sub_sequence_number: Option<u64>,
        /// The simple name of a Java exception.
        error: Option<&'static str>,
    },
}

/// A record of [`ToProgram::ProcessRecords`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordMessage {
    action: &'static str,
    /// Base64.
    data: String,
    partition_key: String,
    sequence_number: String,
    sub_sequence_number: u64,
    /// Milliseconds since 1970.
    approximate_arrival_timestamp: Option<u64>,
}

/// What a program says.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "action",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(super) enum FromProgram {
    /// Everything up to this record is done; without a number, everything that was sent.
    Checkpoint {
        #[serde(default)]
        sequence_number: Option<String>,
        #[serde(default)]
        sub_sequence_number: Option<u64>,
    },
    /// The message of this action has been dealt with.
    Status { response_for: String },
}

impl ToProgram {
    pub(super) fn initialize(start: &ShardStart) -> Self {
        Self::Initialize {
            shard_id: start.shard_id.clone(),
            sequence_number: start.checkpoint.text().to_owned(),
            sub_sequence_number: start.checkpoint.sub_sequence_number(),
        }
    }

    pub(super) fn process_records(records: &[Record], millis_behind_latest: u64) -> Self {
        Self::ProcessRecords {
            records: records.iter().map(RecordMessage::of).collect(),
            millis_behind_latest,
        }
    }

    /// What the program's answer names.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Initialize { .. } => "initialize",
            Self::ProcessRecords { .. } => "processRecords",
            Self::LeaseLost => "leaseLost",
            Self::ShardEnded => "shardEnded",
            Self::ShutdownRequested => "shutdownRequested",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// The line, with its line feed.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("texts and numbers are always JSON");
        line.push(b'\n');
        line
    }
}

impl RecordMessage {
    fn of(record: &Record) -> Self {
        let since_epoch = record
            .arrived_at
            .and_then(|moment| moment.duration_since(std::time::UNIX_EPOCH).ok());
        Self {
            action: "record",
            data: STANDARD.encode(&record.data),
            partition_key: record.partition_key.clone(),
            sequence_number: record.sequence_number().to_owned(),
            sub_sequence_number: record.place.sub_sequence_number(),
            approximate_arrival_timestamp: since_epoch
                .and_then(|since| u64::try_from(since.as_millis()).ok()),
        }
    }
}

impl FromProgram {
    /// `None` for a line that is no message: programs, and libraries in them, print.
    pub(super) fn of_line(line: &[u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }
}

#[cfg(test)]
mod tests {
    use millstream_consumer::{Checkpoint, ExtendedSequenceNumber};

    use super::*;

    fn line(message: &ToProgram) -> String {
        String::from_utf8(message.to_line()).unwrap()
    }

    /// The lines that the MultiLangDaemon of the KCL sends.
    #[test]
    fn a_program_is_told_what_the_java_daemon_tells_it() {
        let place = ExtendedSequenceNumber::new("4959", 2).unwrap();
        let start = ShardStart::at("shardId-000000000001", Checkpoint::At(place.clone()));
        assert_eq!(
            line(&ToProgram::initialize(&start)),
            "{\"action\":\"initialize\",\"shardId\":\"shardId-000000000001\",\"sequenceNumber\":\"4959\",\
             \"subSequenceNumber\":2}\n"
        );
        let start = ShardStart::at("s", Checkpoint::TrimHorizon);
        assert!(
            line(&ToProgram::initialize(&start))
                .contains("\"TRIM_HORIZON\",\"subSequenceNumber\":0")
        );
        let mut record = Record::new(place, "key", &b"data\xff"[..]);
        record.arrived_at =
            Some(std::time::UNIX_EPOCH + std::time::Duration::from_millis(1_795_881_602_123));
        assert_eq!(
            line(&ToProgram::process_records(&[record], 7)),
            "{\"action\":\"processRecords\",\"records\":[{\"action\":\"record\",\"data\":\"ZGF0Yf8=\",\
             \"partitionKey\":\"key\",\"sequenceNumber\":\"4959\",\"subSequenceNumber\":2,\
             \"approximateArrivalTimestamp\":1795881602123}],\"millisBehindLatest\":7}\n"
        );
        for (message, text) in [
            (ToProgram::LeaseLost, "{\"action\":\"leaseLost\"}\n"),
            (ToProgram::ShardEnded, "{\"action\":\"shardEnded\"}\n"),
            (
                ToProgram::ShutdownRequested,
                "{\"action\":\"shutdownRequested\"}\n",
            ),
        ] {
            assert_eq!(line(&message), text);
            assert!(text.contains(message.action()));
        }
        let answer = ToProgram::Checkpoint {
            sequence_number: None,
            sub_sequence_number: None,
            error: Some("ThrottlingException"),
        };
        assert_eq!(
            line(&answer),
            "{\"action\":\"checkpoint\",\"sequenceNumber\":null,\"subSequenceNumber\":null,\
             \"error\":\"ThrottlingException\"}\n"
        );
    }

    #[test]
    fn what_a_program_says_is_a_message_or_is_printed() {
        let checkpoint = |number: Option<&str>, sub| {
            Some(FromProgram::Checkpoint {
                sequence_number: number.map(str::to_owned),
                sub_sequence_number: sub,
            })
        };
        for (line, expected) in [
            (
                r#"{"action": "checkpoint", "sequenceNumber": null, "subSequenceNumber": null}"#,
                checkpoint(None, None),
            ),
            (
                r#"{"action":"checkpoint","sequenceNumber":"49","subSequenceNumber":3}"#,
                checkpoint(Some("49"), Some(3)),
            ),
            (
                r#"{"action":"checkpoint","sequenceNumber":"49"}"#,
                checkpoint(Some("49"), None),
            ),
            (
                r#"{"action": "status", "responseFor": "initialize", "more": 1}"#,
                Some(FromProgram::Status {
                    response_for: "initialize".to_owned(),
                }),
            ),
            ("", None),
            ("Was told to terminate, will attempt to checkpoint.", None),
            (r#"{"action":"dance"}"#, None),
            (r#"{"action":"checkpoint","sequenceNumber":49}"#, None),
            ("null", None),
        ] {
            assert_eq!(FromProgram::of_line(line.as_bytes()), expected, "{line}");
        }
    }
}
