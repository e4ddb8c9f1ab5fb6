//! Answers of PutRecord and PutRecords.

use millstream_types::SequenceNumber;

use super::json_text::write_json_text;
use super::sequence_digits::{DIGITS, SequenceDigits, digits_of, eight_digits};
use crate::cbor::CborWriter;
use crate::encoding::Encoding;
use crate::shapes::{EncryptionType, PutRecordResponse, PutRecordsResponse, PutRecordsResultEntry};

const SHARD_ID_PREFIX: &[u8] = b"shardId-";
const SHARD_ID_BYTES: usize = SHARD_ID_PREFIX.len() + 12;
/// The end of an answer about a stream that is encrypted; of any other stream AWS says nothing.
const JSON_ENCRYPTED: &[u8] = br#","EncryptionType":"KMS"}"#;

/// The body of PutRecord's answer.
pub fn encode_put_record(encoding: Encoding, answer: &PutRecordResponse) -> Vec<u8> {
    let number = answer.sequence_number;
    let digits = &digits_of(number);
    match encoding {
        Encoding::Json => {
            let mut out = Vec::with_capacity(stored::BYTES + JSON_ENCRYPTED.len());
            stored::write_json(&mut out, digits, number);
            if answer.encryption_type == EncryptionType::Kms {
                out.pop();
                out.extend_from_slice(JSON_ENCRYPTED);
            }
            out
        }
        Encoding::Cbor => {
            let mut writer = CborWriter::default();
            writer.begin_map();
            stored::write_cbor_members(&mut writer, digits, number);
            write_cbor_encryption(&mut writer, answer.encryption_type);
            writer.end();
            writer.out
        }
    }
}

fn write_cbor_encryption(writer: &mut CborWriter, encryption_type: EncryptionType) {
    if encryption_type == EncryptionType::Kms {
        writer.text("EncryptionType");
        writer.text("KMS");
    }
}

/// The body of PutRecords' answer.
pub fn encode_put_records(encoding: Encoding, answer: &PutRecordsResponse) -> Vec<u8> {
    let is_failed =
        |entry: &&PutRecordsResultEntry| matches!(entry, PutRecordsResultEntry::Failed { .. });
    let failed_count = answer.records.iter().filter(is_failed).count() as u64;
    match encoding {
        Encoding::Json => json(answer, failed_count),
        Encoding::Cbor => cbor(answer, failed_count),
    }
}

fn json(answer: &PutRecordsResponse, failed_count: u64) -> Vec<u8> {
    let mut digits = SequenceDigits::new();
    let mut out = Vec::with_capacity(64 + answer.records.len() * (stored::BYTES + 1));
    out.extend_from_slice(br#"{"FailedRecordCount":"#);
    out.extend_from_slice(failed_count.to_string().as_bytes());
    out.extend_from_slice(br#","Records":["#);
    for (place, entry) in answer.records.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        match entry {
            PutRecordsResultEntry::Stored(number) => {
                stored::write_json(&mut out, digits.of(*number), *number)
            }
            PutRecordsResultEntry::Failed { code, message } => {
                out.extend_from_slice(br#"{"ErrorCode":"#);
                write_json_text(&mut out, code.name().as_bytes());
                out.extend_from_slice(br#","ErrorMessage":"#);
                write_json_text(&mut out, message.as_bytes());
                out.push(b'}');
            }
        }
    }
    out.push(b']');
    match answer.encryption_type {
        EncryptionType::None => out.push(b'}'),
        EncryptionType::Kms => out.extend_from_slice(JSON_ENCRYPTED),
    }
    out
}

fn cbor(answer: &PutRecordsResponse, failed_count: u64) -> Vec<u8> {
    let mut digits = SequenceDigits::new();
    let mut writer = CborWriter::default();
    writer.begin_map();
    writer.text("FailedRecordCount");
    writer.unsigned(failed_count);
    writer.text("Records");
    writer.begin_list();
    for entry in &answer.records {
        match entry {
            PutRecordsResultEntry::Stored(number) => {
                writer.begin_map();
                stored::write_cbor_members(&mut writer, digits.of(*number), *number);
                writer.end();
            }
            PutRecordsResultEntry::Failed { code, message } => {
                writer.begin_map();
                writer.text("ErrorCode");
                writer.text(code.name());
                writer.text("ErrorMessage");
                writer.text(message);
                writer.end();
            }
        }
    }
    writer.end();
    write_cbor_encryption(&mut writer, answer.encryption_type);
    writer.end();
    writer.out
}

fn shard_id(number: SequenceNumber) -> [u8; SHARD_ID_BYTES] {
    let index = u64::from(number.shard_index());
    let mut text = [0; SHARD_ID_BYTES];
    text[..8].copy_from_slice(SHARD_ID_PREFIX);
    text[8..12].copy_from_slice(&eight_digits(index / 100_000_000)[4..]);
    text[12..].copy_from_slice(&eight_digits(index % 100_000_000));
    text
}

/// A record that is stored: its number and its shard.
mod stored {
    use super::{CborWriter, DIGITS, SHARD_ID_BYTES, SequenceNumber, shard_id};

    const NUMBER_NAME: &[u8] = br#"{"SequenceNumber":""#;
    const SHARD_NAME: &[u8] = br#"","ShardId":""#;
    const END: &[u8] = br#""}"#;
    const NUMBER_AT: usize = NUMBER_NAME.len();
    const SHARD_NAME_AT: usize = NUMBER_AT + DIGITS;
    const SHARD_AT: usize = SHARD_NAME_AT + SHARD_NAME.len();
    const END_AT: usize = SHARD_AT + SHARD_ID_BYTES;
    /// As JSON.
    pub(super) const BYTES: usize = END_AT + END.len();

    pub(super) fn write_json(out: &mut Vec<u8>, digits: &[u8; DIGITS], number: SequenceNumber) {
        let mut entry = [0; BYTES];
        entry[..NUMBER_AT].copy_from_slice(NUMBER_NAME);
        entry[NUMBER_AT..SHARD_NAME_AT].copy_from_slice(digits);
        entry[SHARD_NAME_AT..SHARD_AT].copy_from_slice(SHARD_NAME);
        entry[SHARD_AT..END_AT].copy_from_slice(&shard_id(number));
        entry[END_AT..].copy_from_slice(END);
        out.extend_from_slice(&entry);
    }

    pub(super) fn write_cbor_members(
        writer: &mut CborWriter,
        digits: &[u8; DIGITS],
        number: SequenceNumber,
    ) {
        writer.text("SequenceNumber");
        writer.text_bytes(digits);
        writer.text("ShardId");
        writer.text_bytes(&shard_id(number));
    }
}
