//! `millstream records get`.

use crate::commands::{FIRST, World, data_of};

/// A stream `s` of one shard with the records 0 to 9; their sequence numbers.
fn ten() -> (World, Vec<String>) {
    let world = World::new();
    world.stream("s", 1);
    let numbers = (0..10)
        .map(|number| {
            world.put("s", &number.to_string(), "0")["SequenceNumber"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    (world, numbers)
}

fn data(world: &World, arguments: &[&str]) -> Vec<String> {
    let start = ["records", "get", "s", "--shard", "0", "--json"];
    let text = world.run(&[&start, arguments].concat());
    text.lines().map(data_of).collect()
}

fn numbers(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|number| number.to_string()).collect()
}

#[test]
fn reading_starts_where_it_is_told_to() {
    let (world, sequence_numbers) = ten();
    assert_eq!(data(&world, &[]), numbers(0, 10));
    assert_eq!(data(&world, &["--at", "trim-horizon"]), numbers(0, 10));
    assert_eq!(
        data(&world, &["--at-sequence-number", &sequence_numbers[4]]),
        numbers(4, 10)
    );
    assert_eq!(
        data(&world, &["--after-sequence-number", &sequence_numbers[4]]),
        numbers(5, 10)
    );
    assert_eq!(data(&world, &["--at-timestamp", "1h"]), numbers(0, 10));
    assert!(data(&world, &["--at", "latest"]).is_empty());
}

#[test]
fn a_time_is_found_as_it_was_shown() {
    let (world, _) = ten();
    let records = world.json(&["records", "get", "s", "--shard", "0"]);
    let time = records[5]["ApproximateArrivalTimestamp"].as_str().unwrap();
    let first = records
        .iter()
        .position(|record| record["ApproximateArrivalTimestamp"] == time)
        .unwrap();
    assert_eq!(data(&world, &["--at-timestamp", time]), numbers(first, 10));
}

#[test]
fn a_limit_stops_and_says_how_to_go_on() {
    let (world, sequence_numbers) = ten();
    let done = world.done(
        &["records", "get", "s", "--shard", FIRST, "--limit", "3"],
        b"",
    );
    assert_eq!(done.code, 0);
    assert_eq!(done.stdout.lines().count(), 3);
    assert_eq!(
        done.stderr,
        format!(
            "stopped after --limit 3; go on with --after-sequence-number {}\n",
            sequence_numbers[2]
        )
    );
}

#[test]
fn people_see_time_number_key_and_data() {
    let (world, sequence_numbers) = ten();
    let text = world.run(&["records", "get", "s", "--shard", "0", "--limit", "1"]);
    let (time, rest) = text.split_once("  ").unwrap();
    assert_eq!(time.len(), "2026-11-02T12:00:37.500Z".len());
    assert_eq!(
        rest,
        format!("{}  k                 0\n", sequence_numbers[0])
    );
}

#[test]
fn waiting_shows_what_arrives() {
    let (world, _) = ten();
    let mut get = world.start(&[
        "records", "get", "s", "--shard", "0", "--json", "--limit", "11", "--wait", "60s",
    ]);
    assert_eq!(get.data(10), numbers(0, 10));
    world.put("s", "10", "0");
    assert_eq!(get.data(1), ["10"]);
}

#[test]
fn the_end_of_a_shard_names_its_children() {
    let (world, _) = ten();
    world.run(&["streams", "split", "s", "0"]);
    let done = world.done(&["records", "get", "s", "--shard", "0"], b"");
    assert_eq!(done.code, 0);
    assert_eq!(done.stdout.lines().count(), 10);
    assert_eq!(
        done.stderr,
        format!(
            "end of {FIRST}, which was split or merged; the stream goes on in shardId-000000000001 and \
             shardId-000000000002\n"
        )
    );
}

#[test]
fn what_is_not_there_is_1() {
    let (world, _) = ten();
    let said = world.fails(1, &["records", "get", "s", "--shard", "7"]);
    assert!(
        said.contains("Shard shardId-000000000007 in stream s under account"),
        "{said}"
    );
    assert!(said.contains("millstream streams describe"), "{said}");
    let said = world.fails(
        1,
        &[
            "records",
            "get",
            "s",
            "--shard",
            "0",
            "--at-sequence-number",
            "12",
        ],
    );
    assert!(said.contains("from GetShardIterator"), "{said}");
}
