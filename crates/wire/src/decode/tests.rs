//! Requests as clients send them, and requests of every shape in both encodings.

use std::fmt::Debug;

use millstream_types::TimestampMs;
use proptest::prelude::*;
use proptest::sample::select;
use serde::de::DeserializeOwned;

use super::*;
use crate::cbor::CborWriter;
use crate::encoding::Timestamp;
use crate::model::{Kind, Pattern, Shape};
use crate::shapes::*;
use crate::test_cases::cases;

fn of_json<T: DeserializeOwned>(operation: Operation, body: &str) -> T {
    decode(operation, Encoding::Json, body.as_bytes())
        .unwrap_or_else(|error| panic!("{body}: {error}"))
}

#[test]
fn requests_of_the_examples() {
    let request: CreateStreamRequest =
        of_json(Operation::CreateStream, r#"{"StreamName":"meters"}"#);
    assert_eq!(
        (request.stream_name.as_str(), request.shard_count),
        ("meters", None)
    );
    let request: CreateStreamRequest = of_json(
        Operation::CreateStream,
        r#"{"StreamName":"meters","ShardCount":2,"StreamModeDetails":{"StreamMode":"PROVISIONED"},"Tags":{"team":"grid"},
            "MaxRecordSizeInKiB":2048,"WarmThroughputMiBps":4}"#,
    );
    assert_eq!(
        (request.shard_count, request.max_record_size_in_kib),
        (Some(2), Some(2048))
    );
    assert_eq!(
        request.stream_mode_details.unwrap().stream_mode,
        StreamMode::Provisioned
    );
    assert_eq!(request.tags.get("team").map(String::as_str), Some("grid"));

    let request: GetShardIteratorRequest = of_json(
        Operation::GetShardIterator,
        r#"{"StreamName":"meters","ShardId":"shardId-000000000001","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1793620957.318}"#,
    );
    assert_eq!(request.shard_iterator_type, ShardIteratorType::AtTimestamp);
    assert_eq!(
        request.timestamp,
        Some(Timestamp(TimestampMs(1_793_620_957_318)))
    );

    let request: ListShardsRequest = of_json(
        Operation::ListShards,
        r#"{"StreamName":"meters","ShardFilter":{"Type":"AT_LATEST"}}"#,
    );
    assert_eq!(
        request.shard_filter.unwrap().filter_type,
        ShardFilterType::AtLatest
    );

    let request: SplitShardRequest = of_json(
        Operation::SplitShard,
        r#"{"StreamName":"meters","ShardToSplit":"shardId-000000000000","NewStartingHashKey":"85070591730234615865843651857942052864"}"#,
    );
    assert_eq!(
        request.new_starting_hash_key,
        "85070591730234615865843651857942052864"
    );

    let request: ListStreamsRequest = of_json(Operation::ListStreams, "{}");
    assert_eq!((request.limit, request.next_token), (None, None));
    let request: DeleteStreamRequest = of_json(
        Operation::DeleteStream,
        r#"{"StreamName":"meters","EnforceConsumerDeletion":"yes","StreamId":null}"#,
    );
    assert_eq!(request.enforce_consumer_deletion, Some(true));
}

#[test]
fn puts_of_the_examples() {
    let body =
        br#"{"StreamName":"meters","PartitionKey":"sensor-7","Data":"eyJ0ZW1wIjoyMS41fQ=="}"#;
    let cbor =
        b"\xbf\x6aStreamName\x66meters\x6cPartitionKey\x68sensor-7\x64Data\x4d{\"temp\":21.5}\xff";
    for (encoding, body) in [(Encoding::Json, &body[..]), (Encoding::Cbor, cbor)] {
        let request = decode_put_record(encoding, body).unwrap();
        assert_eq!(request.stream_name.as_deref(), Some("meters"));
        assert_eq!(request.record.partition_key.as_deref(), Some("sensor-7"));
        assert_eq!(request.record.data.decoded_len(), 13);
        let mut data = b"before ".to_vec();
        request.record.data.append_to(&mut data).unwrap();
        assert_eq!(data, b"before {\"temp\":21.5}");
    }
    let body = r#"{"StreamName":"meters","Records":[{"PartitionKey":"sensor-7","Data":""},{"PartitionKey":"sensor-8","Data":"AA=="}]}"#;
    let request = decode_put_records(Encoding::Json, body.as_bytes()).unwrap();
    let lengths: Vec<_> = request
        .records
        .iter()
        .map(|record| record.data.decoded_len())
        .collect();
    assert_eq!(lengths, [0, 1]);
}

#[test]
fn unchecked_payloads_are_refused_without_a_trace() {
    let mut out = b"before".to_vec();
    for bad in [&b"A"[..], b"A===", b"AB==", b"AA=A", b"AAA ", b"===="] {
        assert_eq!(
            RecordData::Base64(bad).append_to(&mut out),
            Err(InvalidRecordData)
        );
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_record_may_come_without_a_key() {
    let bodies = [
        br#"{"StreamName":"meters","Records":[{"Data":""}]}"#.as_slice(),
        // Not for the fast way.
        br#"{"StreamName":"meters","Records":[{"Data":"","PartitionKey":null}]}"#,
    ];
    for body in bodies {
        let request = decode_put_records(Encoding::Json, body).unwrap();
        assert_eq!(request.records[0].partition_key, None);
    }
}

#[test]
fn the_last_of_equal_members_counts() {
    let body = br#"{"PartitionKey":"a","Data":"!","PartitionKey":"b","Data":"AA=="}"#;
    let request = decode_put_record(Encoding::Json, body).unwrap();
    assert_eq!(
        (
            request.record.partition_key.as_deref(),
            request.record.data.decoded_len()
        ),
        (Some("b"), 1)
    );
}

#[test]
fn quotes_within_an_iterator_are_left_to_the_service() {
    let body = br#"{"ShardIterator":"\"AAAA\""}"#;
    assert_eq!(
        decode_get_records(Encoding::Json, body)
            .unwrap()
            .shard_iterator,
        "\"AAAA\""
    );
}

#[test]
fn a_dry_run_is_never_carried_out() {
    let body = br#"{"StreamName":"meters","PartitionKey":"a","Data":"","DryRun":true}"#;
    assert_eq!(
        decode_put_record(Encoding::Json, body).unwrap_err().code,
        ErrorCode::DryRunOperation
    );
    let body = br#"{"StreamName":"meters","PartitionKey":"a","Data":"","DryRun":false}"#;
    assert!(decode_put_record(Encoding::Json, body).is_ok());
    let body = br#"{"ShardIterator":"","DryRun":true}"#;
    assert_eq!(
        decode_get_records(Encoding::Json, body).unwrap_err().code,
        ErrorCode::Validation
    );
}

#[test]
fn unreadable_bodies_have_no_text() {
    for (encoding, body) in [
        (Encoding::Json, &b"{"[..]),
        (Encoding::Json, b""),
        (Encoding::Cbor, b"\xbf"),
        (Encoding::Cbor, b""),
    ] {
        let error =
            decode::<ListStreamsRequest>(Operation::ListStreams, encoding, body).unwrap_err();
        assert_eq!(error, ApiError::new(ErrorCode::Serialization, ""));
    }
}

/// Text of a string shape: mostly right, sometimes not.
fn any_text(shape: &'static Shape) -> BoxedStrategy<Value<'static>> {
    let right = match shape.pattern {
        Some(Pattern::Word) => "[a-zA-Z0-9_.-]{1,20}".boxed(),
        Some(Pattern::HashKey) => "(0|[1-9][0-9]{0,38})".boxed(),
        Some(Pattern::SequenceNumber) => "(0|[1-9][0-9]{0,128})".boxed(),
        Some(Pattern::StreamId) => "[a-z0-9]{20}-[a-z0-9]{3}".boxed(),
        Some(Pattern::StreamArn | Pattern::ResourceArn) => {
            "arn:aws:kinesis:eu-west-1:[0-9]{12}:stream/[a-z]{1,9}".boxed()
        }
        Some(Pattern::ConsumerArn) => {
            "arn:aws:kinesis:eu-west-1:[0-9]{12}:stream/[a-z]{1,9}/consumer/[a-z]{1,9}:[0-9]{1,10}"
                .boxed()
        }
        None if shape.values.is_empty() => ".{1,20}".boxed(),
        None => select(shape.values).prop_map(str::to_owned).boxed(),
    };
    let length = usize::try_from(shape.max.unwrap_or(20).min(600)).unwrap();
    let wrong = prop_oneof![".{0,3}", Just("a".repeat(length + 1))];
    prop_oneof![60 => right, 1 => wrong]
        .prop_map(|text| Value::Text(text.into()))
        .boxed()
}

/// A value of a shape: mostly right, sometimes with a broken constraint, rarely of a wrong type.
fn any_of(shape: &'static Shape) -> BoxedStrategy<Value<'static>> {
    let mostly_right = match &shape.kind {
        Kind::String => any_text(shape),
        Kind::Integer => {
            let right = shape.min.unwrap_or(0)..=shape.max.unwrap_or(100_000);
            prop_oneof![60 => right, 1 => any::<i64>(), 1 => -3i64..60_000]
                .prop_map(Value::Integer)
                .boxed()
        }
        Kind::Boolean => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Blob => prop::collection::vec(any::<u8>(), 0..90)
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::Timestamp => (0i64..1 << 41).prop_map(Value::TimestampMs).boxed(),
        Kind::List(member) => prop::collection::vec(any_of(member), 0..5)
            .prop_map(Value::List)
            .boxed(),
        Kind::Map { key, value } => prop::collection::vec((any_text(key), any_of(value)), 0..5)
            .prop_map(|members| {
                let mut map = crate::value::MapBuilder::default();
                for (key, value) in members {
                    if let Value::Text(key) = key {
                        map.insert(key, value);
                    }
                }
                map.finish()
            })
            .boxed(),
        Kind::Structure(members) => {
            let own: Vec<_> = members
                .iter()
                .map(|member| {
                    let weight = if member.is_required { 0.99 } else { 0.5 };
                    (
                        Just(member.name),
                        prop::option::weighted(weight, any_of(member.shape)),
                    )
                })
                .collect();
            own.prop_map(|own| {
                let given = own
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.into(), value?)));
                Value::Map(given.collect())
            })
            .boxed()
        }
    };
    // A number is a moment in both encodings, but not the same one.
    let number = if matches!(shape.kind, Kind::Timestamp) {
        Value::Bool(true)
    } else {
        Value::Integer(7)
    };
    let wrong = select(vec![
        Value::Null,
        Value::Bool(true),
        number,
        Value::Text("no".into()),
        Value::List(vec![]),
        Value::Map(vec![("Unknown".into(), Value::Null)]),
    ]);
    prop_oneof![300 => mostly_right, 1 => wrong].boxed()
}

fn as_json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => (**text).into(),
        Value::Bytes(bytes) => base64_simd::STANDARD.encode_to_string(&bytes[..]).into(),
        Value::TimestampMs(ms) => (*ms as f64 / 1000.0).into(),
        Value::List(values) => values.iter().map(as_json).collect(),
        Value::Map(members) => {
            // Sorted here: whether the map of `serde_json` sorts is up to the other crates of the build.
            let sorted: std::collections::BTreeMap<_, _> = members
                .iter()
                .map(|(name, value)| (name.clone().into_owned(), as_json(value)))
                .collect();
            serde_json::Value::Object(sorted.into_iter().collect())
        }
    }
}

/// Members in the order of the JSON body, so that the first wrong type is the same one.
fn write_cbor(writer: &mut CborWriter, value: &Value<'_>) {
    match value {
        Value::Null => writer.null(),
        Value::Bool(truth) => writer.bool(*truth),
        Value::Integer(number) => writer.signed(*number),
        Value::Float(number) => writer.float(*number),
        Value::Text(text) => writer.text(text),
        Value::Bytes(bytes) => writer.bytes(bytes),
        Value::TimestampMs(ms) => {
            writer.timestamp_tag();
            writer.signed(*ms);
        }
        Value::List(values) => {
            writer.begin_list();
            values.iter().for_each(|value| write_cbor(writer, value));
            writer.end();
        }
        Value::Map(members) => {
            writer.begin_map();
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (name, value) in members {
                writer.text(name);
                write_cbor(writer, value);
            }
            writer.end();
        }
    }
}

fn bodies(value: &Value<'_>) -> (Vec<u8>, Vec<u8>) {
    let mut writer = CborWriter::default();
    write_cbor(&mut writer, value);
    (serde_json::to_vec(&as_json(value)).unwrap(), writer.out)
}

fn any_request() -> impl Strategy<Value = (Operation, Value<'static>)> {
    select(Operation::ALL).prop_flat_map(|operation| {
        any_of(operation.input()).prop_map(move |value| (operation, value))
    })
}

/// The request as text, or the error; nothing for puts, which have functions of their own.
fn decoded(
    operation: Operation,
    encoding: Encoding,
    body: &[u8],
) -> Option<Result<String, ApiError>> {
    fn shape<T: DeserializeOwned + Debug>(
        operation: Operation,
        encoding: Encoding,
        body: &[u8],
    ) -> Result<String, ApiError> {
        decode::<T>(operation, encoding, body).map(|request| format!("{request:?}"))
    }
    let read = match operation {
        Operation::AddTagsToStream => shape::<AddTagsToStreamRequest>,
        Operation::CreateStream => shape::<CreateStreamRequest>,
        Operation::DecreaseStreamRetentionPeriod => shape::<DecreaseStreamRetentionPeriodRequest>,
        Operation::DeleteResourcePolicy => shape::<DeleteResourcePolicyRequest>,
        Operation::DeleteStream => shape::<DeleteStreamRequest>,
        Operation::DeregisterStreamConsumer => shape::<DeregisterStreamConsumerRequest>,
        Operation::DescribeAccountSettings => shape::<DescribeAccountSettingsRequest>,
        Operation::DescribeLimits => shape::<DescribeLimitsRequest>,
        Operation::DescribeStream => shape::<DescribeStreamRequest>,
        Operation::DescribeStreamConsumer => shape::<DescribeStreamConsumerRequest>,
        Operation::DescribeStreamSummary => shape::<DescribeStreamSummaryRequest>,
        Operation::DisableEnhancedMonitoring => shape::<DisableEnhancedMonitoringRequest>,
        Operation::EnableEnhancedMonitoring => shape::<EnableEnhancedMonitoringRequest>,
        Operation::GetRecords => shape::<GetRecordsRequest>,
        Operation::GetResourcePolicy => shape::<GetResourcePolicyRequest>,
        Operation::GetShardIterator => shape::<GetShardIteratorRequest>,
        Operation::IncreaseStreamRetentionPeriod => shape::<IncreaseStreamRetentionPeriodRequest>,
        Operation::ListShards => shape::<ListShardsRequest>,
        Operation::ListStreamConsumers => shape::<ListStreamConsumersRequest>,
        Operation::ListStreams => shape::<ListStreamsRequest>,
        Operation::ListTagsForResource => shape::<ListTagsForResourceRequest>,
        Operation::ListTagsForStream => shape::<ListTagsForStreamRequest>,
        Operation::MergeShards => shape::<MergeShardsRequest>,
        Operation::PutResourcePolicy => shape::<PutResourcePolicyRequest>,
        Operation::RegisterStreamConsumer => shape::<RegisterStreamConsumerRequest>,
        Operation::RemoveTagsFromStream => shape::<RemoveTagsFromStreamRequest>,
        Operation::SplitShard => shape::<SplitShardRequest>,
        Operation::StartStreamEncryption => shape::<StartStreamEncryptionRequest>,
        Operation::StopStreamEncryption => shape::<StopStreamEncryptionRequest>,
        Operation::SubscribeToShard => shape::<SubscribeToShardRequest>,
        Operation::TagResource => shape::<TagResourceRequest>,
        Operation::UntagResource => shape::<UntagResourceRequest>,
        Operation::UpdateAccountSettings => shape::<UpdateAccountSettingsRequest>,
        Operation::UpdateMaxRecordSize => shape::<UpdateMaxRecordSizeRequest>,
        Operation::UpdateShardCount => shape::<UpdateShardCountRequest>,
        Operation::UpdateStreamMode => shape::<UpdateStreamModeRequest>,
        Operation::UpdateStreamRecordDistributionStrategy => {
            shape::<UpdateStreamRecordDistributionStrategyRequest>
        }
        Operation::UpdateStreamWarmThroughput => shape::<UpdateStreamWarmThroughputRequest>,
        Operation::PutRecord | Operation::PutRecords => return None,
    };
    Some(read(operation, encoding, body))
}

proptest! {
    #![proptest_config(cases("requests of every operation in both encodings", 3000))]

    #[test]
    fn both_encodings_mean_the_same((operation, value) in any_request()) {
        let (json_body, cbor_body) = bodies(&value);
        let sorted = |body: Result<Value<'_>, ApiError>| body.map(|value| as_json(&value));
        let of_json = sorted(checked(operation, Encoding::Json, &json_body));
        prop_assert_eq!(&of_json, &sorted(checked(operation, Encoding::Cbor, &cbor_body)), "{:?} {:?}", operation, value);
        if let Err(error) = of_json {
            let expected = [ErrorCode::Serialization, ErrorCode::Validation, ErrorCode::DryRunOperation];
            prop_assert!(expected.contains(&error.code), "{:?}", error);
        }
        let of_json = decoded(operation, Encoding::Json, &json_body);
        prop_assert_eq!(&of_json, &decoded(operation, Encoding::Cbor, &cbor_body));
        if let Some(Err(error)) = of_json {
            // What passes the checks fits its shape.
            prop_assert!(error.code != ErrorCode::InternalFailure, "{:?} {:?} {:?}", operation, value, error);
        }
    }

    #[test]
    fn puts_mean_the_same_in_both_encodings(value in any_of(Operation::PutRecords.input())) {
        let (json_body, cbor_body) = bodies(&value);
        let payloads = |encoding, body| {
            let request = decode_put_records(encoding, body)?;
            let record = |record: &RecordToPut<'_>| {
                let mut data = Vec::new();
                record.data.append_to(&mut data).unwrap();
                (record.partition_key.as_deref().map(str::to_owned), record.explicit_hash_key.as_deref().map(str::to_owned), data)
            };
            Ok::<_, ApiError>(request.records.iter().map(record).collect::<Vec<_>>())
        };
        prop_assert_eq!(payloads(Encoding::Json, &json_body), payloads(Encoding::Cbor, &cbor_body));
    }

    #[test]
    fn garbage_is_answered(operation in select(Operation::ALL), body in prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        "[\\[\\]{}\",:0-9a-zA-Z\\\\ -]{0,60}".prop_map(String::into_bytes),
    ]) {
        for encoding in [Encoding::Json, Encoding::Cbor] {
            if let Some(Err(error)) = decoded(operation, encoding, &body) {
                prop_assert!(error.code != ErrorCode::InternalFailure);
            }
            for error in [
                decode_put_records(encoding, &body).err(),
                decode_put_record(encoding, &body).err(),
                decode_get_records(encoding, &body).err(),
            ] {
                prop_assert!(error.is_none_or(|error| error.code != ErrorCode::InternalFailure));
            }
        }
    }
}

/// Requests of each operation that keep every rule of the model are made, so that the properties above say something.
#[test]
fn most_requests_are_right() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    for &operation in Operation::ALL {
        let requests = any_of(operation.input());
        let right = (0..200).filter(|_| {
            let value = requests.new_tree(&mut runner).unwrap().current();
            checked(operation, Encoding::Json, &bodies(&value).0).is_ok()
        });
        let count = right.count();
        assert!(count > 60, "{}: {count} of 200", operation.name());
    }
}
