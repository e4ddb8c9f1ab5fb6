//! AWS's order of checks, answer by answer.

use crate::client::{AUTHORIZATION, Answer};
use crate::test_server::TestServer;

const TARGET: (&str, &str) = ("x-amz-target", "Kinesis_20131202.ListStreams");
const UNKNOWN: (&str, &str) = ("x-amz-target", "Kinesis_20131202.NoSuchOperation");
const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.1");
const CBOR: (&str, &str) = ("content-type", "application/x-amz-cbor-1.1");
const PLAIN: (&str, &str) = ("content-type", "application/json");
const SIGNED: (&str, &str) = ("authorization", AUTHORIZATION);
const DATE: (&str, &str) = ("x-amz-date", "20261123T120000Z");

const NO_OPERATION: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                            authorized</Message>\n</AccessDeniedException>\n";

async fn expect(headers: &[(&str, &str)], body: &str, status: u16, content_type: &str, text: &str) {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let answer = client.post(headers, body.as_bytes()).await;
    assert_eq!(answer.status, status, "{headers:?} {answer:?}");
    assert_eq!(answer.header("content-type"), content_type, "{headers:?}");
    assert_eq!(answer.text(), text, "{headers:?}");
    assert_has_ids(&answer);
    server.stop_cleanly().await;
}

fn assert_has_ids(answer: &Answer) {
    assert_eq!(answer.header("x-amzn-requestid").len(), 36, "{answer:?}");
    assert_eq!(answer.header("x-amz-id-2").len(), 96, "{answer:?}");
    assert!(!answer.header("date").is_empty(), "{answer:?}");
}

#[tokio::test]
async fn other_methods_name_no_operation() {
    let server = TestServer::start().await;
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let mut client = server.client().await;
        let answer = client.request(method, "/", &[TARGET, JSON], b"").await;
        assert_eq!(answer.status, 403, "{method}");
        assert_eq!(answer.text(), NO_OPERATION, "{method}");
        assert_eq!(answer.header("content-type"), "", "{method}");
        assert_has_ids(&answer);
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn an_empty_body_is_refused_before_anything_else_is_looked_at() {
    let json = "application/x-amz-json-1.1";
    expect(
        &[JSON, TARGET],
        "",
        400,
        json,
        r#"{"__type":"SerializationException"}"#,
    )
    .await;
    expect(
        &[JSON],
        "",
        400,
        json,
        r#"{"__type":"UnknownOperationException"}"#,
    )
    .await;
    let cbor = "application/x-amz-cbor-1.1";
    let unknown = "\u{bf}f__typex\u{19}UnknownOperationException\u{ff}";
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let answer = client.post(&[], b"").await;
    assert_eq!((answer.status, answer.header("content-type")), (400, cbor));
    let latin1: String = answer.body.iter().map(|&byte| char::from(byte)).collect();
    assert_eq!(latin1, unknown);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn other_content_types_get_the_answers_of_old_protocols() {
    let (no_operation, unknown) = (NO_OPERATION, "<UnknownOperationException/>\n");
    expect(
        &[("content-type", "text/plain"), TARGET],
        "{}",
        404,
        "",
        unknown,
    )
    .await;
    expect(&[TARGET, SIGNED], "{}", 404, "", unknown).await;
    expect(
        &[("content-type", "text/plain")],
        "{}",
        403,
        "",
        no_operation,
    )
    .await;
    expect(
        &[("x-amz-target", "Kinesis_20131202.")],
        "{}",
        403,
        "",
        no_operation,
    )
    .await;
    let serialization = r#"{"Output":{"__type":"com.amazon.coral.service#SerializationException"},"Version":"1.0"}"#;
    let operation = r#"{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}"#;
    expect(
        &[PLAIN, TARGET],
        "[",
        400,
        "application/json",
        serialization,
    )
    .await;
    expect(
        &[PLAIN, TARGET],
        "[]",
        400,
        "application/json",
        serialization,
    )
    .await;
    expect(
        &[PLAIN, TARGET, SIGNED],
        "{}",
        404,
        "application/json",
        operation,
    )
    .await;
}

#[tokio::test]
async fn bodies_are_read_before_targets_and_targets_before_credentials() {
    let json = JSON.1;
    let serialization = r#"{"__type":"SerializationException"}"#;
    for unreadable in ["{", "[]", "1", "\"a\"", "null", "{\"a\":1}x", "\u{1}"] {
        expect(&[JSON, UNKNOWN], unreadable, 400, json, serialization).await;
        expect(&[JSON, TARGET], unreadable, 400, json, serialization).await;
    }
    let unknown = r#"{"__type":"UnknownOperationException"}"#;
    expect(&[JSON, UNKNOWN], "{}", 400, json, unknown).await;
    expect(
        &[JSON, ("x-amz-target", "Other.ListStreams")],
        "{}",
        400,
        json,
        r#"{"__type":"UnknownOperationException","message":"Millstream has no ListStreams of Other."}"#,
    )
    .await;
    let missing = r#"{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#;
    expect(&[JSON, TARGET], "{}", 400, json, missing).await;
    let padded = (
        "content-type",
        " application/x-amz-json-1.1 ; charset=utf-8",
    );
    let in_capitals = ("content-type", "Application/X-Amz-JSON-1.1");
    for same in [padded, in_capitals] {
        expect(&[same, TARGET], "{}", 400, json, missing).await;
    }
    let cbor_missing = TestServer::start().await;
    let mut client = cbor_missing.client().await;
    let answer = client.post(&[CBOR, TARGET], b"\xa0").await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (400, CBOR.1)
    );
    assert_eq!(
        answer.header("x-amzn-errortype"),
        "MissingAuthenticationTokenException"
    );
    cbor_missing.stop_cleanly().await;
}

#[tokio::test]
async fn credentials_are_looked_at_before_members() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let wrong_type = br#"{"Limit":"x"}"#;
    let answer = client.post(&[JSON, TARGET], wrong_type).await;
    assert_eq!(answer.error(), "MissingAuthenticationTokenException");
    let answer = client.post(&[JSON, TARGET, SIGNED], wrong_type).await;
    assert_eq!(answer.error(), "IncompleteSignatureException");
    let answer = client
        .request(
            "POST",
            "/?X-Amz-Algorithm=a",
            &[JSON, TARGET, SIGNED, DATE],
            wrong_type,
        )
        .await;
    assert_eq!(answer.error(), "InvalidSignatureException");
    let answer = client.post(&[JSON, TARGET, SIGNED, DATE], wrong_type).await;
    assert_eq!(
        answer.text(),
        r#"{"__type":"SerializationException","Message":"class java.lang.String can not be converted to an Integer"}"#
    );
    let answer = client
        .post(&[JSON, TARGET, SIGNED, DATE], br#"{"Limit":0}"#)
        .await;
    assert_eq!(answer.error(), "ValidationException");
    assert_eq!(answer.header("x-amzn-errortype"), "ValidationException");
    let answer = client.post(&[JSON, TARGET, SIGNED, DATE], b"{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_has_ids(&answer);
    server.stop_cleanly().await;
}
