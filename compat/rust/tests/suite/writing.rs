//! PutRecord and PutRecords.

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, ShardIteratorType};

use crate::{FIRST, SECOND, Stream, refused};

fn entry(key: &str, data: &[u8]) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry::builder()
        .partition_key(key)
        .data(Blob::new(data))
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_record_comes_back_byte_by_byte() {
    let stream = Stream::new(2).await;
    let every_byte: Vec<u8> = (0..=255).collect();
    for (key, data) in [("sensor-7", &every_byte[..]), ("ключ 🗝", b"")] {
        let put = stream
            .client
            .put_record()
            .stream_name(&stream.name)
            .partition_key(key);
        let put = put.data(Blob::new(data)).send().await.unwrap();
        let at = stream.client.get_shard_iterator().stream_name(&stream.name);
        let at = at
            .shard_id(&put.shard_id)
            .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
            .starting_sequence_number(&put.sequence_number);
        let iterator = at.send().await.unwrap().shard_iterator.unwrap();
        let records = stream.read(iterator, 1).await;
        assert_eq!(records[0].data.as_ref(), data);
        assert_eq!(records[0].partition_key.as_deref(), Some(key));
        assert_eq!(records[0].sequence_number, put.sequence_number);
    }
    stream.delete().await;
}

#[tokio::test]
async fn a_record_is_refused() {
    let stream = Stream::new(1).await;
    let put = |name: &str, hash_key: Option<&str>| {
        let call = stream
            .client
            .put_record()
            .stream_name(name)
            .partition_key("k");
        call.data(Blob::new("d"))
            .set_explicit_hash_key(hash_key.map(str::to_owned))
            .send()
    };
    assert_eq!(
        refused(put("nowhere", None).await),
        stream.not_found("nowhere")
    );
    let beyond = "340282366920938463463374607431768211456";
    assert_eq!(
        refused(put(&stream.name, Some(beyond)).await),
        (
            "InvalidArgumentException".to_owned(),
            format!(
                "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
                 {beyond}"
            ),
        )
    );
    stream.delete().await;
}

#[tokio::test]
async fn five_hundred_records_keep_their_order() {
    let stream = Stream::new(2).await;
    let entries: Vec<_> = (0..500)
        .map(|number| {
            entry(
                ["sensor-7", "sensor-8"][number % 2],
                number.to_string().as_bytes(),
            )
        })
        .collect();
    let put = |entries: Vec<_>| {
        let call = stream.client.put_records().stream_name(&stream.name);
        call.set_records(Some(entries)).send()
    };
    let answer = put(entries.clone()).await.unwrap();
    assert_eq!(answer.failed_record_count, Some(0));
    assert_eq!(answer.records.len(), 500);
    for (parity, shard) in [(0, SECOND), (1, FIRST)] {
        let iterator = stream.iterator(shard, ShardIteratorType::TrimHorizon).await;
        let numbers: Vec<usize> = stream
            .read(iterator, 250)
            .await
            .iter()
            .map(|record| {
                std::str::from_utf8(record.data.as_ref())
                    .unwrap()
                    .parse()
                    .unwrap()
            })
            .collect();
        assert_eq!(numbers, (parity..500).step_by(2).collect::<Vec<_>>());
    }
    let (code, message) = refused(put([entries, vec![entry("k", b"one too many")]].concat()).await);
    assert_eq!(code, "ValidationException");
    assert!(
        message.contains("at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"),
        "{message}"
    );
    stream.delete().await;
}
