//! `millstream apps` and `finish` for an application of several streams, whose table of leases is as the KCL's multi-stream
//! workers leave it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::commands::{FIRST, World};
use crate::pipeline_place::{create_table, tables};

const ORDERS: &str = "123456789012:orders:1795881602";
const PAYMENTS: &str = "123456789012:payments:1795881777";

/// `ledger` has a lease of the one shard of both streams, and of `orders` one that was deleted before.
async fn ledger() -> World {
    let world = World::new();
    world.stream("orders", 1);
    world.stream("payments", 1);
    let client = tables(&world.endpoint());
    create_table(&client, "ledger", "leaseKey").await;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    for (stream, checkpoint) in [
        ("123456789012:orders:1700000000", "SHARD_END"),
        (ORDERS, "TRIM_HORIZON"),
        (PAYMENTS, "TRIM_HORIZON"),
    ] {
        let zero = AttributeValue::N("0".to_owned());
        let row = HashMap::from([
            ("leaseKey".to_owned(), text(&format!("{stream}:{FIRST}"))),
            ("streamName".to_owned(), text(stream)),
            ("shardId".to_owned(), text(FIRST)),
            ("checkpoint".to_owned(), text(checkpoint)),
            ("checkpointSubSequenceNumber".to_owned(), zero.clone()),
            ("leaseCounter".to_owned(), zero.clone()),
            ("ownerSwitchesSinceCheckpoint".to_owned(), zero),
        ]);
        let put = client.put_item().table_name("ledger").set_item(Some(row));
        put.send().await.unwrap();
    }
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn each_stream_of_an_application_has_a_lag_of_its_own() {
    let world = ledger().await;
    let row = |stream: &str| json!({"Application": "ledger", "Stream": stream, "Leases": 1, "Finished": 0, "Workers": []});
    assert_eq!(
        world.json(&["apps", "list"]),
        [row("orders"), row("payments")]
    );

    for data in ["one", "two"] {
        world.put("payments", data, "0");
    }
    for (stream, records, bytes) in [("orders", 0, 0), ("payments", 2, 8)] {
        let described = world.json(&["apps", "describe", "ledger", "--stream", stream]);
        let told = (&described[0]["Stream"], &described[0]["Backlog"]);
        let backlog = json!({"Records": records, "Bytes": bytes, "IsExact": true});
        assert_eq!(told, (&json!(stream), &backlog));
        let shards: Vec<&Value> = described[0]["Shards"].as_array().unwrap().iter().collect();
        assert_eq!((shards.len(), &shards[0]["ShardId"]), (1, &json!(FIRST)));
    }

    let which = world.fails(2, &["apps", "lag", "ledger"]);
    assert!(
        which.contains("orders, payments") && which.contains("--stream"),
        "{which}"
    );
    let other = world.fails(2, &["apps", "lag", "ledger", "--stream", "refunds"]);
    assert!(other.contains("orders, payments"), "{other}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_finished_with_all_its_streams() {
    let world = ledger().await;
    let one = world.fails(
        2,
        &[
            "finish", "ledger", "--stream", "orders", "--yes", "--look", "10ms",
        ],
    );
    assert!(one.contains("reads orders, payments"), "{one}");
    let parts = world.json(&["finish", "ledger", "--yes", "--look", "10ms"]);
    let deleted: Vec<[&str; 3]> = parts
        .iter()
        .map(|part| ["Kind", "Name", "State"].map(|what| part[what].as_str().unwrap()))
        .collect();
    let expected = [
        ["stream", "orders", "deleted"],
        ["stream", "payments", "deleted"],
        ["table", "ledger", "deleted"],
    ];
    assert_eq!(deleted, expected);
}
