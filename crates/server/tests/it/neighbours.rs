//! Services that applications of streams call at the same address: one that is here, and many that are not.

use millstream_wire::Value;

use crate::client::{AUTHORIZATION, Answer};
use crate::signed::{ACCOUNT, ADMIN, HOST, Key, NOBODY, STRANGER, SignedServer, Signing};
use crate::test_server::TestServer;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const WHO: &str = "Action=GetCallerIdentity&Version=2011-06-15";
const NO_KEY: Key = Key("AKIDEXAMPLE", "any");

/// The text between two tags.
fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("<{name}>")).unwrap_or_default();
    rest.split_once(&format!("</{name}>")).unwrap_or_default().0
}

/// Checks an error of the query protocol; its message.
fn query_error(answer: &Answer, status: u16, code: &str) -> String {
    let text = answer.text();
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, "text/xml"),
        "{text}"
    );
    assert_eq!(element(&text, "Code"), code, "{text}");
    assert_eq!(element(&text, "Type"), "Sender", "{text}");
    assert_eq!(
        element(&text, "RequestId"),
        answer.header("x-amzn-requestid")
    );
    element(&text, "Message").to_owned()
}

/// A form, signed for a service.
async fn form(server: &SignedServer, signing: Signing<'_>, body: &str) -> Answer {
    let mut signed = signing.sign("", body);
    signed.headers.retain(|(name, _)| *name != "content-type");
    signed.headers.push(("content-type", FORM.into()));
    server.send(&signed).await
}

fn for_service<'a>(server: &SignedServer, key: Key, service: &'a str) -> Signing<'a> {
    Signing {
        service,
        ..server.signing(key)
    }
}

async fn unsigned(headers: &[(&str, &str)], path: &str, body: &[u8]) -> Answer {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let answer = client.request("POST", path, headers, body).await;
    server.stop_cleanly().await;
    answer
}

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let server = SignedServer::start().await;
    // No policy is needed to ask.
    for (key, name) in [(ADMIN, "admin"), (NOBODY, "nobody")] {
        let answer = form(&server, for_service(&server, key, "sts"), WHO).await;
        let text = answer.text();
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/xml"),
            "{text}"
        );
        let begin =
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">";
        assert!(text.starts_with(begin), "{text}");
        assert_eq!(
            element(&text, "Arn"),
            format!("arn:aws:iam::{ACCOUNT}:user/{name}")
        );
        assert_eq!(element(&text, "UserId"), key.0);
        assert_eq!(element(&text, "Account"), ACCOUNT);
        assert_eq!(
            element(&text, "RequestId"),
            answer.header("x-amzn-requestid")
        );
    }
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn without_keys_the_account_of_the_access_key_calls() {
    let scoped = |key: &str| {
        AUTHORIZATION
            .replace("kinesis/", "sts/")
            .replace(NO_KEY.0, key)
    };
    for (key, account) in [(NO_KEY.0, "000000000000"), ("123456789012", "123456789012")] {
        let authorization = scoped(key);
        let headers = [
            ("content-type", FORM),
            ("authorization", authorization.as_str()),
            ("x-amz-date", "20261123T120000Z"),
        ];
        let answer = unsigned(&headers, "/", WHO.as_bytes()).await;
        let text = answer.text();
        assert_eq!(answer.status, 200, "{text}");
        assert_eq!(
            element(&text, "Arn"),
            format!("arn:aws:iam::{account}:root")
        );
        assert_eq!(element(&text, "Account"), account);
        assert_eq!(element(&text, "UserId"), account);
    }
}

#[tokio::test]
async fn who_cannot_prove_who_it_is_is_refused_in_the_query_protocol() {
    let server = SignedServer::start().await;
    let unknown = Key("UNKNOWN", "secret-of-nobody-at-all");
    let answer = form(&server, for_service(&server, unknown, "sts"), WHO).await;
    query_error(&answer, 403, "InvalidClientTokenId");
    let forged = Key(ADMIN.0, "not-the-secret-of-this-key");
    let answer = form(&server, for_service(&server, forged, "sts"), WHO).await;
    query_error(&answer, 403, "SignatureDoesNotMatch");
    let mut client = server.server.client().await;
    let headers = [("host", HOST), ("content-type", FORM)];
    let answer = client.post(&headers, WHO.as_bytes()).await;
    query_error(&answer, 403, "MissingAuthenticationToken");
    let broken = [
        &headers[..],
        &[("authorization", "AWS4-HMAC-SHA256 Credential=a")],
    ]
    .concat();
    let answer = client.post(&broken, WHO.as_bytes()).await;
    query_error(&answer, 400, "IncompleteSignature");
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn forms_for_what_is_not_here_are_told_so() {
    let server = SignedServer::start().await;
    for (service, body, message) in [
        (
            "sts",
            "Action=AssumeRole&Version=2011-06-15",
            "Millstream has no AssumeRole of STS.",
        ),
        (
            "monitoring",
            "Action=DescribeAlarms",
            "Millstream has no DescribeAlarms of CloudWatch.",
        ),
        (
            "sns",
            "Version=1&Action=Publish",
            "Millstream has no Publish of SNS.",
        ),
        (
            "rds",
            "Action=%3Ca%3E",
            "Millstream has no such operation of rds.",
        ),
    ] {
        let answer = form(&server, for_service(&server, ADMIN, service), body).await;
        assert_eq!(query_error(&answer, 400, "InvalidAction"), message);
    }
    // What names no action is no request of any service.
    let answer = form(&server, for_service(&server, ADMIN, "sts"), "a=b").await;
    assert_eq!((answer.status, answer.header("content-type")), (403, ""));
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn metrics_are_put_and_read_by_whom_policies_allow_and_only_their_own() {
    let server = SignedServer::start().await;
    let call =
        async |key, body: &str| form(&server, for_service(&server, key, "monitoring"), body).await;
    let put = "Action=PutMetricData&Version=2010-08-01&Namespace=Test&MetricData.member.1.MetricName=m\
               &MetricData.member.1.Value=1";
    let list = "Action=ListMetrics&Version=2010-08-01";
    for (body, action) in [(put, "PutMetricData"), (list, "ListMetrics")] {
        let message = query_error(&call(NOBODY, body).await, 403, "AccessDenied");
        assert!(
            message.contains(&format!("cloudwatch:{action}")),
            "{message}"
        );
        query_error(&call(NO_KEY, body).await, 403, "InvalidClientTokenId");
    }
    let answer = call(ADMIN, put).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let listed = call(ADMIN, list).await.text();
    assert_eq!(element(&listed, "MetricName"), "m", "{listed}");
    let of_stranger = call(STRANGER, list).await.text();
    assert_eq!(element(&of_stranger, "Metrics"), "", "{of_stranger}");
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn services_that_are_not_here_are_named_in_the_callers_protocol() {
    let json = |version: &str| format!("application/x-amz-json-{version}");
    for (target, version, message) in [
        (
            "DynamoDBStreams_20120810.ListStreams",
            "1.0",
            "ListStreams of DynamoDB Streams",
        ),
        (
            "DynamoDB_20120810.DescribeLimits",
            "1.0",
            "DescribeLimits of DynamoDB",
        ),
        (
            "GraniteServiceVersion20100801.DescribeAlarms",
            "1.0",
            "DescribeAlarms of CloudWatch",
        ),
        (
            "Firehose_20150804.PutRecord",
            "1.1",
            "PutRecord of Firehose",
        ),
        (
            "Logs_20140328.PutLogEvents",
            "1.1",
            "PutLogEvents of CloudWatch Logs",
        ),
        (
            "Kinesis_20131202.CreateChannel",
            "1.1",
            "CreateChannel of Kinesis",
        ),
    ] {
        let content_type = json(version);
        let headers = [
            ("x-amz-target", target),
            ("content-type", content_type.as_str()),
        ];
        let answer = unsigned(&headers, "/", b"{}").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, content_type.as_str())
        );
        let name = answer.error();
        assert_eq!(
            name.rsplit('#').next(),
            Some("UnknownOperationException"),
            "{target}"
        );
        assert_eq!(
            answer.json()["message"],
            format!("Millstream has no {message}.")
        );
    }
    let headers = [
        ("x-amz-target", "Firehose_20150804.PutRecord"),
        ("content-type", "application/x-amz-cbor-1.1"),
    ];
    let answer = unsigned(&headers, "/", b"\xa0").await;
    assert_eq!(
        cbor_message(&answer, headers[1].1, 400),
        "Millstream has no PutRecord of Firehose."
    );
    let headers = [
        ("smithy-protocol", "rpc-v2-cbor"),
        ("content-type", "application/cbor"),
    ];
    let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    let answer = unsigned(&headers, path, b"\xa0").await;
    assert_eq!(answer.header("smithy-protocol"), "rpc-v2-cbor");
    let message = cbor_message(&answer, "application/cbor", 400);
    assert_eq!(message, "Millstream has no DescribeAlarms of CloudWatch.");
}

/// Checks an error in CBOR; its message.
fn cbor_message(answer: &Answer, content_type: &str, status: u16) -> String {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (status, content_type)
    );
    let body = millstream_wire::cbor::parse(&answer.body).unwrap();
    let text = |name| match body.get(name) {
        Some(Value::Text(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert!(!text("__type").is_empty());
    text("message")
}

#[tokio::test]
async fn a_foreign_host_is_refused_in_the_callers_protocol() {
    let host = ("host", "streams.example.com");
    let says = "The Host of a request must be a loopback name such as localhost or 127.0.0.1";
    for content_type in ["application/x-amz-json-1.0", "application/x-amz-json-1.1"] {
        let target = ("x-amz-target", "Kinesis_20131202.ListStreams");
        let headers = [host, ("content-type", content_type), target];
        let answer = unsigned(&headers, "/", b"{}").await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (403, content_type)
        );
        assert_eq!(answer.json()["message"], says);
    }
    let answer = unsigned(&[host, ("content-type", FORM)], "/", WHO.as_bytes()).await;
    assert_eq!(query_error(&answer, 403, "AccessDenied"), says);
    let headers = [host, ("content-type", "application/x-amz-cbor-1.1")];
    let answer = unsigned(&headers, "/", b"\xa0").await;
    assert_eq!(cbor_message(&answer, headers[1].1, 403), says);
    // In no protocol at all it stays as it was.
    let answer = unsigned(&[host], "/", b"?").await;
    assert!(
        answer.text().starts_with("<AccessDeniedException>"),
        "{answer:?}"
    );
}
