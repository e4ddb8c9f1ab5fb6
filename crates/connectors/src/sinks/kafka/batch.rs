//! A batch of records as brokers keep it, in the format that they call magic 2.

use crc_fast::{CrcAlgorithm, checksum};

use super::wire::Writer;

/// Where the length of the rest stands, the checksum, and what it is over.
const LENGTH_AT: usize = 8;
const CHECKSUM_AT: usize = 17;
const SUMMED_FROM: usize = 21;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) headers: Vec<(&'static str, String)>,
    /// In milliseconds since 1970.
    pub(super) at_ms: i64,
}

impl Record {
    /// About how many bytes it takes in a batch: at least so many as it does.
    pub(super) fn bytes(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.len() + 10)
            .sum();
        self.key.len() + self.value.len() + headers + 40
    }
}

/// Who writes: what brokers recognise repetitions by, with the sequence number of the first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// The records, at least one, as one batch.
pub(super) fn encode(records: &[Record], producer: ProducerId, sequence: i32) -> Vec<u8> {
    let times = || records.iter().map(|record| record.at_ms);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    let mut batch = Writer(Vec::with_capacity(
        64 + records.iter().map(Record::bytes).sum::<usize>(),
    ));
    batch.i64(0); // the broker says which offset it is
    batch.i32(0); // length, below
    batch.i32(-1); // the leader's epoch is the broker's
    batch.i8(2);
    batch.i32(0); // checksum, below
    batch.i16(0); // not compressed, times of the producer, no transaction
    batch.count(records.len() - 1);
    batch.i64(first);
    batch.i64(last);
    batch.i64(producer.id);
    batch.i16(producer.epoch);
    batch.i32(sequence);
    batch.count(records.len());
    for (index, record) in (0..).zip(records) {
        let body = body(record, index, first);
        batch.varint_bytes(Some(&body));
    }
    let mut bytes = batch.0;
    let length = i32::try_from(bytes.len() - LENGTH_AT - 4).unwrap_or(i32::MAX);
    bytes[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_be_bytes());
    let sum = checksum(CrcAlgorithm::Crc32Iscsi, &bytes[SUMMED_FROM..]);
    let sum = u32::try_from(sum).unwrap_or_default();
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&sum.to_be_bytes());
    bytes
}

fn body(record: &Record, index: i64, first_ms: i64) -> Vec<u8> {
    let mut body = Writer(Vec::with_capacity(record.bytes()));
    body.i8(0);
    body.varint(record.at_ms - first_ms);
    body.varint(index);
    body.varint_bytes(Some(&record.key));
    body.varint_bytes(Some(&record.value));
    body.varint(record.headers.len() as i64);
    for (name, value) in &record.headers {
        body.varint_bytes(Some(name.as_bytes()));
        body.varint_bytes(Some(value.as_bytes()));
    }
    body.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand from the format's description; the checksum by the table of RFC 3720.
    #[test]
    fn a_batch_has_the_layout_of_the_format() {
        let record = Record {
            key: b"k".to_vec(),
            value: b"{}".to_vec(),
            headers: vec![("h", "x".to_owned())],
            at_ms: 1000,
        };
        let later = Record {
            at_ms: 1003,
            ..record.clone()
        };
        let producer = ProducerId { id: 7, epoch: 1 };
        let bytes = encode(&[record, later], producer, 5);
        let records: &[u8] = &[
            26, 0, 0, 0, 2, b'k', 4, b'{', b'}', 2, 2, b'h', 2, b'x', //
            26, 0, 6, 2, 2, b'k', 4, b'{', b'}', 2, 2, b'h', 2, b'x',
        ];
        let mut expected = Writer::default();
        expected.i64(0);
        expected.i32(49 + records.len() as i32);
        expected.i32(-1);
        expected.i8(2);
        let mut summed = Writer::default();
        summed.i16(0);
        summed.i32(1);
        summed.i64(1000);
        summed.i64(1003);
        summed.i64(7);
        summed.i16(1);
        summed.i32(5);
        summed.i32(2);
        summed.0.extend(records);
        expected.0.extend(by_bits(&summed.0).to_be_bytes());
        expected.0.extend(summed.0);
        assert_eq!(bytes, expected.0);
        assert_eq!(bytes.len(), 61 + records.len());
        // RFC 3720, B.4.
        assert_eq!(by_bits(&[0; 32]), 0x8a91_36aa);
    }

    /// CRC-32C bit by bit.
    fn by_bits(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
                (sum >> 1) ^ (0x82f6_3b78 & (!(sum & 1)).wrapping_add(1))
            })
        })
    }
}
