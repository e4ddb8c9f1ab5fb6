//! The fast readers agree with the way through values wherever they answer.

use std::cell::Cell;
use std::fmt::Debug;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::TestRunner;

use super::*;
use crate::decode::{checked, put};
use crate::encoding::Encoding;
use crate::test_cases::cases;
use crate::{ApiError, Operation, decode};

/// JSON of a string, some characters of it escaped.
fn json_string(text: &str, escaped: bool) -> String {
    if escaped {
        let chars = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        format!("\"{}\"", chars.collect::<String>())
    } else {
        serde_json::to_string(text).unwrap()
    }
}

fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        60 => "[a-zA-Z0-9 _.-]{1,40}",
        15 => "\\PC{1,12}",
        1 => "[\"\\\\\n\t/é\u{1f600}]{1,4}",
        1 => Just(String::new()),
        1 => (254usize..259).prop_map(|length| "k".repeat(length)),
        1 => (126usize..131, select(vec!["é", "€", "\u{1f600}"])).prop_map(|(half, char)| char.repeat(half * 2)),
    ]
}

fn any_base64() -> impl Strategy<Value = String> {
    let good = prop::collection::vec(any::<u8>(), 0..130)
        .prop_map(|bytes| base64_simd::STANDARD.encode_to_string(bytes));
    prop_oneof![
        80 => good.clone(),
        1 => (good, any::<Index>(), any::<char>()).prop_map(|(text, at, char)| {
            let mut chars: Vec<_> = text.chars().chain(['=']).collect();
            let at = at.index(chars.len());
            chars[at] = char;
            chars.into_iter().collect()
        }),
        1 => "[A-Za-z0-9+/=]{0,48}",
    ]
}

fn any_hash_key() -> impl Strategy<Value = String> {
    prop_oneof![
        50 => "(0|[1-9][0-9]{0,38})",
        1 => "[0-9]{38,41}",
        1 => "[0-9a-]{0,4}",
    ]
}

/// A member's value: mostly the text that belongs there.
fn any_value(text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    let odd = select(vec![
        "null",
        "true",
        "1",
        "1.5",
        "{}",
        "[]",
        "[{\"a\":[null]}]",
        "\"\"",
        "nul",
        "",
    ]);
    prop_oneof![
        150 => text.prop_map(|text| json_string(&text, false)).boxed(),
        1 => odd.prop_map(str::to_owned).boxed(),
    ]
    .boxed()
}

fn any_escaped(text: impl Strategy<Value = String> + 'static) -> BoxedStrategy<String> {
    text.prop_map(|text| json_string(&text, true)).boxed()
}

type Member = (&'static str, BoxedStrategy<String>);

/// An object of most of these members, in any order, now and then with one twice, an unknown one or an escaped name.
fn any_object(members: Vec<Member>) -> BoxedStrategy<String> {
    let own = members
        .into_iter()
        .map(|(name, value)| (Just(name), prop::option::weighted(0.98, value)))
        .collect::<Vec<_>>();
    let unknown = (
        select(vec![
            "Unknown",
            "StreamId",
            "DryRun",
            "Data",
            "PartitionKey",
            "StreamName",
            "Limit",
            "records",
            "",
        ]),
        select(vec![
            "1",
            "\"a\"",
            "null",
            "{\"a\":[1,{}]}",
            "[[[]]]",
            "false",
        ])
        .prop_map(str::to_owned),
    );
    let extra = prop::option::weighted(0.02, unknown);
    (
        own,
        extra,
        any_blanks(),
        prop::bool::weighted(0.01),
        any::<Index>(),
    )
        .prop_map(|(own, extra, blanks, escapes_names, turn)| {
            let mut all: Vec<_> = own
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            if !all.is_empty() {
                let turn = turn.index(all.len());
                all.rotate_left(turn);
            }
            all.extend(extra);
            let all = all.iter().map(|(name, value)| {
                let name = json_string(name, escapes_names);
                format!("{blanks}{name}{blanks}:{blanks}{value}{blanks}")
            });
            format!("{{{}}}", all.collect::<Vec<_>>().join(","))
        })
        .boxed()
}

fn any_blanks() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", " ", "\n  ", "\t\r"])
}

fn stream_members() -> Vec<Member> {
    let arn = "arn:aws:kinesis:eu-west-1:210987654321:stream/meters";
    vec![
        (
            "StreamName",
            any_value(
                prop_oneof![20 => "[a-zA-Z0-9_.-]{1,20}", 1 => "[a-z /é]{0,3}", 1 => "[a-z]{127,130}"],
            ),
        ),
        (
            "StreamARN",
            any_value(prop_oneof![20 => Just(arn.to_owned()), 1 => "arn:aws:[a-z:0-9]{0,20}"]),
        ),
    ]
}

fn record_members() -> Vec<Member> {
    vec![
        (
            "Data",
            prop_oneof![150 => any_value(any_base64()), 1 => any_escaped(any_base64())].boxed(),
        ),
        (
            "PartitionKey",
            prop_oneof![150 => any_value(any_key()), 1 => any_escaped(any_key())].boxed(),
        ),
        ("ExplicitHashKey", any_value(any_hash_key())),
    ]
}

fn any_put_records() -> impl Strategy<Value = String> {
    let records = prop::collection::vec(any_object(record_members()), 0..5);
    let list = (records, any_blanks()).prop_map(|(records, blanks)| {
        format!(
            "[{blanks}{}{blanks}]",
            records.join(&format!("{blanks},{blanks}"))
        )
    });
    let mut members = stream_members();
    members.push(("Records", list.boxed()));
    any_object(members)
}

fn any_put_record() -> impl Strategy<Value = String> {
    let mut members = stream_members();
    members.extend(record_members());
    members.push((
        "SequenceNumberForOrdering",
        any_value(prop_oneof![8 => "[1-9][0-9]{55}", 1 => "[0-9]{0,131}"]),
    ));
    any_object(members)
}

fn any_get_records() -> impl Strategy<Value = String> {
    let mut members = stream_members();
    members.retain(|(name, _)| *name == "StreamARN");
    members.push(("ShardIterator", any_value(prop_oneof![20 => "[A-Za-z0-9+/=]{1,300}", 1 => "[A-Za-z\"]{0,3}", 1 => "[a-z]{511,514}"])));
    members.push(("Limit", prop_oneof![20 => (0i32..10_003).prop_map(|limit| limit.to_string()), 1 => "-?[0-9.e]{1,12}"].boxed()));
    any_object(members)
}

/// The body, in one case of four with a byte changed, put in or left out.
fn damaged(body: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b"\"\\{}[]:, =0\n\x00\xc3\xff".to_vec()), any::<u8>()];
    let change = (any::<Index>(), byte, 0..3usize);
    (body, prop::option::weighted(0.25, change)).prop_map(|(body, change)| {
        let mut body = body.into_bytes();
        if let Some((at, byte, how)) = change {
            let at = at.index(body.len());
            let new = [vec![byte], vec![byte, body[at]], vec![]];
            body.splice(at..=at, new[how].clone());
        }
        body
    })
}

/// A record whose payload is decoded, so that both ways compare equal.
type Owned = (Option<String>, Option<String>, Vec<u8>);

fn owned(record: RecordToPut<'_>) -> Owned {
    let mut bytes = Vec::new();
    record.data.append_to(&mut bytes).unwrap();
    assert_eq!(record.data.decoded_len(), bytes.len());
    let hash_key = record.explicit_hash_key.map(Cow::into_owned);
    (record.partition_key.map(Cow::into_owned), hash_key, bytes)
}

fn owned_put_records(
    request: PutRecordsRequest<'_>,
) -> (Option<String>, Option<String>, Vec<Owned>) {
    (
        request.stream_name.map(Cow::into_owned),
        request.stream_arn.map(Cow::into_owned),
        request.records.into_iter().map(owned).collect(),
    )
}

fn owned_put_record(request: PutRecordRequest<'_>) -> [Option<String>; 3] {
    [
        request.stream_name.map(Cow::into_owned),
        request.stream_arn.map(Cow::into_owned),
        request.sequence_number_for_ordering.map(Cow::into_owned),
    ]
}

fn agree<T: PartialEq + Debug>(
    name: &str,
    count: u32,
    bodies: impl Strategy<Value = String>,
    fast: impl Fn(&[u8]) -> Option<T>,
    slow: impl Fn(&[u8]) -> Result<T, ApiError>,
) {
    let config = cases(name, count);
    let (all, answered) = (Cell::new(0u32), Cell::new(0u32));
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&damaged(bodies), |body| {
        all.set(all.get() + 1);
        if let Some(request) = fast(&body) {
            answered.set(answered.get() + 1);
            prop_assert_eq!(
                Ok(request),
                slow(&body),
                "{}",
                String::from_utf8_lossy(&body)
            );
        }
        Ok(())
    });
    outcome.unwrap();
    println!(
        "{name}: the fast reader answered {} of {}",
        answered.get(),
        all.get()
    );
    assert!(
        answered.get() > all.get() / 5,
        "the fast reader answers ordinary bodies"
    );
}

#[test]
fn put_records_agrees() {
    let slow = |body: &[u8]| {
        let value = checked(Operation::PutRecords, Encoding::Json, body)?;
        put::put_records(value).map(owned_put_records)
    };
    agree(
        "fast PutRecords",
        4000,
        any_put_records(),
        |body| put_records(body).map(owned_put_records),
        slow,
    );
}

#[test]
fn put_record_agrees() {
    let both =
        |request: PutRecordRequest<'_>| (owned(request.record.clone()), owned_put_record(request));
    let slow = |body: &[u8]| {
        let value = checked(Operation::PutRecord, Encoding::Json, body)?;
        put::put_record(value).map(both)
    };
    agree(
        "fast PutRecord",
        4000,
        any_put_record(),
        |body| put_record(body).map(both),
        slow,
    );
}

#[test]
fn get_records_agrees() {
    let slow = |body: &[u8]| decode(Operation::GetRecords, Encoding::Json, body);
    agree(
        "fast GetRecords",
        4000,
        any_get_records(),
        get_records,
        slow,
    );
}

#[test]
fn ordinary_bodies_take_the_fast_way() {
    let body = br#"{"StreamName": "meters", "Records": [{"Data": "", "PartitionKey": "sensor-7"},
        {"PartitionKey":"\u00e9","Data":"AA==","ExplicitHashKey":"340282366920938463463374607431768211456"}]}"#;
    assert!(put_records(body).is_none(), "an escape is not ordinary");
    let body = String::from_utf8_lossy(body).replace(r"\u00e9", "é");
    let request = put_records(body.as_bytes()).unwrap();
    assert_eq!(request.records.len(), 2);
    assert_eq!(request.records[1].partition_key.as_deref(), Some("é"));
    assert!(matches!(
        request.records[1].data,
        RecordData::Base64(b"AA==")
    ));
    let body =
        br#"{"StreamName":"meters","PartitionKey":"sensor-7","Data":"eyJ0ZW1wIjoyMS41fQ=="}"#;
    assert_eq!(put_record(body).unwrap().record.data.decoded_len(), 13);
    let body = br#"{"ShardIterator":"AAAAAAAAAAH","Limit":10000}"#;
    assert_eq!(get_records(body).unwrap().limit, Some(10_000));
    let records = |count| {
        let records = vec![r#"{"Data":"","PartitionKey":"a"}"#; count].join(",");
        format!(r#"{{"Records":[{records}]}}"#)
    };
    assert!(put_records(records(500).as_bytes()).is_some());
    assert!(put_records(records(501).as_bytes()).is_none());
}
