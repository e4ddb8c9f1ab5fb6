//! What the audit log says of a server with keys, and what it does not.

use serde_json::Value;

use crate::signed::{ADMIN, Key, NOBODY, SignedServer};

/// The audit log, once it has so many lines.
async fn written(server: &SignedServer, lines: usize) -> String {
    let path = server.file("audit.json");
    let wait = async {
        loop {
            let text = std::fs::read_to_string(&path).unwrap();
            if text.lines().count() >= lines {
                return text;
            }
            tokio::task::yield_now().await;
        }
    };
    let patience = crate::test_server::PATIENCE;
    tokio::time::timeout(patience, wait).await.unwrap()
}

#[tokio::test]
async fn denials_and_changes_are_written_and_secrets_are_not() {
    let server = SignedServer::with(crate::signed::KEYS, |settings, folder| {
        settings.audit_log = Some(folder.join("audit.json"));
    })
    .await;
    let create = r#"{"StreamName":"meters","ShardCount":1}"#;
    let put = r#"{"StreamName":"meters","Data":"cGF5bG9hZA==","PartitionKey":"a"}"#;
    assert_eq!(server.call(ADMIN, "CreateStream", create).await.status, 200);
    assert_eq!(server.call(ADMIN, "PutRecord", put).await.status, 200);
    let denied = server.call(NOBODY, "PutRecord", put).await;
    server
        .call(NOBODY, "DeleteStream", r#"{"StreamName":"meters"}"#)
        .await;
    server
        .call(
            Key("ADMIN", "not-the-secret-of-anybody"),
            "ListStreams",
            "{}",
        )
        .await;
    server.tables(NOBODY, "ListTables", "{}").await;
    let id = denied.header("x-amzn-requestid").to_owned();
    let address = server.server.address.ip().to_string();
    let text = written(&server, 5).await;
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let seen: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["action"].as_str().unwrap(),
                line["outcome"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("kinesis:CreateStream", "ok"),
            ("kinesis:PutRecord", "AccessDeniedException"),
            ("kinesis:DeleteStream", "AccessDeniedException"),
            ("kinesis:ListStreams", "InvalidSignatureException"),
            ("dynamodb:ListTables", "AccessDeniedException"),
        ]
    );
    assert_eq!(lines[1]["request_id"], id);
    assert_eq!(lines[1]["source"], address);
    assert_eq!(
        lines[1]["principal"],
        "arn:aws:iam::111111111111:user/nobody"
    );
    assert_eq!(lines[3]["access_key"], "ADMIN");
    assert_eq!(lines[3]["principal"], Value::Null);
    assert_eq!(lines[2]["account"], "111111111111");
    let meters = "arn:aws:kinesis:eu-west-1:111111111111:stream/meters";
    for line in &lines[..3] {
        assert_eq!(line["resource"], meters, "what was asked about");
    }
    assert_eq!(lines[3]["resource"], Value::Null, "nothing was asked");
    for secret in ["secret", "cGF5bG9hZA", "Signature="] {
        assert!(!text.contains(secret), "{text}");
    }
}

/// Anybody may present anything as an access key, as long as a head may be; nobody's disk is to hold it.
#[tokio::test]
async fn an_access_key_of_a_stranger_is_written_up_to_a_bound() {
    let server = SignedServer::with(crate::signed::KEYS, |settings, folder| {
        settings.audit_log = Some(folder.join("audit.json"));
    })
    .await;
    let presented: &'static str = "STRANGER".repeat(250).leak();
    let stranger = Key(presented, "not-the-secret-of-anybody");
    let refused = server.call(stranger, "ListStreams", "{}").await;
    assert_eq!(refused.status, 400);
    let text = written(&server, 1).await;
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["access_key"], presented[..128]);
}
