//! Who may call: hosts, origins, and what needs no credentials.

use crate::client::AUTHORIZATION;
use crate::test_server::TestServer;

const LIST: [(&str, &str); 4] = [
    ("x-amz-target", "Kinesis_20131202.ListStreams"),
    ("content-type", "application/x-amz-json-1.1"),
    ("authorization", AUTHORIZATION),
    ("x-amz-date", "20261123T120000Z"),
];

fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    LIST.iter().chain(more).copied().collect()
}

#[tokio::test]
async fn names_of_other_machines_are_refused_whatever_they_ask() {
    let server = TestServer::start().await;
    for host in ["example.com", "localhost.example.com:4566", "10.1.2.3"] {
        let mut client = server.client().await;
        let answer = client.post(&with(&[("host", host)]), b"{}").await;
        assert_eq!(answer.status, 403, "{host}");
        assert_eq!(answer.error(), "AccessDeniedException", "{answer:?}");
        let mut client = server.client().await;
        let health = client
            .request("GET", "/health", &[("host", host)], b"")
            .await;
        assert_eq!(health.status, 403, "{host}");
    }
    let mut client = server.client().await;
    let answer = client
        .post(&with(&[("host", "kinesis.localhost:1")]), b"{}")
        .await;
    assert_eq!(answer.status, 200);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let server = TestServer::start().await;
    let own = format!("http://{}", server.address);
    let host = server.address.to_string();
    let mut client = server.client().await;
    let answer = client
        .post(&with(&[("host", &host), ("origin", &own)]), b"{}")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), own);
    assert!(
        answer
            .header("access-control-expose-headers")
            .contains("x-amzn-RequestId")
    );
    for origin in ["https://example.com", "null", "http://localhost:1"] {
        let mut client = server.client().await;
        let answer = client
            .post(&with(&[("host", &host), ("origin", origin)]), b"{}")
            .await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
        let asking = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
        ];
        let mut client = server.client().await;
        let answer = client.request("OPTIONS", "/", &asking, b"").await;
        assert_eq!(answer.status, 403, "{origin}");
    }
    server.stop_cleanly().await;
}

#[tokio::test]
async fn named_origins_get_the_answers_that_browsers_want() {
    let server = TestServer::with(|settings| {
        settings.cors_origin = vec!["*".into()];
    })
    .await;
    let mut client = server.client().await;
    let asking = [
        ("origin", "https://example.com"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "x-amz-target,authorization",
        ),
    ];
    let answer = client.request("OPTIONS", "/", &asking, b"").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    for (name, value) in [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "POST"),
        ("access-control-allow-headers", "x-amz-target,authorization"),
        ("access-control-max-age", "172800"),
        ("content-type", ""),
        ("x-amz-id-2", ""),
        ("access-control-expose-headers", ""),
        ("content-length", "0"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    let answer = client
        .post(&with(&[("origin", "https://example.com")]), b"{}")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    server.stop_cleanly().await;
}

#[tokio::test]
async fn health_needs_no_credentials() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let answer = client.request("GET", "/health", &[], b"").await;
    assert_eq!(answer.status, 200);
    let health = answer.json();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["engine"], "memory");
    assert_eq!(health["durability"], "none");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    // It is no answer of Kinesis.
    for header in ["x-amzn-requestid", "x-amz-id-2", "x-amz-request-id"] {
        assert_eq!(answer.header(header), "", "{header}");
    }
    let answer = client.request("HEAD", "/health", &[], b"").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    server.stop_cleanly().await;
}
