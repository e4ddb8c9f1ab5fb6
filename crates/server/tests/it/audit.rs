//! What the audit log says of a server with keys, and what it does not.

use serde_json::Value;

use crate::signed::{ADMIN, Key, NOBODY, SignedServer};

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
    let path = server.file("audit.json");
    let SignedServer { server, .. } = &server;
    let id = denied.header("x-amzn-requestid").to_owned();
    let address = server.address.ip().to_string();
    // The folder stays until the file was read.
    let text = {
        let wait = async {
            loop {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.lines().count() >= 5 {
                    return text;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::test_server::PATIENCE, wait)
            .await
            .unwrap()
    };
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
