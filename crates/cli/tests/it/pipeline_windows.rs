//! `pipeline run` with windows, against the real server: the totals are what was written, whoever dies.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pipeline_place::{Place, lines_of, numbered, tables, until};

/// The totals of the last revisions: for each key, how many records and their sum.
fn totals(lines: &[Value]) -> BTreeMap<String, (u64, u64, f64)> {
    let mut latest: BTreeMap<(String, String), (u64, Value)> = BTreeMap::new();
    for line in lines {
        let key = (line["window"].to_string(), line["by"].to_string());
        let revision = line["revision"].as_u64().unwrap();
        let (known, value) = latest.entry(key).or_default();
        assert!(
            revision != *known || *value == *line,
            "two results of one revision: {value} {line}"
        );
        if revision > *known {
            (*known, *value) = (revision, line.clone());
        }
    }
    let mut totals = BTreeMap::new();
    for ((_, by), (_, value)) in latest {
        let (records, sum, halves): &mut (u64, u64, f64) = totals.entry(by).or_default();
        *records += value["records"].as_u64().unwrap();
        *sum += value["sum"].as_u64().unwrap();
        *halves += value["halves"].as_f64().unwrap();
    }
    totals
}

fn expected(to: u64) -> BTreeMap<String, (u64, u64, f64)> {
    let mut totals = BTreeMap::new();
    for n in 1..=to {
        let (records, sum, halves): &mut (u64, u64, f64) =
            totals.entry(format!("\"key-{}\"", n % 7)).or_default();
        *records += 1;
        *sum += n;
        *halves += (n % 100) as f64 + 0.5;
    }
    totals
}

const WINDOWS: &str = r#"
[window]
every = "2s"
by = ".k"
values = { records = "count", sum = "sum .n", halves = "sum .half" }
[[sink]]
files = { folder = "OUT", flush = { time = "300ms" } }
[dead_letter]
stream = "rejected"
"#;

fn windows_count_each_record_once(shards: u32) {
    let place = Place::new(shards);
    place.world.stream("rejected", 1);
    let file = place.declare(WINDOWS);
    let first = place.worker(&file);
    let other = place.worker(&file);
    place.write(&numbered(1, 3000));
    until("the first results", || match lines_of(&place.out()).len() {
        0 => Err("nothing".to_owned()),
        _ => Ok(()),
    });
    first.kill();
    place.write(&numbered(3001, 6000));
    let second = place.worker(&file);
    place.world.run(&["streams", "split", "source", "0"]);
    place.write(&numbered(6001, 9000));
    place.world.put("source", "\"poison\"", "0");
    other.kill();
    let third = place.worker(&file);
    let (left, right) = (shards.to_string(), (shards + 1).to_string());
    place
        .world
        .run(&["streams", "merge", "source", &left, &right]);
    place.write(&numbered(9001, 12_000));
    let wanted = expected(12_000);
    until("all records in the windows", || {
        let found = totals(&lines_of(&place.out()));
        let records = |totals: &BTreeMap<String, (u64, u64, f64)>| {
            totals.values().map(|(records, ..)| records).sum::<u64>()
        };
        if records(&found) >= records(&wanted) {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
    for worker in [second, third] {
        let (ended, said) = worker.interrupt_and_hear();
        assert!(ended.success(), "{said}");
    }
    assert_eq!(totals(&lines_of(&place.out())), wanted);
    what_the_dead_left_is_swept(&place, &file);
    let rejected = place
        .world
        .json(&["records", "get", "rejected", "--shard", "0"]);
    assert!(
        !rejected.is_empty()
            && rejected
                .iter()
                .all(|one| one["Data"].as_str().unwrap().ends_with("\n\"poison\"")),
        "{rejected:?}"
    );
}

/// Rows of states that do not count any more go when a worker starts.
fn what_the_dead_left_is_swept(place: &Place, file: &str) {
    use aws_sdk_dynamodb::types::AttributeValue;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tables = tables(&place.world.endpoint());
    let zeros = "0".repeat(56);
    let left = [
        format!("windows/shardId-000000000000/{zeros}"),
        format!("windows/shardId-000000000000/{zeros}/0123456789abcdef/1"),
    ];
    for name in &left {
        let put = tables
            .put_item()
            .table_name("tested-state")
            .item("name", AttributeValue::S(name.clone()));
        runtime.block_on(put.send()).unwrap();
    }
    let worker = place.worker(file);
    until("only the state that counts", || {
        let rows = tables
            .scan()
            .table_name("tested-state")
            .consistent_read(true);
        let rows = runtime.block_on(rows.send()).unwrap();
        let names: Vec<&String> = rows
            .items()
            .iter()
            .map(|row| row["name"].as_s().unwrap())
            .collect();
        if names.iter().any(|name| left.contains(name)) {
            Err(format!("{names:?}"))
        } else {
            Ok(())
        }
    });
    let (ended, said) = worker.interrupt_and_hear();
    assert!(ended.success(), "{said}");
}

#[test]
fn windows_of_one_shard_count_each_record_once_while_workers_die_and_shards_split_and_merge() {
    windows_count_each_record_once(1);
}

#[test]
fn windows_of_eight_shards_count_each_record_once_while_workers_die_and_shards_split_and_merge() {
    windows_count_each_record_once(8);
}
