//! Whatever comes in, what goes out is in AWS's vocabulary, and the server goes on.

use std::cell::RefCell;
use std::io::Write as _;

use millstream_wire::{ErrorCode, Operation};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::client::{AUTHORIZATION, Answer, Client};
use crate::test_server::TestServer;

/// A request made of pieces that are each right, nearly right or wrong.
#[derive(Debug, Clone)]
struct RandomRequest {
    method: String,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn target() -> impl Strategy<Value = String> {
    let operation =
        prop::sample::select(Operation::ALL).prop_map(|operation| operation.name().to_owned());
    let table = prop::sample::select(vec![
        "PutItem",
        "GetItem",
        "Scan",
        "UpdateItem",
        "CreateTable",
        "Nope",
    ]);
    prop_oneof![
        6 => operation.prop_map(|name| format!("Kinesis_20131202.{name}")),
        2 => table.prop_map(|name| format!("DynamoDB_20120810.{name}")),
        1 => "[ -~]{0,40}",
        1 => "[A-Za-z]{1,10}\\.[A-Za-z]{1,10}",
    ]
}

fn content_type() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just("application/x-amz-json-1.1".to_owned()),
        2 => Just("application/x-amz-cbor-1.1".to_owned()),
        2 => Just("application/x-amz-json-1.0".to_owned()),
        1 => Just("application/json".to_owned()),
        1 => "[ -~]{0,30}",
    ]
}

fn authorization() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(AUTHORIZATION.to_owned()),
        1 => "AWS4-HMAC-SHA256 Credential=[0-9]{12}/d/[a-z-]{0,9}/kinesis/aws4_request, SignedHeaders=a, Signature=b",
        1 => "[ -~]{0,60}",
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "StreamName",
            "StreamARN",
            "ShardId",
            "ShardIterator",
            "ShardIteratorType",
            "Records",
            "Data",
            "PartitionKey",
            "ExplicitHashKey",
            "ShardCount",
            "Limit",
            "NextToken",
            "ShardFilter",
            "Type",
            "RetentionPeriodHours",
            "NewStartingHashKey",
            "ShardToSplit",
            "TableName",
            "Key",
            "Item",
            "S",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (1_u32..4).prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        "s|0|TRIM_HORIZON|LATEST|YQ==|AAAA|shardId-000000000000".prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::hash_map(name.clone(), inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => json().prop_map(|value| value.to_string().into_bytes()),
        2 => (json(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(value, at, byte)| {
            let mut text = value.to_string().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            text
        }),
        2 => prop::collection::vec(any::<u8>(), 0..200),
        1 => Just(Vec::new()),
    ]
}

fn request() -> impl Strategy<Value = RandomRequest> {
    let method =
        prop_oneof![9 => Just("POST".to_owned()), 1 => "GET|PUT|OPTIONS|DELETE|HEAD|[A-Z]{1,8}"];
    let path = prop_oneof![4 => Just("/".to_owned()), 1 => "/[a-zA-Z0-9/?&=%-]{0,30}"];
    let headers = (
        prop::option::weighted(0.9, target()),
        prop::option::weighted(0.9, content_type()),
        prop::option::weighted(0.8, authorization()),
        prop::option::weighted(0.9, Just("20261123T120000Z".to_owned())),
        prop::option::weighted(0.1, "[ -~]{0,30}".prop_map(String::from)),
        prop::option::weighted(0.1, "(http://)?[a-z.:0-9]{0,20}".prop_map(String::from)),
    );
    (method, path, headers, body()).prop_map(|(method, path, headers, body)| RandomRequest {
        method,
        path,
        headers: [
            ("x-amz-target", headers.0),
            ("content-type", headers.1),
            ("authorization", headers.2),
            ("x-amz-date", headers.3),
            ("origin", headers.4),
            ("host", headers.5),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect(),
        body,
    })
}

/// The error's name, if the answer has one and it is one that AWS gives.
fn assert_in_vocabulary(request: &RandomRequest, answer: &Answer) {
    let fail = |why: &str| panic!("{why}: {answer:?} to {request:?}");
    let text = answer.text();
    match answer.header("content-type") {
        "application/x-amz-json-1.1"
        | "application/x-amz-json-1.0"
        | "application/json"
        | "application/x-amz-cbor-1.1"
            if answer.status == 200 => {}
        "application/x-amz-json-1.1" | "application/x-amz-cbor-1.1" => {
            let name = answer.header("x-amzn-errortype");
            let known = ErrorCode::ALL.iter().find(|code| code.name() == name);
            let known =
                known.unwrap_or_else(|| panic!("an unknown error: {answer:?} to {request:?}"));
            // Hosts and origins are refused as forbidden, in whatever protocol.
            let is_forbidden = known == &ErrorCode::AccessDenied && answer.status == 403;
            if known.http_status() != answer.status && !is_forbidden {
                fail("the error has another status");
            }
            if !answer
                .body
                .windows(name.len())
                .any(|window| window == name.as_bytes())
            {
                fail("the body names another error");
            }
        }
        "application/x-amz-json-1.0" | "application/json" => {
            if !matches!(answer.status, 400 | 403 | 404 | 503)
                || !text.contains("\"__type\":\"com.amazon")
            {
                fail("no error of the table service");
            }
        }
        "text/xml" => {
            if !matches!(answer.status, 400 | 403 | 503) || !text.starts_with("<ErrorResponse>") {
                fail("no error of the query protocol");
            }
        }
        "" => {
            let is_xml = text.starts_with("<AccessDeniedException>")
                || text == "<UnknownOperationException/>\n";
            let is_fitting = match answer.status {
                // What the HTTP library answers to what is no request.
                400 | 414 | 431 => text.is_empty(),
                403 | 404 => is_xml || request.method == "HEAD",
                200 => request.method == "OPTIONS",
                _ => false,
            };
            if !is_fitting {
                fail("no answer that AWS gives");
            }
        }
        _ => fail("an unknown content type"),
    }
    if answer.status >= 500 && answer.status != 503 {
        fail("the server failed");
    }
}

#[test]
fn no_answer_is_outside_the_vocabulary() {
    let cases = std::env::var("MILLSTREAM_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(500);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(TestServer::start());
    // One connection for as long as the server keeps it.
    let client: RefCell<Option<Client>> = RefCell::new(None);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&request(), |request| {
            runtime.block_on(async {
                let mut used = match client.take() {
                    Some(client) => client,
                    None => server.client().await,
                };
                let answer = used.try_request(
                    &request.method,
                    &request.path,
                    &request.headers,
                    &request.body,
                );
                if let Some(answer) = answer.await {
                    assert_in_vocabulary(&request, &answer);
                    let stays = answer.header("connection") != "close";
                    client.replace(stays.then_some(used));
                }
            });
            Ok(())
        })
        .unwrap();
    runtime.block_on(async {
        let mut client = server.client().await;
        assert_eq!(client.call("ListStreams", "{}").await.status, 200);
        server.stop_cleanly().await;
    });
    // Past the test harness, which keeps what passing tests print.
    writeln!(std::io::stdout(), "random input to the port: {cases} cases").unwrap();
}
