//! What keys may do: their own policies, policies of streams, other accounts, tables, and keys that change.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::signed::{ACCOUNT, ADMIN, KEYS, Key, NOBODY, OTHER_ACCOUNT, STRANGER, SignedServer};

const STREAM: &str = "arn:aws:kinesis:eu-west-1:111111111111:stream/meters";
const DENIED: &str = "AccessDeniedException";

async fn with_stream() -> SignedServer {
    let server = SignedServer::start().await;
    let body = r#"{"StreamName":"meters","ShardCount":1}"#;
    let created = server.call(ADMIN, "CreateStream", body).await;
    assert_eq!(created.status, 200, "{created:?}");
    server
}

async fn put(server: &SignedServer, key: Key) -> Answer {
    let body = json!({"StreamARN": STREAM, "Data": "YQ==", "PartitionKey": "a"});
    server.call(key, "PutRecord", &body.to_string()).await
}

async fn put_policy(server: &SignedServer, effect: &str, principal: &Value, action: &str) {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": effect, "Principal": principal, "Action": action, "Resource": STREAM
    }]});
    let body = json!({"ResourceARN": STREAM, "Policy": policy.to_string()});
    let answer = server
        .call(ADMIN, "PutResourcePolicy", &body.to_string())
        .await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (200, ""),
        "{answer:?}"
    );
    let named = json!({"ResourceARN": STREAM}).to_string();
    let got = server.call(ADMIN, "GetResourcePolicy", &named);
    assert_eq!(got.await.json()["Policy"], policy.to_string());
}

#[tokio::test]
async fn a_streams_policy_lets_another_account_in() {
    let server = with_stream().await;
    let refused = put(&server, STRANGER).await;
    assert_eq!(refused.error(), DENIED);
    assert!(
        refused.text().contains("no resource-based policy allows"),
        "{refused:?}"
    );
    put_policy(
        &server,
        "Allow",
        &json!({"AWS": OTHER_ACCOUNT}),
        "kinesis:Put*",
    )
    .await;
    assert_eq!(put(&server, STRANGER).await.status, 200);
    // Its own name leads to its own account, where there is nothing.
    let by_name = r#"{"StreamName":"meters","Data":"YQ==","PartitionKey":"a"}"#;
    let by_name = server.call(STRANGER, "PutRecord", by_name).await;
    assert_eq!(by_name.error(), "ResourceNotFoundException");
    let iterator = json!({"StreamARN": STREAM, "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON"})
    .to_string();
    assert_eq!(
        server
            .call(STRANGER, "GetShardIterator", &iterator)
            .await
            .error(),
        DENIED
    );
    // An iterator that somebody else got is no permission.
    let owned = server
        .call(ADMIN, "GetShardIterator", &iterator)
        .await
        .json();
    let read = json!({"ShardIterator": owned["ShardIterator"]}).to_string();
    assert_eq!(
        server.call(STRANGER, "GetRecords", &read).await.error(),
        DENIED
    );
    put_policy(
        &server,
        "Allow",
        &json!({"AWS": OTHER_ACCOUNT}),
        "kinesis:Get*",
    )
    .await;
    let read = server.call(STRANGER, "GetRecords", &read).await;
    assert_eq!(read.json()["Records"][0]["Data"], "YQ==", "{read:?}");
    assert_eq!(
        put(&server, STRANGER).await.error(),
        DENIED,
        "the old policy is replaced"
    );
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn a_streams_policy_speaks_of_its_own_account_too() {
    let server = with_stream().await;
    let user = json!({"AWS": "arn:aws:iam::111111111111:user/nobody"});
    put_policy(&server, "Allow", &user, "kinesis:PutRecord").await;
    assert_eq!(put(&server, NOBODY).await.status, 200);
    put_policy(
        &server,
        "Allow",
        &json!({"AWS": ACCOUNT}),
        "kinesis:PutRecord",
    )
    .await;
    assert_eq!(
        put(&server, NOBODY).await.error(),
        DENIED,
        "the account decides who of it"
    );
    put_policy(&server, "Deny", &json!("*"), "kinesis:PutRecord").await;
    let denied = put(&server, ADMIN).await;
    assert_eq!(denied.error(), DENIED);
    assert!(
        denied
            .text()
            .contains("with an explicit deny in a resource-based policy")
    );
    let named = json!({"ResourceARN": STREAM}).to_string();
    let deleted = server.call(ADMIN, "DeleteResourcePolicy", &named).await;
    assert_eq!((deleted.status, deleted.text().as_str()), (200, ""));
    assert_eq!(put(&server, ADMIN).await.status, 200);
    let none = server.call(ADMIN, "GetResourcePolicy", &named).await;
    assert_eq!(none.text(), r#"{"Policy":"{}"}"#);
    let again = server.call(ADMIN, "DeleteResourcePolicy", &named).await;
    assert_eq!(again.error(), "ResourceNotFoundException");
    assert!(
        again
            .text()
            .contains("No resource policy found for resource ARN")
    );
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn a_consumer_has_a_policy_of_its_own() {
    let server = with_stream().await;
    let body = json!({"StreamARN": STREAM, "ConsumerName": "billing"}).to_string();
    let registered = server.call(ADMIN, "RegisterStreamConsumer", &body).await;
    assert_eq!(registered.status, 200, "{registered:?}");
    let arn = registered.json()["Consumer"]["ConsumerARN"].clone();
    let named = json!({"ConsumerARN": arn}).to_string();
    let owner = json!({"ResourceARN": arn}).to_string();
    let described = server.call(STRANGER, "DescribeStreamConsumer", &named);
    assert_eq!(described.await.error(), DENIED);
    let policy = json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": OTHER_ACCOUNT},
        "Action": "kinesis:DescribeStreamConsumer", "Resource": arn}})
    .to_string();
    let body = json!({"ResourceARN": arn, "Policy": policy}).to_string();
    assert_eq!(
        server
            .call(STRANGER, "PutResourcePolicy", &body)
            .await
            .error(),
        DENIED
    );
    let put = server.call(ADMIN, "PutResourcePolicy", &body).await;
    assert_eq!((put.status, put.text().as_str()), (200, ""), "{put:?}");
    let got = server.call(ADMIN, "GetResourcePolicy", &owner).await;
    assert_eq!(got.json()["Policy"], policy);
    let of_stream = json!({"ResourceARN": STREAM}).to_string();
    let got = server.call(ADMIN, "GetResourcePolicy", &of_stream).await;
    assert_eq!(
        got.json()["Policy"],
        "{}",
        "the stream's own is another one"
    );
    let described = server
        .call(STRANGER, "DescribeStreamConsumer", &named)
        .await;
    assert_eq!(described.status, 200, "{described:?}");
    let removed = server
        .call(STRANGER, "DeregisterStreamConsumer", &named)
        .await;
    assert_eq!(removed.error(), DENIED);
    let deleted = server.call(ADMIN, "DeleteResourcePolicy", &owner).await;
    assert_eq!(deleted.status, 200, "{deleted:?}");
    let described = server.call(STRANGER, "DescribeStreamConsumer", &named);
    assert_eq!(described.await.error(), DENIED);
    let again = server.call(ADMIN, "DeleteResourcePolicy", &owner).await;
    assert_eq!(again.error(), "ResourceNotFoundException");
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn a_policy_that_is_not_understood_is_not_stored() {
    let server = with_stream().await;
    let condition = json!({"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kinesis:*",
        "Resource": STREAM, "Condition": {}}});
    for policy in [condition.to_string(), "{".into(), "{}".into()] {
        let body = json!({"ResourceARN": STREAM, "Policy": policy}).to_string();
        let refused = server.call(ADMIN, "PutResourcePolicy", &body).await;
        assert_eq!(
            refused.error(),
            "InvalidArgumentException",
            "{policy} {refused:?}"
        );
    }
    let named = json!({"ResourceARN": STREAM}).to_string();
    let got = server.call(ADMIN, "GetResourcePolicy", &named);
    assert_eq!(got.await.json()["Policy"], "{}");
    server.server.stop_cleanly().await;
}

/// The key of nobody with policies of its own.
fn with_policies(policies: &[Value]) -> String {
    let quoted: Vec<_> = policies
        .iter()
        .map(|policy| format!("'{policy}'"))
        .collect();
    KEYS.replace(
        "name = \"nobody\"",
        &format!("name = \"nobody\"\npolicies = [{}]", quoted.join(", ")),
    )
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Statement": {"Effect": effect, "Action": action, "Resource": resource}})
}

#[tokio::test]
async fn keys_change_while_the_server_runs() {
    let server = with_stream().await;
    assert_eq!(put(&server, NOBODY).await.error(), DENIED);
    server.rewrite_keys(&with_policies(&[statement(
        "Allow",
        "kinesis:Put*",
        "arn:*:stream/met*",
    )]));
    assert_eq!(put(&server, NOBODY).await.status, 200);
    server.rewrite_keys("[[key]]");
    assert_eq!(
        put(&server, NOBODY).await.status,
        200,
        "a bad file changes nothing"
    );
    // The secret of a key that was in use is another one now: what was derived from the old one is forgotten.
    server.rewrite_keys(&KEYS.replace(ADMIN.1, "a-new-secret-for-the-administrator"));
    assert_eq!(
        put(&server, ADMIN).await.error(),
        "InvalidSignatureException"
    );
    let renewed = Key("ADMIN", "a-new-secret-for-the-administrator");
    assert_eq!(put(&server, renewed).await.status, 200);
    server.rewrite_keys("");
    assert_eq!(
        put(&server, renewed).await.error(),
        "UnrecognizedClientException"
    );
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn tables_are_guarded_by_the_same_keys() {
    let create = json!({"TableName": "leases", "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]})
    .to_string();
    let item = |table: &str| json!({"TableName": table, "Item": {"k": {"S": "a"}}});
    let policies = [
        statement(
            "Allow",
            "dynamodb:*",
            "arn:aws:dynamodb:eu-west-1:111111111111:table/leases*",
        ),
        statement("Deny", "dynamodb:DeleteItem", "*"),
    ];
    let server = SignedServer::with(&with_policies(&policies), |_, _| {}).await;
    let made = server.tables(NOBODY, "CreateTable", &create).await;
    assert_eq!(made.status, 200, "{made:?}");
    for (operation, body, is_allowed) in [
        ("PutItem", item("leases"), true),
        (
            "PutItem",
            item("arn:aws:dynamodb:eu-west-1:111111111111:table/leases"),
            true,
        ),
        ("PutItem", item("others"), false),
        (
            "PutItem",
            item("arn:aws:dynamodb:eu-west-1:111111111111:table/others"),
            false,
        ),
        (
            "DeleteItem",
            json!({"TableName": "leases", "Key": {"k": {"S": "a"}}}),
            false,
        ),
        ("ListTables", json!({}), false),
        (
            "ExecuteStatement",
            json!({"Statement": "SELECT * FROM \"leases\""}),
            false,
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": item("leases")}]}),
            true,
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Put": item("leases")}, {"Put": item("others")}]}),
            false,
        ),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"Delete": {"TableName": "leases", "Key": {"k": {"S": "a"}}}}]}),
            false,
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"leases": {"Keys": [{"k": {"S": "a"}}]}}}),
            true,
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"others": {"Keys": [{"k": {"S": "a"}}]}}}),
            false,
        ),
    ] {
        let answer = server.tables(NOBODY, operation, &body.to_string()).await;
        if is_allowed {
            assert_eq!(answer.status, 200, "{operation} {body} {answer:?}");
        } else {
            assert_eq!(
                answer.error(),
                "com.amazon.coral.service#AccessDeniedException",
                "{operation} {body}"
            );
        }
    }
    for twice in [
        r#"{"TableName":"others","TableName":"leases","Item":{"k":{"S":"a"}}}"#,
        r#"{"TableName":"leases","TableName":"others","Item":{"k":{"S":"a"}}}"#,
    ] {
        let refused = server.tables(NOBODY, "PutItem", twice).await;
        assert_eq!(
            refused.error(),
            "com.amazon.coral.service#SerializationException"
        );
    }
    let everything = server.tables(
        ADMIN,
        "ExecuteStatement",
        r#"{"Statement":"SELECT * FROM \"leases\""}"#,
    );
    assert_eq!(everything.await.status, 200);
    let forged = server
        .tables(
            Key("ADMIN", "not-the-secret-of-anybody"),
            "ListTables",
            "{}",
        )
        .await;
    assert_eq!(
        forged.error(),
        "com.amazon.coral.service#InvalidSignatureException"
    );
    server.server.stop_cleanly().await;
}

#[tokio::test]
async fn tags_at_creation_need_a_permission_of_their_own() {
    let keys = with_policies(&[statement("Allow", "kinesis:CreateStream", "*")]);
    let server = SignedServer::with(&keys, |_, _| {}).await;
    let create = |tags: &str| format!(r#"{{"StreamName":"tagged","ShardCount":1{tags}}}"#);
    let with_tags = create(r#","Tags":{"a":"b"}"#);
    let refused = server.call(NOBODY, "CreateStream", &with_tags).await;
    assert_eq!(refused.error(), DENIED);
    let text = refused.text();
    assert!(text.contains("kinesis:AddTagsToStream"), "{text}");
    let created = server.call(NOBODY, "CreateStream", &create("")).await;
    assert_eq!(created.status, 200, "{created:?}");
    server.server.stop_cleanly().await;
}
