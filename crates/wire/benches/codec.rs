//! What the codecs cost: `cargo bench -p millstream-wire`. Throughput is in records.
#![expect(clippy::unwrap_used, reason = "inputs are made here")]

use std::fmt::Write;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millstream_types::{SequenceNumber, TimestampMs};
use millstream_wire::shapes::{
    EncryptionType, GetRecordsResponse, PutRecordsRequest, PutRecordsResponse,
    PutRecordsResultEntry, Record,
};
use millstream_wire::{
    Encoding, Operation, decode_get_records, decode_put_record, decode_put_records,
    encode_get_records, encode_put_records, json,
};

fn put_records_body(count: usize, data_bytes: usize) -> String {
    let mut body = r#"{"StreamName": "meters", "Records": ["#.to_owned();
    for place in 0..count {
        let data: Vec<u8> = (0..data_bytes)
            .map(|at| (at * 31 + place * 7) as u8)
            .collect();
        let data = base64_simd::STANDARD.encode_to_string(data);
        let comma = if place == 0 { "" } else { ", " };
        write!(
            body,
            r#"{comma}{{"Data": "{data}", "PartitionKey": "sensor-{place:08}"}}"#
        )
        .unwrap();
    }
    body + "]}"
}

/// The same in CBOR, written as AWS's clients do: lengths known.
fn put_records_cbor(count: usize, data_bytes: usize) -> Vec<u8> {
    use ciborium::Value;
    let text = |text: &str| Value::Text(text.to_owned());
    let record = |place: usize| {
        let data: Vec<u8> = (0..data_bytes)
            .map(|at| (at * 31 + place * 7) as u8)
            .collect();
        Value::Map(vec![
            (text("Data"), Value::Bytes(data)),
            (
                text("PartitionKey"),
                Value::Text(format!("sensor-{place:08}")),
            ),
        ])
    };
    let records = Value::Array((0..count).map(record).collect());
    let request = Value::Map(vec![
        (text("StreamName"), text("meters")),
        (text("Records"), records),
    ]);
    let mut body = Vec::new();
    ciborium::into_writer(&request, &mut body).unwrap();
    body
}

fn numbers(count: u64, shards: u64) -> impl Iterator<Item = SequenceNumber> {
    (0..count).map(move |place| {
        let shard = (place * 7) % shards;
        SequenceNumber::new(
            1_793_620_837,
            shard as u32,
            (place / shards) + (99 << 15),
            1_793_620_957,
        )
    })
}

fn decoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (count, data_bytes) in [(500, 100), (100, 1024)] {
        let body = put_records_body(count, data_bytes);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(format!("PutRecords {count} x {data_bytes} B"), |bencher| {
            bencher.iter(|| {
                decode_put_records(Encoding::Json, black_box(body.as_bytes()))
                    .unwrap()
                    .records
                    .len()
            });
        });
        group.bench_function(
            format!("PutRecords {count} x {data_bytes} B, payloads copied"),
            |bencher| {
                let mut log = Vec::with_capacity(body.len());
                bencher.iter(|| {
                    log.clear();
                    let request: PutRecordsRequest<'_> =
                        decode_put_records(Encoding::Json, black_box(body.as_bytes())).unwrap();
                    for record in &request.records {
                        record.data.append_to(&mut log).unwrap();
                    }
                    log.len()
                });
            },
        );
        group.bench_function(
            format!("PutRecords {count} x {data_bytes} B, unknown member"),
            |bencher| {
                let body = body.replacen('{', r#"{"Unknown": 1, "#, 1);
                bencher.iter(|| {
                    decode_put_records(Encoding::Json, black_box(body.as_bytes()))
                        .unwrap()
                        .records
                        .len()
                });
            },
        );
        group.bench_function(
            format!("PutRecords {count} x {data_bytes} B, CBOR"),
            |bencher| {
                let body = put_records_cbor(count, data_bytes);
                bencher.iter(|| {
                    decode_put_records(Encoding::Cbor, black_box(&body))
                        .unwrap()
                        .records
                        .len()
                });
            },
        );
        group.bench_function(
            format!("PutRecords {count} x {data_bytes} B, values only"),
            |bencher| {
                bencher.iter(|| {
                    json::parse(black_box(body.as_bytes()))
                        .unwrap()
                        .get("Records")
                        .is_some()
                });
            },
        );
    }
    group.throughput(Throughput::Elements(1));
    let body = r#"{"StreamName":"meters","PartitionKey":"sensor-7","Data":"eyJ0ZW1wIjoyMS41fQ=="}"#;
    group.bench_function("PutRecord", |bencher| {
        bencher.iter(|| {
            decode_put_record(Encoding::Json, black_box(body.as_bytes()))
                .unwrap()
                .record
                .data
                .decoded_len()
        });
    });
    let body = format!(r#"{{"ShardIterator":"{}","Limit":10000}}"#, "A".repeat(200));
    group.bench_function("GetRecords", |bencher| {
        bencher.iter(|| {
            decode_get_records(Encoding::Json, black_box(body.as_bytes()))
                .unwrap()
                .limit
        });
    });
    let body = r#"{"StreamName":"meters","ShardId":"shardId-000000000001","ShardIteratorType":"TRIM_HORIZON"}"#;
    group.bench_function("GetShardIterator", |bencher| {
        bencher.iter(|| {
            let body = black_box(body.as_bytes());
            millstream_wire::decode::<millstream_wire::shapes::GetShardIteratorRequest>(
                Operation::GetShardIterator,
                Encoding::Json,
                body,
            )
            .unwrap()
        });
    });
    group.finish();
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for shards in [1, 4, 500] {
        let answer = PutRecordsResponse {
            records: numbers(500, shards)
                .map(PutRecordsResultEntry::Stored)
                .collect(),
            encryption_type: EncryptionType::None,
        };
        group.throughput(Throughput::Elements(500));
        group.bench_function(format!("PutRecords 500, {shards} shards"), |bencher| {
            bencher.iter(|| encode_put_records(Encoding::Json, black_box(&answer)).len());
        });
    }
    let answer = GetRecordsResponse {
        records: numbers(10_000, 1)
            .map(|number| {
                let (key, data) = (b"sensor-00000007", [7; 100]);
                let stored = [&key[..], &data].concat().into();
                let arrival = TimestampMs(1_793_620_957_318);
                Record::new(number, arrival, stored, key.len(), EncryptionType::None)
            })
            .collect(),
        next_shard_iterator: Some("A".repeat(200)),
        millis_behind_latest: 0,
        child_shards: None,
    };
    group.throughput(Throughput::Elements(10_000));
    for (name, encoding) in [("JSON", Encoding::Json), ("CBOR", Encoding::Cbor)] {
        group.bench_function(format!("GetRecords 10000 x 100 B, {name}"), |bencher| {
            bencher.iter(|| encode_get_records(encoding, black_box(&answer)).len());
        });
    }
    group.finish();
}

criterion_group!(codec, decoding, encoding);
criterion_main!(codec);
