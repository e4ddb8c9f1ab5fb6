//! Answers as AWS writes them, and the same answers in both encodings.

use millstream_types::{HashKey, HashKeyRange, SequenceNumber, TimestampMs};
use proptest::prelude::*;

use super::{
    encode, encode_get_records, encode_put_record, encode_put_records,
    encode_subscribe_to_shard_event,
};
use crate::encoding::{Encoding, Timestamp};
use crate::shapes::*;
use crate::test_cases::cases;
use crate::value::Value;
use crate::{ErrorCode, cbor, json};

const FIRST: &str = "49679842606959704082324211412736264139998049964056903698";
const SECOND: &str = "49679842606937403337125680789595937347545016231725629442";

fn json_of(body: Vec<u8>) -> String {
    String::from_utf8(body).unwrap()
}

#[test]
fn put_record_answers_two_members() {
    let answer = PutRecordResponse {
        sequence_number: FIRST.parse().unwrap(),
        encryption_type: EncryptionType::None,
    };
    assert_eq!(
        json_of(encode_put_record(Encoding::Json, &answer)),
        format!(r#"{{"SequenceNumber":"{FIRST}","ShardId":"shardId-000000000001"}}"#)
    );
    let body = encode_put_record(Encoding::Cbor, &answer);
    let expected = [
        b"\xbf\x6eSequenceNumber\x78\x38",
        FIRST.as_bytes(),
        b"\x67ShardId\x74shardId-000000000001\xff",
    ];
    assert_eq!(body, expected.concat());
}

#[test]
fn answers_say_that_records_are_encrypted() {
    let answer = PutRecordResponse {
        sequence_number: FIRST.parse().unwrap(),
        encryption_type: EncryptionType::Kms,
    };
    let stored = format!(r#"{{"SequenceNumber":"{FIRST}","ShardId":"shardId-000000000001""#);
    let body = encode_put_record(Encoding::Json, &answer);
    both_are_the_same(&body, &encode_put_record(Encoding::Cbor, &answer)).unwrap();
    assert_eq!(
        json_of(body),
        format!(r#"{stored},"EncryptionType":"KMS"}}"#)
    );
    let answer = PutRecordsResponse {
        records: vec![PutRecordsResultEntry::Stored(FIRST.parse().unwrap())],
        encryption_type: EncryptionType::Kms,
    };
    let body = encode_put_records(Encoding::Json, &answer);
    both_are_the_same(&body, &encode_put_records(Encoding::Cbor, &answer)).unwrap();
    assert_eq!(
        json_of(body),
        format!(r#"{{"FailedRecordCount":0,"Records":[{stored}}}],"EncryptionType":"KMS"}}"#)
    );
}

#[test]
fn a_record_without_a_key_has_no_such_member() {
    let record = record(b"", EncryptionType::Kms);
    let answer = GetRecordsResponse {
        records: vec![record],
        next_shard_iterator: None,
        millis_behind_latest: 0,
        child_shards: None,
    };
    let body = encode_get_records(Encoding::Json, &answer);
    both_are_the_same(&body, &encode_get_records(Encoding::Cbor, &answer)).unwrap();
    assert_eq!(
        json_of(body),
        format!(
            r#"{{"Records":[{{"SequenceNumber":"{FIRST}","ApproximateArrivalTimestamp":1793620957.318,"Data":"eyJ0ZW1wIjoyMS41fQ==","EncryptionType":"KMS"}}],"MillisBehindLatest":0}}"#
        )
    );
}

#[test]
fn put_records_answers_each_record() {
    let failed = PutRecordsResultEntry::Failed {
        code: ErrorCode::ProvisionedThroughputExceeded,
        message: "Rate exceeded for shard shardId-000000000000 in stream meters under account 210987654321.".to_owned(),
    };
    let stored = |number: &str| PutRecordsResultEntry::Stored(number.parse().unwrap());
    let answer = PutRecordsResponse {
        records: vec![stored(FIRST), failed, stored(SECOND)],
        encryption_type: EncryptionType::None,
    };
    assert_eq!(
        json_of(encode_put_records(Encoding::Json, &answer)),
        format!(
            r#"{{"FailedRecordCount":1,"Records":[{{"SequenceNumber":"{FIRST}","ShardId":"shardId-000000000001"}},{{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded for shard shardId-000000000000 in stream meters under account 210987654321."}},{{"SequenceNumber":"{SECOND}","ShardId":"shardId-000000000000"}}]}}"#
        )
    );
}

fn one_record() -> Record {
    record(b"sensor-7", EncryptionType::None)
}

fn record(key: &[u8], encryption_type: EncryptionType) -> Record {
    let key_and_data = [key, b"{\"temp\":21.5}"].concat();
    let number = FIRST.parse().unwrap();
    Record::new(
        number,
        TimestampMs(1_793_620_957_318),
        key_and_data.into(),
        key.len(),
        encryption_type,
    )
}

#[test]
fn get_records_of_an_open_shard() {
    let answer = GetRecordsResponse {
        records: vec![one_record()],
        next_shard_iterator: Some("AAAAAAAAAAF".to_owned()),
        millis_behind_latest: 0,
        child_shards: None,
    };
    assert_eq!(
        json_of(encode_get_records(Encoding::Json, &answer)),
        format!(
            r#"{{"Records":[{{"SequenceNumber":"{FIRST}","ApproximateArrivalTimestamp":1793620957.318,"Data":"eyJ0ZW1wIjoyMS41fQ==","PartitionKey":"sensor-7"}}],"NextShardIterator":"AAAAAAAAAAF","MillisBehindLatest":0}}"#
        )
    );
    let body = encode_get_records(Encoding::Cbor, &answer);
    let moment = b"\x78\x1bApproximateArrivalTimestamp\xc1\x1b\x00\x00\x01\xa1\x9c\x23\xd8\x86";
    assert!(
        body.windows(moment.len()).any(|window| window == moment),
        "{body:02x?}"
    );
    let data = b"\x64Data\x4d{\"temp\":21.5}";
    assert!(body.windows(data.len()).any(|window| window == data));
}

#[test]
fn get_records_at_the_end_of_a_shard() {
    let answer = GetRecordsResponse {
        records: Vec::new(),
        next_shard_iterator: None,
        millis_behind_latest: 0,
        child_shards: Some(vec![ChildShard {
            shard_id: "shardId-000000000002".to_owned(),
            parent_shards: vec!["shardId-000000000000".to_owned()],
            hash_key_range: HashKeyRange {
                start: HashKey(0),
                end: HashKey(9),
            }
            .into(),
        }]),
    };
    assert_eq!(
        json_of(encode_get_records(Encoding::Json, &answer)),
        r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[{"ShardId":"shardId-000000000002","ParentShards":["shardId-000000000000"],"HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"9"}}]}"#
    );
}

#[test]
fn events_of_a_subscription() {
    let event = SubscribeToShardEvent {
        records: vec![one_record()],
        continuation_sequence_number: Some(FIRST.parse().unwrap()),
        millis_behind_latest: 0,
        child_shards: None,
    };
    let body = encode_subscribe_to_shard_event(Encoding::Json, &event);
    both_are_the_same(
        &body,
        &encode_subscribe_to_shard_event(Encoding::Cbor, &event),
    )
    .unwrap();
    assert_eq!(
        json_of(body),
        format!(
            r#"{{"Records":[{{"SequenceNumber":"{FIRST}","ApproximateArrivalTimestamp":1793620957.318,"Data":"eyJ0ZW1wIjoyMS41fQ==","PartitionKey":"sensor-7"}}],"ContinuationSequenceNumber":"{FIRST}","MillisBehindLatest":0}}"#
        )
    );
    let last = SubscribeToShardEvent {
        records: Vec::new(),
        continuation_sequence_number: None,
        millis_behind_latest: 0,
        child_shards: Some(Vec::new()),
    };
    assert_eq!(
        json_of(encode_subscribe_to_shard_event(Encoding::Json, &last)),
        r#"{"Records":[],"MillisBehindLatest":0,"ChildShards":[]}"#
    );
}

fn description(created_ms: u64) -> DescribeStreamResponse {
    DescribeStreamResponse {
        stream_description: StreamDescription {
            stream_name: "meters".parse().unwrap(),
            stream_arn: "ARN".to_owned(),
            stream_status: StreamStatus::Active,
            stream_mode_details: StreamModeDetails {
                stream_mode: StreamMode::Provisioned,
            },
            shards: vec![Shard {
                shard_id: "shardId-000000000000".to_owned(),
                parent_shard_id: None,
                adjacent_parent_shard_id: None,
                hash_key_range: HashKeyRange::ALL.into(),
                sequence_number_range: SequenceNumberRange {
                    starting_sequence_number: SECOND.to_owned(),
                    ending_sequence_number: None,
                },
            }],
            has_more_shards: false,
            retention_period_hours: 24,
            stream_creation_timestamp: Timestamp(TimestampMs(created_ms)),
            enhanced_monitoring: vec![EnhancedMetrics {
                shard_level_metrics: Vec::new(),
            }],
            encryption_type: EncryptionType::None,
            key_id: None,
        },
    }
}

#[test]
fn describe_stream_answers_what_aws_does() {
    assert_eq!(
        json_of(encode(Encoding::Json, &description(1_793_620_837_000))),
        format!(
            r#"{{"StreamDescription":{{"StreamName":"meters","StreamARN":"ARN","StreamStatus":"ACTIVE","StreamModeDetails":{{"StreamMode":"PROVISIONED"}},"Shards":[{{"ShardId":"shardId-000000000000","HashKeyRange":{{"StartingHashKey":"0","EndingHashKey":"340282366920938463463374607431768211455"}},"SequenceNumberRange":{{"StartingSequenceNumber":"{SECOND}"}}}}],"HasMoreShards":false,"RetentionPeriodHours":24,"StreamCreationTimestamp":1793620837.0,"EnhancedMonitoring":[{{"ShardLevelMetrics":[]}}],"EncryptionType":"NONE"}}}}"#
        )
    );
    let body = encode(Encoding::Cbor, &description(1_793_620_837_000));
    assert!(body.starts_with(b"\xbf\x71StreamDescription\xbf\x6aStreamName\x66meters"));
    let moment = b"\x77StreamCreationTimestamp\xc1\x1b\x00\x00\x01\xa1\x9c\x22\x02\x88";
    assert!(
        body.windows(moment.len()).any(|window| window == moment),
        "{body:02x?}"
    );
}

/// What a client reads from an answer: CBOR's bytes and moments as JSON writes them.
fn as_json(value: Value<'_>) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Null => Json::Null,
        Value::Bool(truth) => truth.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Text(text) => text.into(),
        Value::Bytes(bytes) => base64_simd::STANDARD.encode_to_string(&bytes[..]).into(),
        Value::TimestampMs(ms) => (ms as f64 / 1000.0).into(),
        Value::List(values) => values.into_iter().map(as_json).collect(),
        Value::Map(members) => {
            let members = members
                .into_iter()
                .map(|(name, value)| (name.into_owned(), as_json(value)));
            Json::Object(members.collect())
        }
    }
}

fn both_are_the_same(json_body: &[u8], cbor_body: &[u8]) -> Result<(), TestCaseError> {
    let text: serde_json::Value = serde_json::from_slice(json_body).unwrap();
    prop_assert!(json::parse(json_body).is_ok());
    prop_assert_eq!(text, as_json(cbor::parse(cbor_body).unwrap()));
    Ok(())
}

prop_compose! {
    fn any_number()(created in 0u64..16_025_175_000, shard in 0..=i32::MAX.unsigned_abs(),
                    index in 0..=SequenceNumber::SEQ_IX_MAX, written in 0u64..1 << 36) -> SequenceNumber {
        SequenceNumber::new(created, shard, index, written)
    }
}

fn any_entry() -> impl Strategy<Value = PutRecordsResultEntry> {
    let failed = (prop::sample::select(ErrorCode::ALL), any::<String>());
    prop_oneof![
        3 => any_number().prop_map(PutRecordsResultEntry::Stored),
        1 => failed.prop_map(|(code, message)| PutRecordsResultEntry::Failed { code, message }),
    ]
}

prop_compose! {
    fn any_record()(sequence_number in any_number(), ms in 0u64..1 << 44, data: Vec<u8>, key: String) -> Record {
        let key_and_data = [key.as_bytes(), &data].concat().into();
        let encryption_type = if ms % 2 == 0 { EncryptionType::None } else { EncryptionType::Kms };
        Record::new(sequence_number, TimestampMs(ms), key_and_data, key.len(), encryption_type)
    }
}

proptest! {
    #![proptest_config(cases("answers in both encodings", 400))]

    #[test]
    fn put_records_says_the_same_in_both_encodings(records in prop::collection::vec(any_entry(), 0..40)) {
        let answer = PutRecordsResponse { records, encryption_type: EncryptionType::None };
        let body = encode_put_records(Encoding::Json, &answer);
        both_are_the_same(&body, &encode_put_records(Encoding::Cbor, &answer))?;
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let mut failed_count = 0;
        for (entry, read) in answer.records.iter().zip(read["Records"].as_array().unwrap()) {
            match entry {
                PutRecordsResultEntry::Stored(number) => {
                    let shard = format!("shardId-{:012}", number.shard_index());
                    prop_assert_eq!(read, &serde_json::json!({"SequenceNumber": number.to_string(), "ShardId": shard}));
                }
                PutRecordsResultEntry::Failed { code, message } => {
                    failed_count += 1;
                    prop_assert_eq!(read, &serde_json::json!({"ErrorCode": code.name(), "ErrorMessage": message}));
                }
            }
        }
        prop_assert_eq!(read["Records"].as_array().unwrap().len(), answer.records.len());
        prop_assert_eq!(&read["FailedRecordCount"], &serde_json::json!(failed_count));
    }

    #[test]
    fn get_records_says_the_same_in_both_encodings(
        records in prop::collection::vec(any_record(), 0..20), iterator: Option<String>, behind in 0u64..1 << 50,
    ) {
        let answer = GetRecordsResponse {
            records,
            next_shard_iterator: iterator.clone(),
            millis_behind_latest: behind,
            child_shards: None,
        };
        let body = encode_get_records(Encoding::Json, &answer);
        both_are_the_same(&body, &encode_get_records(Encoding::Cbor, &answer))?;
        let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
        prop_assert_eq!(read.get("NextShardIterator").and_then(|text| text.as_str()), iterator.as_deref());
        for (record, read) in answer.records.iter().zip(read["Records"].as_array().unwrap()) {
            let mut expected = serde_json::json!({
                "SequenceNumber": record.sequence_number.to_string(),
                "ApproximateArrivalTimestamp": record.approximate_arrival_timestamp.0 as f64 / 1000.0,
                "Data": base64_simd::STANDARD.encode_to_string(record.data()),
            });
            if !record.partition_key().is_empty() {
                expected["PartitionKey"] = std::str::from_utf8(record.partition_key()).unwrap().into();
            }
            if record.encryption_type == EncryptionType::Kms {
                expected["EncryptionType"] = "KMS".into();
            }
            prop_assert_eq!(read, &expected);
        }
    }

    #[test]
    fn moments_say_the_same_in_both_encodings_without_exponents(ms in 0u64..253_402_300_800_000) {
        let answer = description(ms);
        let body = encode(Encoding::Json, &answer);
        both_are_the_same(&body, &encode(Encoding::Cbor, &answer))?;
        let text = json_of(body);
        let (_, rest) = text.split_once("\"StreamCreationTimestamp\":").unwrap();
        let (number, _) = rest.split_once(',').unwrap();
        prop_assert!(number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'), "{}", number);
    }
}

#[test]
fn keys_that_are_no_text_become_text() {
    let record = record(b"a\xff", EncryptionType::None);
    let answer = GetRecordsResponse {
        records: vec![record],
        next_shard_iterator: None,
        millis_behind_latest: 0,
        child_shards: None,
    };
    both_are_the_same(
        &encode_get_records(Encoding::Json, &answer),
        &encode_get_records(Encoding::Cbor, &answer),
    )
    .unwrap();
}
