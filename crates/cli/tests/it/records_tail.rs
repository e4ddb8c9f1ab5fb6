//! `millstream records tail`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::commands::{FIRST, World, data_of, json_lines, run_at};
use crate::scripted_service::ScriptedService;

const HALF: &str = "170141183460469231731687303715884105728";

#[test]
fn new_records_of_all_shards_come_in_order_of_arrival() {
    let world = World::new();
    world.stream("s", 2);
    let mut expected = Vec::new();
    for number in 0..20 {
        let data = number.to_string();
        world.put("s", &data, if number % 2 == 0 { "0" } else { HALF });
        expected.push(data);
    }
    let mut tail = world.start(&[
        "records",
        "tail",
        "s",
        "--from",
        "trim-horizon",
        "--json",
        "--interval",
        "20ms",
    ]);
    let lines: Vec<Value> = (0..20)
        .map(|_| serde_json::from_str(&tail.line()).unwrap())
        .collect();
    let times: Vec<&str> = lines
        .iter()
        .map(|record| record["ApproximateArrivalTimestamp"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for shard in 0..2 {
        let id = format!("shardId-{shard:012}");
        let of_shard: Vec<&str> = lines
            .iter()
            .filter(|record| record["ShardId"] == id)
            .map(|record| record["Data"].as_str().unwrap())
            .collect();
        let expected: Vec<&String> = expected.iter().skip(shard).step_by(2).collect();
        assert_eq!(of_shard, expected);
    }
    world.put("s", "live", "0");
    assert_eq!(tail.data(1), ["live"]);
    let (status, rest) = tail.interrupt();
    assert_eq!(status.code(), Some(0));
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn children_follow_their_parents_over_a_split_and_a_merge() {
    let world = World::new();
    world.stream("s", 1);
    let mut tail = world.start(&[
        "records",
        "tail",
        "s",
        "--from",
        "trim-horizon",
        "--json",
        "--interval",
        "20ms",
    ]);
    world.put("s", "a", "0");
    assert_eq!(tail.data(1), ["a"]);
    world.run(&["streams", "split", "s", "0"]);
    world.put("s", "b", "0");
    assert_eq!(tail.data(1), ["b"]);
    world.put("s", "c", HALF);
    world.put("s", "d", "0");
    world.run(&["streams", "merge", "s", "1", "2"]);
    world.put("s", "e", HALF);
    assert_eq!(tail.data(3), ["c", "d", "e"]);
    let (status, rest) = tail.interrupt();
    assert_eq!(status.code(), Some(0));
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_resharded_stream_is_read_from_its_first_record() {
    let world = World::new();
    world.stream("s", 1);
    world.put("s", "a", "0");
    world.run(&["streams", "split", "s", "0"]);
    world.put("s", "b", HALF);
    world.put("s", "c", "0");
    world.run(&["streams", "merge", "s", "1", "2"]);
    world.put("s", "d", "0");
    for from in ["trim-horizon", "1h"] {
        let arguments = [
            "records",
            "tail",
            "s",
            "--from",
            from,
            "--json",
            "--limit",
            "4",
            "--interval",
            "20ms",
        ];
        let text = world.run(&arguments);
        assert_eq!(
            text.lines().map(data_of).collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
    }
}

#[test]
fn records_of_one_partition_key_never_change_places() {
    let world = World::new();
    world.stream("s", 3);
    let lines: String = (0..600).map(|number| format!("{number}\n")).collect();
    for key in ["one", "two", "three"] {
        let done = world.done(
            &["records", "put", "s", "--partition-key", key],
            lines.as_bytes(),
        );
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let arguments = [
        "records",
        "tail",
        "s",
        "--from",
        "trim-horizon",
        "--limit",
        "1800",
        "--interval",
        "20ms",
    ];
    let mut by_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for record in world.json(&arguments) {
        let key = record["PartitionKey"].as_str().unwrap().to_owned();
        let number = record["Data"].as_str().unwrap().parse().unwrap();
        by_key.entry(key).or_default().push(number);
    }
    assert_eq!(by_key.len(), 3);
    for numbers in by_key.values() {
        assert_eq!(numbers, &(0..600).collect::<Vec<u32>>());
    }
}

#[test]
fn latest_skips_what_was_there() {
    let world = World::new();
    world.stream("s", 1);
    world.put("s", "old", "0");
    let mut tail = world.start(&["records", "tail", "s", "--json", "--interval", "20ms"]);
    // The moment at which the command has begun is not known: what it shows first is the first record after it.
    let mut sent = Vec::new();
    let shown = std::thread::scope(|scope| {
        let first = scope.spawn(|| tail.data(1));
        while !first.is_finished() {
            sent.push(format!("new {}", sent.len()));
            world.put("s", sent.last().unwrap(), "0");
        }
        first.join().unwrap()
    });
    assert!(sent.contains(&shown[0]), "{shown:?}");
    let (status, rest) = tail.interrupt();
    assert_eq!(status.code(), Some(0));
    let after = sent.iter().position(|data| *data == shown[0]).unwrap() + 1;
    let rest: Vec<String> = rest.iter().map(|line| data_of(line)).collect();
    assert!(sent[after..].starts_with(&rest), "{rest:?} of {sent:?}");
}

#[test]
fn people_see_time_shard_key_and_data() {
    let world = World::new();
    world.stream("s", 1);
    world.put("s", "two\nlines", "0");
    let text = world.run(&[
        "records",
        "tail",
        "s",
        "--from",
        "trim-horizon",
        "--limit",
        "1",
    ]);
    let (_, rest) = text.split_once("  ").unwrap();
    assert_eq!(
        rest,
        "shardId-000000000000  k                 two\\nlines\n"
    );
}

#[test]
fn a_missing_stream_is_1_and_a_deleted_one_ends_it() {
    let world = World::new();
    let done = world.done(&["records", "tail", "nowhere"], b"");
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert_eq!(done.stdout, "");
    world.stream("s", 1);
    world.put("s", "a", "0");
    let mut tail = world.start(&[
        "records",
        "tail",
        "s",
        "--from",
        "trim-horizon",
        "--json",
        "--interval",
        "20ms",
    ]);
    assert_eq!(tail.data(1), ["a"]);
    world.run(&["streams", "delete", "s"]);
    assert_eq!(tail.ended().code(), Some(1));
}

/// The newest record is another one after an outage: what arrived during it was left out without a word.
#[test]
fn an_interruption_before_the_first_record_leaves_nothing_out() {
    let shard = json!({
        "ShardId": FIRST,
        "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "340282366920938463463374607431768211455" },
        "SequenceNumberRange": { "StartingSequenceNumber": "1" },
    });
    let record = json!({
        "SequenceNumber": "7", "PartitionKey": "k", "Data": "bWlzc2Vk",
        "ApproximateArrivalTimestamp": 1_795_881_603.5,
    });
    let service = ScriptedService::start(vec![
        (200, json!({ "Shards": [shard] })),
        (200, json!({ "ShardIterator": "newest" })),
        (
            400,
            json!({ "__type": "ExpiredIteratorException", "message": "expired" }),
        ),
        (200, json!({ "ShardIterator": "since the start" })),
        (
            200,
            json!({ "Records": [record], "NextShardIterator": "next", "MillisBehindLatest": 0 }),
        ),
    ]);
    let arguments = ["records", "tail", "s", "--json", "--limit", "1"];
    let done = run_at(&service.endpoint, &arguments, b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(json_lines(&done.stdout)[0]["Data"], "missed");
    let requests = service.requests();
    assert_eq!(requests[1]["ShardIteratorType"], "LATEST");
    assert_eq!(requests[3]["ShardIteratorType"], "AT_TIMESTAMP");
    let asked_for = requests[3]["Timestamp"].as_f64().unwrap();
    assert!(asked_for < 1_795_881_602.0, "{asked_for}");
}
