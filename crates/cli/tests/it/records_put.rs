//! `millstream records put`.

use serde_json::{Value, json};

use crate::commands::{FIRST, SECOND, World, json_lines, run_at};
use crate::scripted_service::ScriptedService;

fn read_all(world: &World, stream: &str, shard: &str) -> Vec<Value> {
    world.json(&[
        "records", "get", stream, "--shard", shard, "--limit", "100000",
    ])
}

fn data(records: &[Value]) -> Vec<&str> {
    records
        .iter()
        .map(|record| record["Data"].as_str().unwrap())
        .collect()
}

#[test]
fn data_comes_from_the_argument() {
    let world = World::new();
    world.stream("s", 2);
    let put = world
        .json(&[
            "records",
            "put",
            "s",
            "žluť 🐎",
            "--partition-key",
            "sensor-7",
        ])
        .remove(0);
    assert_eq!(put["ShardId"], SECOND);
    let records = read_all(&world, "s", "1");
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["Data"], "žluť 🐎");
    assert_eq!(records[0]["PartitionKey"], "sensor-7");
    assert_eq!(records[0]["SequenceNumber"], put["SequenceNumber"]);
    let line = world.run(&["records", "put", "s", "", "--explicit-hash-key", "0"]);
    assert!(line.starts_with(&format!("{FIRST}  49")), "{line}");
    assert_eq!(data(&read_all(&world, "s", "0")), [""]);
}

#[test]
fn data_comes_from_a_file_as_one_record_or_by_lines() {
    let world = World::new();
    world.stream("s", 1);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let path = path.to_str().unwrap();
    std::fs::write(path, [0xff, 0x00, b'\n', 0xfe]).unwrap();
    world.run(&["records", "put", "s", "--file", path]);
    std::fs::write(path, "one\r\n\ntwo").unwrap();
    world.run(&[
        "records",
        "put",
        "s",
        "--file",
        path,
        "--lines",
        "--partition-key",
        "k",
    ]);
    let records = read_all(&world, "s", "0");
    assert_eq!(records[0]["DataBase64"], "/wAK/g==");
    assert_eq!(records[0]["Data"], Value::Null);
    assert_eq!(data(&records[1..]), ["one", "", "two"]);
}

/// The kind: input without a bound. The file takes no disk, and would take 16 GiB of memory.
#[test]
fn a_file_larger_than_a_record_is_not_read() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    std::fs::File::create(&path)
        .unwrap()
        .set_len(16 << 30)
        .unwrap();
    let path = path.to_str().unwrap();
    for more in [&[][..], &["--base64"]] {
        let put = [&["records", "put", "s", "--file", path], more].concat();
        let said = world.fails(2, &put);
        assert!(
            said.contains("larger than a record may be") && said.contains("--lines"),
            "{said}"
        );
    }
}

#[test]
fn a_dash_is_standard_input() {
    let world = World::new();
    world.stream("s", 1);
    for (arguments, stdin) in [
        (&["records", "put", "s", "-"][..], &b"one\ntwo\n"[..]),
        (&["records", "put", "s", "--file", "-"], b"three\nfour"),
        (
            &["records", "put", "s", "--file", "-", "--lines"],
            b"five\nsix",
        ),
    ] {
        let done = world.done(arguments, stdin);
        assert_eq!(done.code, 0, "{}", done.stderr);
    }
    let mut read = read_all(&world, "s", "0");
    read.sort_by_key(|record| record["SequenceNumber"].as_str().map(str::to_owned));
    assert_eq!(data(&read), ["one", "two", "three\nfour", "five", "six"]);
}

#[test]
fn data_may_be_written_in_base64() {
    let world = World::new();
    world.stream("s", 1);
    world.run(&["records", "put", "s", "/wAK/g==", "--base64"]);
    assert_eq!(read_all(&world, "s", "0")[0]["DataBase64"], "/wAK/g==");
    let said = world.fails(2, &["records", "put", "s", "/w", "--base64"]);
    assert!(said.contains("record 1 is not base64"), "{said}");
}

#[test]
fn every_line_of_stdin_is_a_record_in_order() {
    let world = World::new();
    world.stream("s", 1);
    let lines: String = (0..3_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    let done = world.done(
        &["records", "put", "s", "--partition-key", "k", "--json"],
        lines.as_bytes(),
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stderr, "3000 records written\n");
    let numbers: Vec<String> = json_lines(&done.stdout)
        .iter()
        .map(|put| put["SequenceNumber"].as_str().unwrap().to_owned())
        .collect();
    let records = read_all(&world, "s", "0");
    assert_eq!(records.len(), 3_000);
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["Data"], format!("line {index}"));
        assert_eq!(record["SequenceNumber"], numbers[index]);
    }
}

#[test]
fn records_without_a_key_spread_over_the_shards() {
    let world = World::new();
    world.stream("s", 2);
    let done = world.done(&["records", "put", "s"], "x\n".repeat(200).as_bytes());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let (first, second) = (
        read_all(&world, "s", "0").len(),
        read_all(&world, "s", "1").len(),
    );
    assert_eq!(first + second, 200);
    assert!(first > 50 && second > 50, "{first} and {second}");
}

#[test]
fn large_lines_travel_in_several_calls() {
    let world = World::new();
    world.stream("s", 1);
    let line = "x".repeat(1_000_000);
    let lines = format!("{line}\n").repeat(12);
    let done = world.done(&["records", "put", "s"], lines.as_bytes());
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = read_all(&world, "s", "0");
    assert_eq!(records.len(), 12);
    assert!(records.iter().all(|record| record["Data"] == line));
}

#[test]
fn a_refused_record_names_the_rule() {
    let world = World::new();
    world.stream("s", 1);
    let said = world.fails(1, &["records", "put", "nowhere", "d"]);
    assert!(said.contains("Stream nowhere under account"), "{said}");
    let key = "k".repeat(257);
    let said = world.fails(2, &["records", "put", "s", "d", "--partition-key", &key]);
    assert!(
        said.contains("1 to 256 characters, and this one 257"),
        "{said}"
    );
}

fn entry_failed() -> Value {
    json!({
        "ErrorCode": "ProvisionedThroughputExceededException",
        "ErrorMessage": "Rate exceeded for shard shardId-000000000000 in stream s under account 000000000000.",
    })
}

fn entry_stored(number: u32) -> Value {
    json!({ "ShardId": FIRST, "SequenceNumber": number.to_string() })
}

fn data_sent(request: &Value) -> Vec<String> {
    use base64::Engine;
    let entries = request["Records"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["Data"].as_str().unwrap())
        .map(|data| base64::prelude::BASE64_STANDARD.decode(data).unwrap())
        .map(|data| String::from_utf8(data).unwrap())
        .collect()
}

#[test]
fn only_refused_entries_are_sent_again() {
    let service = ScriptedService::start(vec![
        (
            200,
            json!({ "FailedRecordCount": 2, "Records": [entry_stored(1), entry_failed(), entry_failed()] }),
        ),
        (
            200,
            json!({ "FailedRecordCount": 1, "Records": [entry_failed(), entry_stored(3)] }),
        ),
        (
            200,
            json!({ "FailedRecordCount": 0, "Records": [entry_stored(2)] }),
        ),
    ]);
    let done = run_at(
        &service.endpoint,
        &["records", "put", "s", "--json"],
        b"a\nb\nc\n",
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    let sent: Vec<_> = service.requests().iter().map(data_sent).collect();
    assert_eq!(sent, [vec!["a", "b", "c"], vec!["b", "c"], vec!["b"]]);
    let numbers: Vec<_> = json_lines(&done.stdout)
        .iter()
        .map(|put| put["SequenceNumber"].clone())
        .collect();
    assert_eq!(numbers, ["1", "2", "3"], "in the order of the input");
}

#[test]
fn after_the_deadline_it_is_5_and_says_what_is_missing() {
    let service = ScriptedService::start(vec![
        (
            200,
            json!({ "FailedRecordCount": 1, "Records": [entry_stored(1), entry_failed()] }),
        ),
        (
            200,
            json!({ "FailedRecordCount": 1, "Records": [entry_failed()] }),
        ),
    ]);
    let done = run_at(
        &service.endpoint,
        &["records", "put", "s", "--deadline", "300ms"],
        b"a\nb\n",
    );
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert_eq!(
        done.stdout,
        format!("{FIRST}  1\n"),
        "what is stored is reported"
    );
    assert!(
        done.stderr.contains(
            "1 records were not accepted within 300ms, record 2 the first of them: Rate exceeded"
        ),
        "{}",
        done.stderr
    );
    assert!(service.requests().len() > 2);
}

#[test]
fn an_answer_that_does_not_match_the_request_is_not_trusted() {
    let service = ScriptedService::start(vec![(
        200,
        json!({ "FailedRecordCount": 0, "Records": [] }),
    )]);
    let done = run_at(&service.endpoint, &["records", "put", "s", "a"], b"");
    assert_eq!(done.code, 3, "{}", done.stderr);
    assert!(
        done.stderr
            .contains("1 entries were sent, but 0 were answered"),
        "{}",
        done.stderr
    );
}

#[test]
fn keys_come_from_a_field_of_json_lines() {
    let world = World::new();
    world.stream("s", 2);
    let lines =
        "{\"ticker\":\"AMZN\",\"trade\":{\"id\":7}}\n{\"ticker\":\"NFLX\",\"trade\":{\"id\":8}}\n";
    let done = world.done(
        &[
            "records", "put", "s", "--input", "json", "--key", ".ticker", "--json",
        ],
        lines.as_bytes(),
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    let keys: Vec<_> = json_lines(&done.stdout)
        .iter()
        .map(|put| put["PartitionKey"].clone())
        .collect();
    assert_eq!(keys, ["AMZN", "NFLX"]);
    let lines = format!("{lines}{{\"price\":1}}\nnever\n");
    let done = world.done(
        &["records", "put", "s", "--input", "json", "--key", ".ticker"],
        lines.as_bytes(),
    );
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("record 3 has no .ticker"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("2 records were written before this"),
        "{}",
        done.stderr
    );
    let stored = read_all(&world, "s", "0").len() + read_all(&world, "s", "1").len();
    assert_eq!(stored, 4);
}

#[test]
fn records_may_stand_behind_their_lengths() {
    let world = World::new();
    world.stream("s", 1);
    let input = b"\0\0\0\x03one\0\0\0\0\0\0\0\x02\n\xff";
    let put = ["records", "put", "s", "--input", "length-prefixed"];
    let done = world.done(&put, input);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let records = read_all(&world, "s", "0");
    assert_eq!(data(&records[..2]), ["one", ""]);
    assert_eq!(records[2]["DataBase64"], "Cv8=");
    let done = world.done(&put, b"\0\0\0\x03on");
    assert_eq!(done.code, 2, "{}", done.stderr);
    assert!(
        done.stderr.contains("ends within record 1"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_failed_goes_to_a_file_that_can_be_put_again() {
    let service = ScriptedService::start(vec![
        (
            200,
            json!({ "FailedRecordCount": 1, "Records": [entry_stored(1), entry_failed()] }),
        ),
        (
            200,
            json!({ "FailedRecordCount": 1, "Records": [entry_failed()] }),
        ),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("failed");
    let path = path.to_str().unwrap();
    let put = [
        "records",
        "put",
        "s",
        "--input",
        "json",
        "--key",
        ".k",
        "--deadline",
        "300ms",
        "--failed-to",
        path,
    ];
    let done = run_at(
        &service.endpoint,
        &put,
        b"{\"k\":\"a\"}\n{\"k\":\"b\"}\nno JSON\n",
    );
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert!(
        done.stderr.contains("2 records were not written") && done.stderr.contains(path),
        "{}",
        done.stderr
    );
    let mut failed = json_lines(&std::fs::read_to_string(path).unwrap());
    failed.sort_by_key(|record| record["ErrorCode"].as_str().map(str::to_owned));
    assert_eq!(failed.len(), 2);
    assert_eq!(failed[0]["Data"], "no JSON");
    assert_eq!(failed[0]["PartitionKey"], Value::Null);
    assert_eq!(failed[1]["Data"], "{\"k\":\"b\"}");
    assert_eq!(failed[1]["PartitionKey"], "b");
    assert_eq!(
        failed[1]["ErrorCode"],
        "ProvisionedThroughputExceededException"
    );
    let done = run_at(&service.endpoint, &put, b"");
    assert_eq!(done.code, 6, "the file is there already: {}", done.stderr);

    let world = World::new();
    world.stream("s", 1);
    world.run(&["records", "put", "s", "--file", path, "--input", "records"]);
    let mut stored = read_all(&world, "s", "0");
    stored.sort_by_key(|record| record["Data"].as_str().map(str::to_owned));
    assert_eq!(data(&stored), ["no JSON", "{\"k\":\"b\"}"]);
    assert_eq!(stored[1]["PartitionKey"], "b");
}

#[test]
fn records_travel_together_if_asked() {
    let world = World::new();
    world.stream("s", 1);
    let lines: String = (0..2000).map(|number| format!("line {number}\n")).collect();
    let done = world.done(
        &["records", "put", "s", "--aggregate", "--quiet"],
        lines.as_bytes(),
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(done.stdout, "");
    assert_eq!(done.stderr, "2000 records written\n");
    let records = read_all(&world, "s", "0");
    assert!(records.len() < 100, "{} records", records.len());
    // The magic of an aggregate.
    let is_aggregate = |record: &Value| {
        let data = record["DataBase64"].as_str();
        data.is_some_and(|data| data.starts_with("84mawg"))
    };
    assert!(is_aggregate(&records[0]), "{}", records[0]);
}

#[test]
fn a_signal_sends_what_was_taken_and_says_how_much_that_was() {
    let world = World::new();
    world.stream("s", 1);
    let mut put = world.start(&["records", "put", "s", "--partition-key", "k"]);
    put.say("one\ntwo\nthr");
    put.line();
    put.line();
    let (status, said) = put.interrupt_and_hear();
    assert_eq!(status.code(), Some(7), "{said}");
    assert!(
        said.contains("the first 2 records of the input were taken, 2 of them written, 0 not"),
        "{said}"
    );
    assert_eq!(data(&read_all(&world, "s", "0")), ["one", "two"]);
}
