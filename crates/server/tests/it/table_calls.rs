//! The calls that the KCL makes on its lease table, as its Java SDK sends them.

use serde_json::{Value, json};

use crate::client::{Answer, Client};
use crate::test_server::TestServer;

async fn ok(client: &mut Client, operation: &str, request: Value) -> Value {
    let answer = client.tables(operation, &request).await;
    assert_eq!(answer.status, 200, "{operation} {answer:?}");
    assert_table_headers(&answer);
    answer.json()
}

async fn refused(client: &mut Client, operation: &str, request: Value, error: &str) -> Value {
    let answer = client.tables(operation, &request).await;
    assert_eq!(answer.status, 400, "{operation} {answer:?}");
    assert_table_headers(&answer);
    let name = answer.error();
    assert_eq!(name.rsplit('#').next(), Some(error), "{answer:?}");
    answer.json()
}

fn assert_table_headers(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/x-amz-json-1.0");
    let crc = crc32fast::hash(&answer.body).to_string();
    assert_eq!(answer.header("x-amz-crc32"), crc);
    let id = answer.header("x-amzn-requestid");
    assert!(
        id.len() == 52
            && id
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()),
        "{id}"
    );
    assert_eq!(answer.header("x-amz-id-2"), "");
}

async fn create_lease_table(client: &mut Client) {
    let table = ok(
        client,
        "CreateTable",
        json!({
            "TableName": "app",
            "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
            "DeletionProtectionEnabled": false,
            "Tags": [],
        }),
    )
    .await;
    assert_eq!(
        table["TableDescription"]["TableArn"],
        "arn:aws:dynamodb:eu-west-1:000000000000:table/app"
    );
    let table = ok(client, "DescribeTable", json!({"TableName": "app"})).await;
    assert_eq!(table["Table"]["TableStatus"], "ACTIVE");
    assert_eq!(
        table["Table"]["BillingModeSummary"]["BillingMode"],
        "PAY_PER_REQUEST"
    );
    assert!(table["Table"]["TableSizeBytes"].is_u64());
}

fn lease(key: &str, owner: &str) -> Value {
    json!({
        "TableName": "app",
        "Item": {
            "leaseKey": {"S": key}, "leaseCounter": {"N": "0"}, "leaseOwner": {"S": owner},
            "checkpoint": {"S": "TRIM_HORIZON"}, "ownerSwitchesSinceCheckpoint": {"N": "0"},
        },
        "Expected": {"leaseKey": {"Exists": false}},
    })
}

#[tokio::test]
async fn leases_are_created_renewed_taken_and_lost() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    refused(
        &mut client,
        "DescribeTable",
        json!({"TableName": "app"}),
        "ResourceNotFoundException",
    )
    .await;
    create_lease_table(&mut client).await;
    ok(&mut client, "PutItem", lease("shardId-0", "one")).await;
    refused(
        &mut client,
        "PutItem",
        lease("shardId-0", "two"),
        "ConditionalCheckFailedException",
    )
    .await;

    let renew = |counter: u32| {
        json!({
            "TableName": "app",
            "Key": {"leaseKey": {"S": "shardId-0"}},
            "AttributeUpdates": {"leaseCounter": {"Value": {"N": (counter + 1).to_string()}, "Action": "PUT"}},
            "Expected": {
                "leaseCounter": {"Value": {"N": counter.to_string()}},
                "checkpointOwner": {"Exists": false},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        })
    };
    ok(&mut client, "UpdateItem", renew(0)).await;
    let lost = refused(
        &mut client,
        "UpdateItem",
        renew(0),
        "ConditionalCheckFailedException",
    )
    .await;
    assert_eq!(lost["Item"]["leaseCounter"]["N"], "1", "{lost}");

    let taken = ok(
        &mut client,
        "UpdateItem",
        json!({
            "TableName": "app",
            "Key": {"leaseKey": {"S": "shardId-0"}},
            "AttributeUpdates": {
                "leaseOwner": {"Value": {"S": "two"}, "Action": "PUT"},
                "checkpointOwner": {"Action": "DELETE"},
                "leaseCounter": {"Value": {"N": "1"}, "Action": "ADD"},
                "ownerSwitchesSinceCheckpoint": {"Value": {"N": "1"}, "Action": "ADD"},
            },
            "Expected": {
                "leaseOwner": {"Value": {"S": "one"}},
                "checkpointOwner": {"Exists": false},
                "leaseKey": {"Exists": true, "Value": {"S": "shardId-0"}},
            },
            "ReturnValues": "ALL_NEW",
        }),
    )
    .await;
    assert_eq!(taken["Attributes"]["leaseOwner"]["S"], "two");
    assert_eq!(taken["Attributes"]["leaseCounter"]["N"], "2");
    assert_eq!(
        taken["Attributes"]["ownerSwitchesSinceCheckpoint"]["N"],
        "1"
    );

    let got = ok(
        &mut client,
        "GetItem",
        json!({
            "TableName": "arn:aws:dynamodb:eu-west-1:000000000000:table/app",
            "Key": {"leaseKey": {"S": "shardId-0"}},
            "ConsistentRead": true,
        }),
    )
    .await;
    assert_eq!(got["Item"], taken["Attributes"]);
    ok(
        &mut client,
        "DeleteItem",
        json!({"TableName": "app", "Key": {"leaseKey": {"S": "shardId-0"}}}),
    )
    .await;
    let mixed = json!({
        "TableName": "app", "Key": {"leaseKey": {"S": "a"}}, "UpdateExpression": "SET a = :a",
        "ExpressionAttributeValues": {":a": {"S": "b"}}, "Expected": {"leaseKey": {"Exists": false}},
    });
    refused(&mut client, "UpdateItem", mixed, "ValidationException").await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn scans_have_segments_pages_and_filters() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    for at in 0..40 {
        let mut lease = lease(
            &format!("stream:{at}"),
            if at % 2 == 0 { "one" } else { "two" },
        );
        lease["Item"]["streamName"] = json!({"S": if at < 10 { "a" } else { "b" }});
        ok(&mut client, "PutItem", lease).await;
    }
    let mut keys = Vec::new();
    for segment in 0..5 {
        let mut start = Value::Null;
        loop {
            let mut scan =
                json!({"TableName": "app", "Segment": segment, "TotalSegments": 5, "Limit": 3});
            if !start.is_null() {
                scan["ExclusiveStartKey"] = start.clone();
            }
            let page = ok(&mut client, "Scan", scan).await;
            for item in page["Items"].as_array().unwrap() {
                keys.push(item["leaseKey"]["S"].as_str().unwrap().to_owned());
            }
            start = page["LastEvaluatedKey"].clone();
            if start.is_null() {
                break;
            }
        }
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 40, "each row is in one segment");
    let filtered = ok(
        &mut client,
        "Scan",
        json!({
            "TableName": "app",
            "FilterExpression": "streamName = :streamName",
            "ExpressionAttributeValues": {":streamName": {"S": "a"}},
        }),
    )
    .await;
    assert_eq!(filtered["Count"], 10);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn the_owners_index_is_made_later_and_filled() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    for at in 0..6 {
        let owner = if at < 4 { "one" } else { "two" };
        ok(
            &mut client,
            "PutItem",
            lease(&format!("shardId-{at}"), owner),
        )
        .await;
    }
    let query = json!({
        "TableName": "app",
        "IndexName": "LeaseOwnerToLeaseKeyIndex",
        "KeyConditionExpression": "leaseOwner = :leaseOwner",
        "ExpressionAttributeValues": {":leaseOwner": {"S": "one"}},
    });
    refused(&mut client, "Query", query.clone(), "ValidationException").await;
    let updated = ok(
        &mut client,
        "UpdateTable",
        json!({
            "TableName": "app",
            "AttributeDefinitions": [
                {"AttributeName": "leaseOwner", "AttributeType": "S"},
                {"AttributeName": "leaseKey", "AttributeType": "S"},
            ],
            "GlobalSecondaryIndexUpdates": [{"Create": {
                "IndexName": "LeaseOwnerToLeaseKeyIndex",
                "KeySchema": [
                    {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                    {"AttributeName": "leaseKey", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }}],
        }),
    )
    .await;
    let index = &updated["TableDescription"]["GlobalSecondaryIndexes"][0];
    assert_eq!(index["IndexName"], "LeaseOwnerToLeaseKeyIndex");
    assert_eq!(
        index["IndexArn"],
        "arn:aws:dynamodb:eu-west-1:000000000000:table/app/index/LeaseOwnerToLeaseKeyIndex"
    );
    let described = ok(&mut client, "DescribeTable", json!({"TableName": "app"})).await;
    assert_eq!(
        described["Table"]["GlobalSecondaryIndexes"][0]["IndexStatus"],
        "ACTIVE"
    );
    let found = ok(&mut client, "Query", query).await;
    assert_eq!(found["Count"], 4);
    server.stop_cleanly().await;
}

#[tokio::test]
async fn the_lock_clients_conditions_and_transactions_work() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    let lock = |version: &str| json!({"leaseKey": {"S": "Leader"}, "rvn": {"S": version}, "owner": {"S": "me"}});
    let acquire = json!({
        "TableName": "app", "Item": lock("1"),
        "ConditionExpression": "attribute_not_exists(#pk)",
        "ExpressionAttributeNames": {"#pk": "leaseKey"},
    });
    ok(&mut client, "PutItem", acquire.clone()).await;
    refused(
        &mut client,
        "PutItem",
        acquire,
        "ConditionalCheckFailedException",
    )
    .await;
    let heartbeat = json!({
        "TableName": "app", "Key": {"leaseKey": {"S": "Leader"}},
        "UpdateExpression": "SET #rvn = :new",
        "ConditionExpression": "attribute_exists(#pk) AND #rvn = :old AND #owner = :me",
        "ExpressionAttributeNames": {"#pk": "leaseKey", "#rvn": "rvn", "#owner": "owner"},
        "ExpressionAttributeValues": {":new": {"S": "2"}, ":old": {"S": "1"}, ":me": {"S": "me"}},
        "ReturnValues": "ALL_NEW",
    });
    let beaten = ok(&mut client, "UpdateItem", heartbeat).await;
    assert_eq!(beaten["Attributes"]["rvn"]["S"], "2");
    let transaction = |owner: &str| {
        json!({"TransactItems": [
            {"ConditionCheck": {
                "TableName": "app", "Key": {"leaseKey": {"S": "Leader"}},
                "ConditionExpression": "#owner = :me",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":me": {"S": owner}},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }},
            {"Put": {
                "TableName": "app", "Item": {"leaseKey": {"S": "State"}},
                "ConditionExpression": "attribute_not_exists(leaseKey)",
            }},
        ]})
    };
    let cancelled = refused(
        &mut client,
        "TransactWriteItems",
        transaction("other"),
        "TransactionCanceledException",
    )
    .await;
    assert_eq!(
        cancelled["CancellationReasons"][0]["Code"],
        "ConditionalCheckFailed"
    );
    assert_eq!(cancelled["CancellationReasons"][0]["Item"]["rvn"]["S"], "2");
    assert_eq!(cancelled["CancellationReasons"][1]["Code"], "None");
    ok(&mut client, "TransactWriteItems", transaction("me")).await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn point_in_time_recovery_is_kept_and_other_operations_are_unknown() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    let answer = ok(
        &mut client,
        "UpdateContinuousBackups",
        json!({
            "TableName": "app",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        }),
    )
    .await;
    let recovery = &answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
    assert_eq!(recovery["PointInTimeRecoveryStatus"], "ENABLED");
    let shown = json!({"TableName": "app"});
    let shown = ok(&mut client, "DescribeContinuousBackups", shown).await;
    assert_eq!(shown, answer);
    refused(
        &mut client,
        "CreateBackup",
        json!({}),
        "UnknownOperationException",
    )
    .await;
    refused(&mut client, "PutItem", json!([]), "SerializationException").await;
    let unsigned = [
        ("x-amz-target", "DynamoDB_20120810.ListTables"),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let answer = client.post(&unsigned, b"{}").await;
    assert_eq!(
        answer.error(),
        "com.amazon.coral.service#MissingAuthenticationTokenException"
    );
    assert_table_headers(&answer);
    server.stop_cleanly().await;
}

/// Two thousand opening parentheses once overflowed the stack of the tables' thread, which ended the process, streams
/// and all; no table had to exist.
#[tokio::test]
async fn recursion_over_a_request_has_a_bound_and_the_server_survives() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    let key = json!({"leaseKey": {"S": "a"}});
    let deep = "(".repeat(2_000);
    for (operation, request) in [
        ("PutItem", json!({"Item": key, "ConditionExpression": deep})),
        (
            "DeleteItem",
            json!({"Key": key, "ConditionExpression": deep}),
        ),
        (
            "UpdateItem",
            json!({"Key": key, "UpdateExpression": format!("SET a = {deep}")}),
        ),
        ("GetItem", json!({"Key": key, "ProjectionExpression": deep})),
        ("Scan", json!({"FilterExpression": deep})),
        ("Query", json!({"KeyConditionExpression": deep})),
        (
            "Scan",
            json!({"FilterExpression": format!("{}a = b", "NOT ".repeat(1_000))}),
        ),
    ] {
        let mut request = request;
        request["TableName"] = "missing".into();
        refused(&mut client, operation, request, "ValidationException").await;
    }
    let check = json!({"TransactItems": [{"ConditionCheck": {
        "TableName": "missing", "Key": key, "ConditionExpression": deep,
    }}]});
    refused(
        &mut client,
        "TransactWriteItems",
        check,
        "ValidationException",
    )
    .await;
    ok(&mut client, "ListTables", json!({})).await;
    server.stop_cleanly().await;
}

#[tokio::test]
async fn nothing_that_is_not_kept_is_answered_with_success() {
    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    let table = json!({
        "TableName": "other",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let stream = json!({"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"});
    for (member, value) in [
        ("StreamSpecification", stream.clone()),
        ("WarmThroughput", json!({"ReadUnitsPerSecond": 12000})),
        ("ResourcePolicy", json!("{}")),
        ("FutureSetting", json!(true)),
    ] {
        let mut request = table.clone();
        request[member] = value;
        let error = refused(&mut client, "CreateTable", request, "ValidationException").await;
        let message = error["message"].as_str().unwrap();
        let what = if member == "StreamSpecification" {
            "DynamoDB Streams"
        } else {
            member
        };
        assert!(message.contains(what), "{message}");
    }
    for (member, value) in [
        ("StreamSpecification", stream),
        ("SSESpecification", json!({"Enabled": true})),
        (
            "ReplicaUpdates",
            json!([{"Create": {"RegionName": "eu-west-2"}}]),
        ),
    ] {
        let request = json!({"TableName": "app", member: value});
        refused(&mut client, "UpdateTable", request, "ValidationException").await;
    }
    let mut off = table;
    off["StreamSpecification"] = json!({"StreamEnabled": false});
    let made = ok(&mut client, "CreateTable", off).await;
    assert!(made["TableDescription"]["LatestStreamArn"].is_null());
    server.stop_cleanly().await;
}

#[tokio::test]
async fn a_compressed_request_is_read_and_a_compressed_flood_refused() {
    use std::io::Write;

    let server = TestServer::start().await;
    let mut client = server.client().await;
    create_lease_table(&mut client).await;
    let headers = [
        ("x-amz-target", "DynamoDB_20120810.DescribeTable"),
        ("content-type", "application/x-amz-json-1.0"),
        ("content-encoding", "gzip"),
        ("authorization", crate::client::AUTHORIZATION),
        ("x-amz-date", "20261123T120000Z"),
    ];
    let gzip = |text: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    };
    let body = gzip(br#"{"TableName": "app"}"#);
    let answer = client.post(&headers, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["Table"]["TableName"], "app");
    assert_table_headers(&answer);
    let answer = client.post(&headers, br#"{"TableName": "app"}"#).await;
    assert_eq!(
        (answer.status, answer.error().as_str()),
        (400, "com.amazon.coral.service#SerializationException")
    );
    let answer = client.post(&headers, &gzip(&vec![b' '; 32 << 20])).await;
    assert_eq!(answer.status, 413, "{answer:?}");
    server.stop_cleanly().await;
}
