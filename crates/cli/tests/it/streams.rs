//! `millstream streams`.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::commands::{FIRST, SECOND, THIRD, World};

const HALF: &str = "170141183460469231731687303715884105728";
const LARGEST: &str = "340282366920938463463374607431768211455";

fn shards(world: &World, stream: &str) -> Vec<(String, bool, String, String)> {
    let described = world.json(&["streams", "describe", stream]).remove(0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    described["Shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|shard| {
            (
                text(&shard["ShardId"]),
                shard["IsOpen"].as_bool().unwrap(),
                text(&shard["StartingHashKey"]),
                text(&shard["EndingHashKey"]),
            )
        })
        .collect()
}

#[test]
fn a_stream_is_created_listed_described_and_deleted() {
    let world = World::new();
    assert_eq!(
        world.run(&["streams", "create", "orders", "--shards", "2"]),
        "created orders: ACTIVE, shards: 2\n"
    );
    let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
    let listed = world.json(&["streams", "list"]).remove(0);
    assert_eq!(listed["StreamName"], "orders");
    assert_eq!(listed["StreamARN"], arn);
    assert_eq!(listed["StreamStatus"], "ACTIVE");
    assert_eq!(listed["StreamMode"], "PROVISIONED");

    let described = world.json(&["streams", "describe", "orders"]).remove(0);
    assert_eq!(described["StreamARN"], arn);
    assert_eq!(described["RetentionPeriodHours"], 24);
    assert_eq!(described["OpenShardCount"], 2);
    assert_eq!(described["Shards"][0]["ShardId"], FIRST);
    assert_eq!(described["Shards"][0]["ParentShardId"], Value::Null);
    assert_eq!(described["Shards"][1]["StartingHashKey"], HALF);

    assert_eq!(
        world.run(&["streams", "delete", "orders"]),
        "deleted orders\n"
    );
    assert_eq!(world.run(&["streams", "list"]), "");
    world.fails(1, &["streams", "delete", "orders"]);
}

#[test]
fn tables_are_aligned() {
    let world = World::new();
    world.stream("a", 1);
    world.stream("a-longer-name", 1);
    let table = world.run(&["streams", "list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    let column = lines[0].find("STATUS").unwrap();
    assert!(
        lines[1..]
            .iter()
            .all(|line| line[column..].starts_with("ACTIVE")),
        "{table}"
    );
    assert!(lines[1].starts_with("a  "));

    let text = world.run(&["streams", "describe", "a"]);
    assert!(text.contains("retention    24 hours\n"), "{text}");
    assert!(
        text.contains(&format!("{FIRST}  open   -        0..={LARGEST}\n")),
        "{text}"
    );
}

#[test]
fn a_name_is_taken_once() {
    let world = World::new();
    world.stream("s", 1);
    let said = world.fails(1, &["streams", "create", "s"]);
    assert!(
        said.contains("ResourceInUseException from CreateStream"),
        "{said}"
    );
    assert!(said.contains("choose another name"), "{said}");
}

#[test]
fn on_demand_streams_have_no_number_of_shards() {
    let world = World::new();
    world.run(&["streams", "create", "s", "--on-demand"]);
    let described = world.json(&["streams", "describe", "s"]).remove(0);
    assert_eq!(described["StreamMode"], "ON_DEMAND");
    world.fails(
        2,
        &["streams", "create", "t", "--on-demand", "--shards", "2"],
    );
}

#[test]
fn a_shard_is_split_in_the_middle_or_anywhere() {
    let world = World::new();
    world.stream("s", 1);
    let split = world.json(&["streams", "split", "s", "0"]).remove(0);
    assert_eq!(
        split,
        json!({ "StreamName": "s", "ShardToSplit": FIRST, "NewStartingHashKey": HALF })
    );
    world.run(&["streams", "split", "s", SECOND, "--at", "1000"]);
    let open: Vec<(String, String)> = shards(&world, "s")
        .into_iter()
        .filter(|(_, is_open, _, _)| *is_open)
        .map(|(_, _, start, end)| (start, end))
        .collect();
    let below_half = "170141183460469231731687303715884105727";
    let expected = [(HALF, LARGEST), ("0", "999"), ("1000", below_half)];
    assert_eq!(
        open,
        expected.map(|(start, end)| (start.to_owned(), end.to_owned()))
    );
    let said = world.fails(1, &["streams", "split", "s", "2", "--at", "0"]);
    assert!(
        said.contains("InvalidArgumentException from SplitShard"),
        "{said}"
    );
    let said = world.fails(2, &["streams", "split", "s", "17"]);
    assert!(
        said.contains("has no shard shardId-000000000017; open shards: "),
        "{said}"
    );
}

#[test]
fn neighbours_are_merged_in_either_order() {
    let world = World::new();
    world.stream("s", 3);
    let merged = world.json(&["streams", "merge", "s", "1", "0"]).remove(0);
    assert_eq!(
        merged,
        json!({ "StreamName": "s", "ShardToMerge": FIRST, "AdjacentShardToMerge": SECOND })
    );
    assert_eq!(
        world.run(&["streams", "merge", "s", "3", "2"]),
        format!("merged shardId-000000000003 and {THIRD} of s\n")
    );
    let last = shards(&world, "s").pop().unwrap();
    assert_eq!(
        last,
        (
            "shardId-000000000004".to_owned(),
            true,
            "0".to_owned(),
            LARGEST.to_owned()
        )
    );
    let said = world.fails(1, &["streams", "merge", "s", "0", "2"]);
    assert!(said.contains("from MergeShards"), "{said}");
}

#[test]
fn retention_is_shown_raised_and_lowered() {
    let world = World::new();
    world.stream("s", 1);
    assert_eq!(
        world.run(&["streams", "retention", "s"]),
        "s keeps records for 24 hours\n"
    );
    assert_eq!(
        world.run(&["streams", "retention", "s", "48"]),
        "s keeps records for 48 hours\n"
    );
    assert_eq!(
        world.json(&["streams", "retention", "s"])[0]["RetentionPeriodHours"],
        48
    );
    world.run(&["streams", "retention", "s", "30"]);
    assert_eq!(
        world.json(&["streams", "retention", "s"])[0]["RetentionPeriodHours"],
        30
    );
    for hours in ["23", "8761"] {
        let said = world.fails(1, &["streams", "retention", "s", hours]);
        assert!(said.contains("retention period"), "{said}");
    }
    world.fails(1, &["streams", "retention", "nowhere"]);
}

/// Calls an operation that no command makes.
fn call(world: &World, operation: &str, body: &Value) -> String {
    let endpoint = world.endpoint();
    let address = endpoint.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: Kinesis_20131202.{operation}\r\nx-amz-date: d\r\n\
         content-type: application/x-amz-json-1.1\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKIDEXAMPLE/20261123/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut socket = TcpStream::connect(address).unwrap();
    socket.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

#[test]
fn a_description_has_the_consumers() {
    let world = World::new();
    world.stream("s", 1);
    let described = world.json(&["streams", "describe", "s"]).remove(0);
    assert_eq!(described["Consumers"], json!([]));
    let arn = described["StreamARN"].as_str().unwrap();
    for name in ["billing", "alarms"] {
        let register = json!({"StreamARN": arn, "ConsumerName": name});
        call(&world, "RegisterStreamConsumer", &register);
    }
    let described = world.json(&["streams", "describe", "s"]).remove(0);
    assert_eq!(described["ConsumerCount"], 2);
    let consumer = &described["Consumers"][1];
    assert_eq!(consumer["ConsumerName"], "billing");
    assert_eq!(consumer["ConsumerStatus"], "ACTIVE");
    let consumer_arn = consumer["ConsumerARN"].as_str().unwrap();
    assert!(consumer_arn.starts_with(&format!("{arn}/consumer/billing:")));
    let text = world.run(&["streams", "describe", "s"]);
    let (_, consumers) = text.split_once("CONSUMER  STATUS  CREATED\n").unwrap();
    assert!(consumers.starts_with("alarms    ACTIVE  "), "{text}");
    assert_eq!(consumers.lines().count(), 2);
}

#[test]
fn the_keys_that_take_most_are_named() {
    let world = World::new();
    put_two_keys(&world);
    let hot = world
        .json(&["streams", "hot", "meters", "--over", "1h"])
        .remove(0);
    check_two_keys(&hot);
    assert_eq!(hot["Shards"][0]["CountedSince"], Value::Null);
    let text = world.run(&["streams", "hot", "meters", "--over", "1h"]);
    assert!(text.contains("does not help: one key has 100 %"), "{text}");
}

/// What the server counted is the same, with a look at one page of a shard.
#[test]
fn the_keys_that_take_most_are_counted_by_the_server() {
    let world = World::with(&["--hot-keys", "on"]);
    put_two_keys(&world);
    let hot = world.json(&["streams", "hot", "meters"]).remove(0);
    check_two_keys(&hot);
    for shard in hot["Shards"].as_array().unwrap() {
        assert!(shard["CountedSince"].is_u64(), "{shard}");
        assert_eq!(shard["IsSampled"], false);
    }
    let text = world.run(&["streams", "hot", "meters", "--top", "1"]);
    assert!(text.contains("does not help: one key has 100 %"), "{text}");
    let named = |key: &str| text.lines().filter(|line| line.starts_with(key)).count();
    assert_eq!((named("k "), named("small ")), (1, 1), "{text}");
    // What is read instead is the same too.
    let read = world.json(&["streams", "hot", "meters", "--over", "1h"]);
    check_two_keys(&read[0]);
    assert_eq!(read[0]["Shards"][1]["CountedSince"], Value::Null);
}

fn put_two_keys(world: &World) {
    world.stream("meters", 2);
    // "k" has shard 0 for itself; "small" comes often.
    for _ in 0..40 {
        world.put("meters", "0123456789012345678901234567890123456789", "0");
    }
    let input = "x\n".repeat(60);
    let done = world.done(
        &[
            "records",
            "put",
            "meters",
            "--partition-key",
            "small",
            "--quiet",
        ],
        input.as_bytes(),
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
}

fn check_two_keys(hot: &Value) {
    assert_eq!(hot["Records"], 100);
    let named =
        |key: &str, weight: u64| json!({"PartitionKey": key, "AtLeast": weight, "AtMost": weight});
    assert_eq!(
        hot["ByRecords"],
        json!([named("small", 60), named("k", 40)])
    );
    assert_eq!(
        hot["ByBytes"],
        json!([named("k", 40 * 41), named("small", 60 * 6)])
    );
}
