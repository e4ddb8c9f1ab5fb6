//! Whole requests, made once and sent many times.

use crate::keys::signing_lines;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// A small, seeded generator: the same bytes in every run.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// Starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn data(&mut self, bytes: usize) -> String {
        let raw: Vec<u8> = (0..bytes).map(|_| (self.number() >> 32) as u8).collect();
        BASE64_STANDARD.encode(raw)
    }

    fn key(&mut self) -> String {
        format!("key-{:08}", self.number() % 100_000_000)
    }
}

/// A request as an SDK sends it, signed now with the run's key: good for five minutes.
pub fn request(operation: &str, body: &str) -> Vec<u8> {
    let target = format!("Kinesis_20131202.{operation}");
    signed("kinesis", &target, "application/x-amz-json-1.1", body)
}

/// A request to the tables, signed likewise.
pub fn table_request(operation: &str, body: &str) -> Vec<u8> {
    let target = format!("DynamoDB_20120810.{operation}");
    signed("dynamodb", &target, "application/x-amz-json-1.0", body)
}

fn signed(service: &'static str, target: &str, content_type: &str, body: &str) -> Vec<u8> {
    let headers = [
        ("host", "127.0.0.1"),
        ("x-amz-target", target),
        ("content-type", content_type),
    ];
    let signing = signing_lines(service, &headers, body.as_bytes());
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!(
        "POST / HTTP/1.1\r\n{lines}{signing}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// PutRecords of `count` records with `bytes` of random data each.
pub fn put_records(stream: &str, count: usize, bytes: usize, seed: u64) -> Vec<u8> {
    let mut seeded = Seeded::new(seed);
    let record = |seeded: &mut Seeded| record(&seeded.data(bytes), &seeded.key());
    let records: Vec<_> = (0..count).map(|_| record(&mut seeded)).collect();
    put_records_request(stream, &records)
}

/// PutRecords of a record with `bytes` of random data for each of these keys.
pub fn put_records_of(
    stream: &str,
    bytes: usize,
    seeded: &mut Seeded,
    keys: impl Iterator<Item = String>,
) -> Vec<u8> {
    let records: Vec<_> = keys.map(|key| record(&seeded.data(bytes), &key)).collect();
    put_records_request(stream, &records)
}

fn record(data: &str, key: &str) -> String {
    format!(r#"{{"Data":"{data}","PartitionKey":"{key}"}}"#)
}

fn put_records_request(stream: &str, records: &[String]) -> Vec<u8> {
    request(
        "PutRecords",
        &format!(
            r#"{{"Records":[{}],"StreamName":"{stream}"}}"#,
            records.join(",")
        ),
    )
}

/// PutRecord with `bytes` of random data.
pub fn put_record(stream: &str, bytes: usize, seed: u64) -> Vec<u8> {
    let mut seeded = Seeded::new(seed);
    let (data, key) = (seeded.data(bytes), seeded.key());
    request(
        "PutRecord",
        &format!(r#"{{"StreamName":"{stream}","Data":"{data}","PartitionKey":"{key}"}}"#),
    )
}

/// GetRecords of up to `limit` records.
pub fn get_records(iterator: &str, limit: usize) -> Vec<u8> {
    request(
        "GetRecords",
        &format!(r#"{{"ShardIterator":"{iterator}","Limit":{limit}}}"#),
    )
}
