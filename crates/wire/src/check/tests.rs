//! The service's own texts.

use super::check;
use crate::encoding::Encoding;
use crate::value::Value;
use crate::{ErrorCode, Operation, json};

/// What the service answers to a JSON body, if it is an error.
fn error_of(operation: Operation, body: &str) -> Option<(ErrorCode, String)> {
    let mut value = json::parse(body.as_bytes()).unwrap();
    let error = check(operation, Encoding::Json, &mut value).err()?;
    Some((error.code, error.message))
}

fn serialization_text(operation: Operation, body: &str) -> String {
    match error_of(operation, body) {
        Some((ErrorCode::Serialization, text)) => text,
        other => panic!("{body}: {other:?}"),
    }
}

fn validation_text(operation: Operation, body: &str) -> String {
    match error_of(operation, body) {
        Some((ErrorCode::Validation, text)) => text,
        other => panic!("{body}: {other:?}"),
    }
}

const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

type GivenAndText<'a> = &'a [(&'a str, &'a str)];

#[test]
fn wrong_types_have_the_frameworks_texts() {
    let cases: &[(Operation, &str, GivenAndText)] = &[
        (
            Operation::DescribeStream,
            r#"{"StreamName":@}"#,
            &[
                (
                    "true",
                    "class java.lang.Boolean can not be converted to an String",
                ),
                (
                    "1.5",
                    &format!("{NUMBER} can not be converted to an String"),
                ),
                ("[]", LIST),
                ("{}", MAP),
            ],
        ),
        (
            Operation::DescribeStream,
            r#"{"Limit":@}"#,
            &[
                (
                    "\"1\"",
                    "class java.lang.String can not be converted to an Integer",
                ),
                (
                    "false",
                    "class java.lang.Boolean can not be converted to an Integer",
                ),
                ("[]", LIST),
                ("{}", MAP),
            ],
        ),
        (
            Operation::DeleteStream,
            r#"{"EnforceConsumerDeletion":@}"#,
            &[
                (
                    "12",
                    &format!("{NUMBER} can not be converted to an Boolean"),
                ),
                (
                    "\"Hellowtf\"",
                    "'HELLOWTF' can not be converted to an Boolean",
                ),
                ("[]", LIST),
                ("{}", MAP),
            ],
        ),
        (
            Operation::PutRecord,
            r#"{"Data":@}"#,
            &[
                (
                    "true",
                    "class java.lang.Boolean can not be converted to a Blob",
                ),
                ("123", &format!("{NUMBER} can not be converted to a Blob")),
                ("[]", LIST),
                ("{}", MAP),
                (
                    "\"4\"",
                    "'4' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 1",
                ),
                (
                    "\"=+/=\"",
                    "'=+/=' can not be converted to a Blob: Invalid Base64 character: '='",
                ),
                (
                    "\"+/+=\"",
                    "'+/+=' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
                ),
                (
                    "\"+===\"",
                    "'+===' can not be converted to a Blob: Invalid last non-pad Base64 character dectected",
                ),
                (
                    "\"ab-_\"",
                    "'ab-_' can not be converted to a Blob: Invalid Base64 character: '-'",
                ),
                (
                    "\"ab\\ncd==\"",
                    "'ab\ncd==' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but found: 7",
                ),
            ],
        ),
        (
            Operation::GetShardIterator,
            r#"{"Timestamp":@}"#,
            &[
                (
                    "\"now\"",
                    "class java.lang.String can not be converted to milliseconds since epoch",
                ),
                (
                    "true",
                    "class java.lang.Boolean can not be converted to milliseconds since epoch",
                ),
                ("[]", LIST),
                ("{}", MAP),
            ],
        ),
        (
            Operation::PutRecords,
            r#"{"Records":@}"#,
            &[
                ("true", "Expected list or null"),
                ("\"\"", "Expected list or null"),
                ("3", "Expected list or null"),
                ("{}", MAP),
            ],
        ),
        (
            Operation::PutRecords,
            r#"{"Records":[@]}"#,
            &[
                ("true", "Expected null"),
                ("\"\"", "Expected null"),
                ("3", "Expected null"),
                ("[]", LIST),
            ],
        ),
        (
            Operation::AddTagsToStream,
            r#"{"Tags":@}"#,
            &[
                ("true", "Expected map or null"),
                ("\"\"", "Expected map or null"),
                ("3", "Expected map or null"),
                ("[]", LIST),
            ],
        ),
        (
            Operation::AddTagsToStream,
            r#"{"Tags":{"a":@}}"#,
            &[
                (
                    "true",
                    "class java.lang.Boolean can not be converted to an String",
                ),
                ("[]", LIST),
                ("{}", MAP),
            ],
        ),
    ];
    for (operation, body, wrong) in cases {
        for (given, text) in *wrong {
            assert_eq!(
                serialization_text(*operation, &body.replace('@', given)),
                *text,
                "{given}"
            );
        }
    }
}

#[test]
fn what_is_no_map_has_no_text() {
    for body in ["[]", "1", "null", "\"\"", "true"] {
        assert_eq!(serialization_text(Operation::ListStreams, body), "");
    }
}

#[test]
fn types_win_over_constraints() {
    let text = serialization_text(
        Operation::PutRecords,
        r#"{"StreamName":"","Records":[{"Data":true}]}"#,
    );
    assert_eq!(
        text,
        "class java.lang.Boolean can not be converted to a Blob"
    );
}

#[test]
fn broken_constraints_have_the_services_texts() {
    let one = |operation, body: &str, expected: &str| {
        assert_eq!(
            validation_text(operation, body),
            format!("1 validation error detected: {expected}")
        );
    };
    one(
        Operation::CreateStream,
        "{}",
        "Value null at 'streamName' failed to satisfy constraint: Member must not be null",
    );
    one(
        Operation::DescribeStream,
        r#"{"StreamName":"a;b"}"#,
        "Value 'a;b' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    );
    one(
        Operation::DescribeStream,
        r#"{"StreamARN":"arn:x"}"#,
        r"Value 'arn:x' at 'streamARN' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+",
    );
    one(
        Operation::DescribeStream,
        r#"{"Limit":10001}"#,
        "Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000",
    );
    one(
        Operation::GetShardIterator,
        r#"{"ShardId":"shardId-0","ShardIteratorType":"LATER"}"#,
        "Value 'LATER' at 'shardIteratorType' failed to satisfy constraint: Member must satisfy enum value set: \
         [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]",
    );
    one(
        Operation::GetShardIterator,
        r#"{"ShardId":"shardId-0","ShardIteratorType":"LATEST","StartingSequenceNumber":"01"}"#,
        r"Value '01' at 'startingSequenceNumber' failed to satisfy constraint: Member must satisfy regular expression pattern: 0|([1-9]\d{0,128})",
    );
    let key = "ä".repeat(257);
    one(
        Operation::PutRecord,
        &format!(r#"{{"Data":"","PartitionKey":"{key}"}}"#),
        &format!(
            "Value '{key}' at 'partitionKey' failed to satisfy constraint: Member must have length less than or equal to 256"
        ),
    );
    one(
        Operation::ListShards,
        r#"{"ShardFilter":{}}"#,
        "Value null at 'shardFilter.type' failed to satisfy constraint: Member must not be null",
    );
}

#[test]
fn several_broken_constraints_are_reported_together() {
    assert_eq!(
        validation_text(Operation::DescribeStream, r#"{"StreamName":"","Limit":0}"#),
        "3 validation errors detected: \
         Value '' at 'streamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
         Value '' at 'streamName' failed to satisfy constraint: Member must have length greater than or equal to 1; \
         Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
    );
    // The stream's name is missed only beside other members.
    assert_eq!(
        validation_text(Operation::MergeShards, r#"{"ShardToMerge":"0"}"#),
        "2 validation errors detected: \
         Value null at 'adjacentShardToMerge' failed to satisfy constraint: Member must not be null; \
         Value null at 'streamName' failed to satisfy constraint: Member must not be null"
    );
    let arn = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";
    assert_eq!(
        validation_text(
            Operation::MergeShards,
            &format!(r#"{{"ShardToMerge":"0","StreamARN":"{arn}"}}"#)
        ),
        "1 validation error detected: \
         Value null at 'adjacentShardToMerge' failed to satisfy constraint: Member must not be null"
    );
    let records = vec![r#"{"Data":"","PartitionKey":""}"#; 30].join(",");
    let text = validation_text(
        Operation::PutRecords,
        &format!(r#"{{"Records":[{records}]}}"#),
    );
    assert!(text.starts_with(
        "10 validation errors detected: Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: \
         Member must have length greater than or equal to 1; Value '' at 'records.2.member.partitionKey' failed"
    ));
    assert!(text.contains("records.10.member.partitionKey") && !text.contains("records.11.member"));
}

#[test]
fn payloads_and_lists_of_structures_are_not_shown() {
    let data = base64_simd::STANDARD.encode_to_string(vec![0u8; 10_485_761]);
    assert_eq!(
        validation_text(
            Operation::PutRecords,
            &format!(
                r#"{{"Records":[{{"Data":"","PartitionKey":"a"}},{{"Data":"{data}","PartitionKey":"a"}}]}}"#
            )
        ),
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy constraint: \
         Member must have length less than or equal to 10485760"
    );
    let records = vec![r#"{"Data":"","PartitionKey":"a"}"#; 501].join(",");
    assert_eq!(
        validation_text(
            Operation::PutRecords,
            &format!(r#"{{"Records":[{records}]}}"#)
        ),
        "1 validation error detected: Value at 'records' failed to satisfy constraint: \
         Member must have length less than or equal to 500"
    );
    assert_eq!(
        validation_text(Operation::PutRecords, r#"{"Records":[]}"#),
        "1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: \
         Member must have length greater than or equal to 1"
    );
}

#[test]
fn members_of_lists_and_maps_are_reported_at_the_list_or_map() {
    let long = "k".repeat(129);
    assert_eq!(
        validation_text(
            Operation::RemoveTagsFromStream,
            &format!(r#"{{"TagKeys":["a","{long}"]}}"#)
        ),
        format!(
            "1 validation error detected: Value '[a, {long}]' at 'tagKeys' failed to satisfy constraint: \
             Member must satisfy constraint: [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1]"
        )
    );
    assert_eq!(
        validation_text(
            Operation::AddTagsToStream,
            &format!(r#"{{"Tags":{{"a":"b","{long}":"c"}}}}"#)
        ),
        format!(
            "1 validation error detected: Value '{{a=b, {long}=c}}' at 'tags' failed to satisfy constraint: \
             Map keys must satisfy constraint: [Member must have length less than or equal to 128, \
             Member must have length greater than or equal to 1]"
        )
    );
    let value = "v".repeat(257);
    assert_eq!(
        validation_text(
            Operation::AddTagsToStream,
            &format!(r#"{{"Tags":{{"a":"{value}"}}}}"#)
        ),
        format!(
            "1 validation error detected: Value '{{a={value}}}' at 'tags' failed to satisfy constraint: \
             Map value must satisfy constraint: [Member must have length less than or equal to 256, \
             Member must have length greater than or equal to 0]"
        )
    );
    assert_eq!(
        validation_text(
            Operation::EnableEnhancedMonitoring,
            r#"{"ShardLevelMetrics":["None"]}"#
        ),
        "1 validation error detected: Value '[None]' at 'shardLevelMetrics' failed to satisfy constraint: \
         Member must satisfy constraint: [Member must satisfy enum value set: [IncomingBytes, IncomingRecords, \
         OutgoingBytes, OutgoingRecords, WriteProvisionedThroughputExceeded, ReadProvisionedThroughputExceeded, \
         IteratorAgeMilliseconds, ALL]]"
    );
    assert_eq!(
        validation_text(Operation::RemoveTagsFromStream, r#"{"TagKeys":[null]}"#),
        "1 validation error detected: Value null at 'tagKeys.1.member' failed to satisfy constraint: \
         Member must not be null"
    );
}

fn checked(operation: Operation, encoding: Encoding, body: &str) -> Value<'_> {
    let mut value = json::parse(body.as_bytes()).unwrap();
    check(operation, encoding, &mut value).unwrap();
    value
}

#[test]
fn good_values_are_converted() {
    let value = checked(
        Operation::DescribeStream,
        Encoding::Json,
        r#"{"StreamName":"meters","Limit":9.9,"Unknown":[{}],"StreamARN":null}"#,
    );
    assert_eq!(value.get("Limit"), Some(&Value::Integer(9)));
    assert_eq!((value.get("Unknown"), value.get("StreamARN")), (None, None));

    let hours = |given: &str, expected: i64| {
        let body = format!(r#"{{"RetentionPeriodHours":{given}}}"#);
        let value = checked(
            Operation::IncreaseStreamRetentionPeriod,
            Encoding::Json,
            &body,
        );
        assert_eq!(
            value.get("RetentionPeriodHours"),
            Some(&Value::Integer(expected)),
            "{given}"
        );
    };
    hours("24.5", 24);
    hours("2147483648", 2_147_483_647);
    hours("1e300", 2_147_483_647);
    // What is below the least is shown as it was read.
    for (given, read) in [("-0.5", "-1"), ("-99999999999999999999", "-2147483648")] {
        let body = format!(r#"{{"RetentionPeriodHours":{given}}}"#);
        assert_eq!(
            validation_text(Operation::IncreaseStreamRetentionPeriod, &body),
            format!(
                "1 validation error detected: Value '{read}' at 'retentionPeriodHours' failed to satisfy constraint: \
                 Member must have value greater than or equal to 1"
            )
        );
    }

    for (text, truth) in [
        ("true", true),
        ("Yes", true),
        ("1", true),
        ("FALSE", false),
        ("0", false),
        ("no", false),
    ] {
        let body = format!(r#"{{"EnforceConsumerDeletion":"{text}"}}"#);
        let value = checked(Operation::DeleteStream, Encoding::Json, &body);
        assert_eq!(
            value.get("EnforceConsumerDeletion"),
            Some(&Value::Bool(truth))
        );
    }

    let moment = |encoding, given: &str, expected_ms: i64| {
        let body =
            format!(r#"{{"ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":{given}}}"#);
        let value = checked(Operation::GetShardIterator, encoding, &body);
        assert_eq!(
            value.get("Timestamp"),
            Some(&Value::TimestampMs(expected_ms)),
            "{given}"
        );
    };
    moment(Encoding::Json, "1793620957.318", 1_793_620_957_318);
    moment(Encoding::Json, "1793620837", 1_793_620_837_000);
    moment(Encoding::Cbor, "1793620957318", 1_793_620_957_318);

    let value = checked(
        Operation::PutRecord,
        Encoding::Json,
        r#"{"PartitionKey":"a","Data":"AAE="}"#,
    );
    assert_eq!(value.get("Data"), Some(&Value::Bytes(vec![0, 1].into())));
}
