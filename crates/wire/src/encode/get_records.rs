//! Answers of GetRecords and events of SubscribeToShard.

use std::io::Write;

use millstream_types::TimestampMs;
use serde::Serialize;

use super::json_text::write_json_text;
use super::sequence_digits::{DIGITS, SequenceDigits};
use crate::cbor::{CborSerializer, CborWriter};
use crate::encoding::Encoding;
use crate::shapes::{
    ChildShard, EncryptionType, GetRecordsResponse, Record, SubscribeToShardEvent,
};

/// The body of GetRecords' answer.
pub fn encode_get_records(encoding: Encoding, answer: &GetRecordsResponse) -> Vec<u8> {
    let iterator = answer.next_shard_iterator.as_deref();
    let mut out = Vec::new();
    Batch {
        records: &answer.records,
        continuation: ("NextShardIterator", iterator.map(str::as_bytes)),
        millis_behind_latest: answer.millis_behind_latest,
        child_shards: answer.child_shards.as_deref(),
    }
    .write(encoding, &mut out);
    out
}

/// The payload of one event of SubscribeToShard's answer.
pub fn encode_subscribe_to_shard_event(
    encoding: Encoding,
    event: &SubscribeToShardEvent,
) -> Vec<u8> {
    let mut out = Vec::new();
    write_subscribe_to_shard_event(encoding, event, &mut out);
    out
}

/// Appends the payload of one event of SubscribeToShard's answer.
pub(crate) fn write_subscribe_to_shard_event(
    encoding: Encoding,
    event: &SubscribeToShardEvent,
    out: &mut Vec<u8>,
) {
    let mut digits = SequenceDigits::new();
    let continuation = event
        .continuation_sequence_number
        .map(|number| &digits.of(number)[..]);
    Batch {
        records: &event.records,
        continuation: ("ContinuationSequenceNumber", continuation),
        millis_behind_latest: event.millis_behind_latest,
        child_shards: event.child_shards.as_deref(),
    }
    .write(encoding, out);
}

/// Records and where to go on.
struct Batch<'a> {
    records: &'a [Record],
    /// The member that says where to go on; text that is UTF-8.
    continuation: (&'static str, Option<&'a [u8]>),
    millis_behind_latest: u64,
    child_shards: Option<&'a [ChildShard]>,
}

impl Batch<'_> {
    fn write(&self, encoding: Encoding, out: &mut Vec<u8>) {
        match encoding {
            Encoding::Json => self.json(out),
            Encoding::Cbor => self.cbor(out),
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        out.reserve(1024 + self.records.iter().map(json_bytes).sum::<usize>());
        out.extend_from_slice(br#"{"Records":["#);
        write_json_records(out, self.records);
        out.push(b']');
        if let (name, Some(text)) = self.continuation {
            out.push(b',');
            write_json_text(out, name.as_bytes());
            out.push(b':');
            write_json_text(out, text);
        }
        out.extend_from_slice(br#","MillisBehindLatest":"#);
        out.extend_from_slice(self.millis_behind_latest.to_string().as_bytes());
        if let Some(children) = self.child_shards {
            out.extend_from_slice(br#","ChildShards":"#);
            serde_json::to_writer(&mut *out, children)
                .expect("shards are always written to memory");
        }
        out.push(b'}');
    }

    fn cbor(&self, out: &mut Vec<u8>) {
        let mut writer = CborWriter::default();
        std::mem::swap(&mut writer.out, out);
        writer
            .out
            .reserve(1024 + self.records.iter().map(cbor_bytes).sum::<usize>());
        writer.begin_map();
        writer.text("Records");
        write_cbor_records(&mut writer, self.records);
        if let (name, Some(text)) = self.continuation {
            writer.text(name);
            writer.text_bytes(text);
        }
        writer.text("MillisBehindLatest");
        writer.unsigned(self.millis_behind_latest);
        if let Some(children) = self.child_shards {
            writer.text("ChildShards");
            let serializer = CborSerializer {
                writer: &mut writer,
            };
            children
                .serialize(serializer)
                .expect("shards are structures of plain values");
        }
        writer.end();
        std::mem::swap(&mut writer.out, out);
    }
}

/// About how many bytes a record takes, more only if its key needs escapes.
fn json_bytes(record: &Record) -> usize {
    180 + record.data().len().div_ceil(3) * 4 + record.partition_key().len()
}

fn write_json_records(out: &mut Vec<u8>, records: &[Record]) {
    let mut digits = SequenceDigits::new();
    let mut opening = Opening::new();
    let mut separator = &b""[..];
    for record in records {
        out.extend_from_slice(separator);
        separator = b",";
        let number = digits.of(record.sequence_number);
        out.extend_from_slice(opening.of(number, record.approximate_arrival_timestamp));
        base64_simd::STANDARD.encode_append(record.data(), out);
        if record.partition_key().is_empty() {
            out.push(b'"');
        } else {
            out.extend_from_slice(br#"","PartitionKey":"#);
            write_json_text(out, record.partition_key());
        }
        if record.encryption_type == EncryptionType::Kms {
            out.extend_from_slice(br#","EncryptionType":"KMS""#);
        }
        out.push(b'}');
    }
}

/// A record up to its data, kept from one to the next: records of one envelope arrived at once, so that only the number
/// differs.
struct Opening {
    time: TimestampMs,
    text: Vec<u8>,
}

impl Opening {
    const NUMBER_NAME: &[u8] = br#"{"SequenceNumber":""#;

    fn new() -> Self {
        Self {
            time: TimestampMs(0),
            text: Vec::new(),
        }
    }

    fn of(&mut self, number: &[u8; DIGITS], time: TimestampMs) -> &[u8] {
        const NUMBER_AT: usize = Opening::NUMBER_NAME.len();
        if self.text.is_empty() || self.time != time {
            self.write(time);
        }
        self.text[NUMBER_AT..NUMBER_AT + DIGITS].copy_from_slice(number);
        &self.text
    }

    /// The time is in seconds, as a JSON number.
    fn write(&mut self, time: TimestampMs) {
        self.time = time;
        let TimestampMs(ms) = time;
        self.text.clear();
        self.text.extend_from_slice(Self::NUMBER_NAME);
        self.text.extend_from_slice(&[0; DIGITS]);
        self.text
            .extend_from_slice(br#"","ApproximateArrivalTimestamp":"#);
        write!(self.text, "{}.{:03}", ms / 1000, ms % 1000).expect("memory takes every byte");
        self.text.extend_from_slice(br#","Data":""#);
    }
}

fn cbor_bytes(record: &Record) -> usize {
    100 + DIGITS + record.data().len() + record.partition_key().len()
}

fn write_cbor_records(writer: &mut CborWriter, records: &[Record]) {
    let mut digits = SequenceDigits::new();
    writer.begin_list();
    for record in records {
        writer.begin_map();
        writer.text("SequenceNumber");
        writer.text_bytes(digits.of(record.sequence_number));
        writer.text("ApproximateArrivalTimestamp");
        writer.timestamp_tag();
        writer.unsigned(record.approximate_arrival_timestamp.0);
        writer.text("Data");
        writer.bytes(record.data());
        if !record.partition_key().is_empty() {
            writer.text("PartitionKey");
            writer.text(&String::from_utf8_lossy(record.partition_key()));
        }
        if record.encryption_type == EncryptionType::Kms {
            writer.text("EncryptionType");
            writer.text("KMS");
        }
        writer.end();
    }
    writer.end();
}
