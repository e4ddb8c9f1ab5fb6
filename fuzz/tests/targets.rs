//! Every target as a property test: random bytes, and well-formed inputs that were cut, spliced and flipped.

use std::io::Write;

use millstream_fuzz::TARGETS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Inputs from which the mutated ones are made.
const SEEDS: &[&[u8]] = &[
    br#"5{"StreamName":"meters","ShardCount":2,"StreamModeDetails":{"StreamMode":"PROVISIONED"},"Tags":{"a":"b"}}"#,
    br#"{"StreamName":"meters","PartitionKey":"sensor-7","Data":"eyJ0ZW1wIjoyMS41fQ==","ExplicitHashKey":"0"}"#,
    br#"{"StreamName":"m","Records":[{"PartitionKey":"a","Data":""},{"Data":"AA==","PartitionKey":"\u00e4\"b"}]}"#,
    br#"{"StreamARN":"arn:aws:kinesis:eu-west-1:210987654321:stream/m","Records":[{"PartitionKey":"b","Data":"AAAA"}]}"#,
    br#"{"ShardIterator":"AAAAAAAAAAHtV4x=","Limit":10000}"#,
    br#"{"StreamName":"m","ShardId":"shardId-000000000001","ShardIteratorType":"AT_TIMESTAMP","Timestamp":1793620957.318}"#,
    b"49594189147623985939251953501666965394405037144469929986",
    b"\nhost: h\nx-amz-date: 20261102T120037Z\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261102/eu-west-1/kinesis/aws4_request, SignedHeaders=host;x-amz-date, Signature=0000000000000000000000000000000000000000000000000000000000000000",
    b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261102%2Feu-west-1%2Fkinesis%2Faws4_request&X-Amz-Date=20261102T120037Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00\nhost: h",
    br#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["210987654321"]},"Action":"kinesis:Get*","Resource":"arn:aws:kinesis:*:*:stream/*"}]}"#,
    br#"{"Statement":{"Effect":"Deny","Action":["*"],"Resource":"*"}}"#,
    b"arn:aws:kinesis:eu-west-1:210987654321:stream/m",
    b"\x00\x00\x00\x10\x00\x00\x00\x00\x05\xc2\x48\xeb\x7d\x98\xc8\xff",
    b"\xbf\x6aStreamName\x61m\x64Data\x43abc\x6cPartitionKey\x61k\xff",
    b"\xa2\x67Records\x9f\xa2\x64Data\x40\x6cPartitionKey\x61k\xff\x6aStreamName\x61m",
    b"UpdateItem\n{\"TableName\":\"leases\",\"Key\":{\"k\":{\"S\":\"a\"}},\"UpdateExpression\":\"SET a = if_not_exists(a, :v)\",\"ConditionExpression\":\"NOT (((a <> :v)))\",\"ExpressionAttributeValues\":{\":v\":{\"L\":[{\"N\":\"1\"}]}}}",
    b"Query\n{\"TableName\":\"leases\",\"KeyConditionExpression\":\"k = :v\",\"ExpressionAttributeValues\":{\":v\":{\"S\":\"a\"}}}",
    b"ExecuteStatement\n{\"Statement\":\"SELECT * FROM leases WHERE k = 'a'\"}",
    b"\xa1\x69Timestamp\xc1\x1b\x00\x00\x01\xa0\x13\xac\xcc\x38",
];

#[derive(Debug, Clone)]
enum Mutation {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Repeat(prop::sample::Index, u8),
    Splice(prop::sample::Index, &'static [u8]),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let splices = prop::sample::select(vec![
        &b"null"[..],
        b"[",
        b"{\"a\":",
        b"-1",
        b"1e999",
        b"\\ud800",
        b"\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbf",
        b"\"\"",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
        (any::<prop::sample::Index>(), any::<u8>())
            .prop_map(|(at, count)| Mutation::Repeat(at, count)),
        (any::<prop::sample::Index>(), splices).prop_map(|(at, bytes)| Mutation::Splice(at, bytes)),
    ]
}

fn apply(mut input: Vec<u8>, mutations: Vec<Mutation>) -> Vec<u8> {
    for mutation in mutations {
        if input.is_empty() {
            break;
        }
        match mutation {
            Mutation::Set(at, byte) => {
                let at = at.index(input.len());
                input[at] = byte;
            }
            Mutation::Cut(at) => input.truncate(at.index(input.len())),
            Mutation::Repeat(at, count) => {
                let at = at.index(input.len());
                let byte = input[at];
                input.splice(at..at, std::iter::repeat_n(byte, usize::from(count)));
            }
            Mutation::Splice(at, bytes) => {
                let at = at.index(input.len());
                input.splice(at..at, bytes.iter().copied());
            }
        }
    }
    input
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    let mutated = (prop::sample::select(SEEDS), vec(mutation(), 0..6));
    prop_oneof![
        1 => vec(any::<u8>(), 0..300),
        4 => mutated.prop_map(|(seed, mutations)| apply(seed.to_vec(), mutations)),
    ]
}

fn cases() -> u32 {
    let set = std::env::var("MILLSTREAM_CASES").ok();
    set.map_or(4000, |text| {
        text.parse().expect("MILLSTREAM_CASES is a number")
    })
}

#[test]
fn no_input_breaks_a_target() {
    for (name, target) in TARGETS {
        let config = Config {
            // Each of these opens a data folder.
            cases: if *name == "recovery" {
                cases() / 8
            } else {
                cases()
            },
            failure_persistence: None,
            ..Config::default()
        };
        let ran = std::cell::Cell::new(0u32);
        let result = TestRunner::new(config).run(&input(), |bytes| {
            target(&bytes);
            ran.set(ran.get() + 1);
            Ok(())
        });
        // Past the test harness, which keeps what passing tests print.
        writeln!(std::io::stdout(), "fuzz target {name}: {} cases", ran.get()).expect("printed");
        assert!(ran.get() > 0);
        result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}
