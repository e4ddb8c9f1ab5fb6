//! `pipeline run` against the real server: workers die, shards split and merge, sinks are down, and what arrives is what
//! was written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::pipeline_place::{Place, create_table, lines_of, numbered, tables, until};

/// Whether so many lines arrived.
fn at_least(count: usize, place: &Place) -> Result<(), String> {
    match lines_of(&place.out()).len() {
        have if have >= count => Ok(()),
        have => Err(format!("{have}")),
    }
}

#[test]
fn files_hold_every_record_once_while_workers_die_and_shards_split_and_merge() {
    let place = Place::new(2);
    let file =
        place.declare("[[sink]]\nfiles = { folder = \"OUT\", flush = { time = \"300ms\" } }\n");
    let first = place.worker(&file);
    place.write(&numbered(1, 2000));
    until("the first files", || match lines_of(&place.out()).len() {
        0 => Err("nothing".to_owned()),
        _ => Ok(()),
    });
    first.kill();
    let second = place.worker(&file);
    place.world.run(&["streams", "split", "source", "0"]);
    place.write(&numbered(2001, 4000));
    second.kill();
    let third = place.worker(&file);
    place.world.run(&["streams", "merge", "source", "2", "3"]);
    // The folder cannot be written for a while.
    place.point_out_at(Path::new("/dev/null/nowhere"));
    place.write(&numbered(4001, 6000));
    std::thread::park_timeout(Duration::from_secs(3));
    place.point_out_at(&place.folder.path().join("real"));

    until("6000 records", || at_least(6000, &place));
    // Shards count since their worker took them, which may be after all of that: something must come now.
    place.write(&numbered(6001, 6200));
    until("a report of the worker that lives", || {
        let status = place.world.json(&["pipeline", "status", &file]);
        let sum = |name: &str| -> u64 { status.iter().filter_map(|row| row[name].as_u64()).sum() };
        let is_owned = status.iter().any(|row| row["Owner"].is_string());
        if is_owned && sum("RecordsIn") >= 200 && sum("Delivered") >= 200 {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    });
    // What it counted may be earlier records: one that stops reads no more, and leaves the rest to the next.
    until("6200 records", || at_least(6200, &place));
    let (ended, said) = third.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let mut numbers: Vec<u64> = lines_of(&place.out())
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(
        numbers.iter().copied().eq(1..=6200),
        "{} records, not each of 1 to 6200 once; missing or more than once: {:?}",
        numbers.len(),
        (1..=6200)
            .filter(|n| numbers.iter().filter(|have| *have == n).count() != 1)
            .collect::<Vec<u64>>()
    );
    // What those said of themselves who were killed is told for half a minute more.
    until("nobody is left", || {
        let status = place.world.json(&["pipeline", "status", &file]);
        let is_left = |row: &Value| !row["Owner"].is_null() || !row["Sink"].is_null();
        match status.iter().any(is_left) {
            true => Err(format!("{status:?}")),
            false => Ok(()),
        }
    });
}

#[test]
fn a_step_in_another_language_loses_nothing_and_doubles_nothing_though_its_program_dies() {
    let place = Place::new(2);
    place.world.stream("rejected", 1);
    let program = place.folder.path().join("score.py");
    let died = place.folder.path().join("died");
    std::fs::create_dir(&died).unwrap();
    let text = format!(
        "import json, os, sys\n\
         for line in sys.stdin:\n    \
             record = json.loads(line)\n    \
             n = record['value']['n']\n    \
             mark = {died:?} + '/' + str(n)\n    \
             if n == 777: os._exit(3)\n    \
             if n % 500 == 0 and not os.path.exists(mark): open(mark, 'w'); os._exit(4)\n    \
             print(json.dumps({{'id': record['id'], 'value': {{'n': n, 'double': 2 * n}}}}), flush=True)\n"
    );
    std::fs::write(&program, text).unwrap();
    let file = place.declare(&format!(
        "[[step]]\nexec = [\"python3\", {program:?}]\n\
         [[sink]]\nfiles = {{ folder = \"OUT\", flush = {{ time = \"300ms\" }} }}\n\
         [dead_letter]\nstream = \"rejected\"\n"
    ));
    place.write(&numbered(1, 2000));
    let worker = place.worker(&file);
    until("1999 records", || match lines_of(&place.out()).len() {
        1999.. => Ok(()),
        count => Err(format!("{count}")),
    });
    let (ended, said) = worker.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let mut numbers: Vec<u64> = lines_of(&place.out())
        .iter()
        .map(|line| {
            assert_eq!(line["double"].as_u64(), line["n"].as_u64().map(|n| 2 * n));
            line["n"].as_u64().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq((1..=2000).filter(|n| *n != 777)));
    let rejected = place
        .world
        .json(&["records", "get", "rejected", "--shard", "0"]);
    let data = rejected[0]["Data"].as_str().unwrap();
    assert!(
        rejected.len() == 1 && data.contains("with exit code 3"),
        "{rejected:?}"
    );
}

#[test]
fn a_program_that_hangs_ends_with_its_worker_though_that_is_killed() {
    let place = Place::new(1);
    let program = place.folder.path().join("hang.py");
    let told = place.folder.path().join("process");
    let text = format!(
        "import os, sys, time\n\
         sys.stdin.readline()\n\
         open({told:?} + '.new', 'w').write(str(os.getpid()))\n\
         os.rename({told:?} + '.new', {told:?})\n\
         time.sleep(3600)\n"
    );
    std::fs::write(&program, text).unwrap();
    let file = place.declare(&format!(
        "[[step]]\nexec = [\"python3\", {program:?}]\ntimeout = \"1h\"\n[[sink]]\nstdout = {{}}\n"
    ));
    place.write(&numbered(1, 1));
    let worker = place.worker(&file);
    until("the program hangs", || match told.exists() {
        true => Ok(()),
        false => Err("no process".to_owned()),
    });
    let process = std::fs::read_to_string(&told).unwrap();
    worker.kill();
    until("the program has ended", || {
        // One that nobody waits for is left as a zombie.
        match std::fs::read_to_string(format!("/proc/{process}/stat")) {
            Ok(stat) if !stat.contains(") Z ") => Err(stat),
            _ => Ok(()),
        }
    });
}

#[test]
fn a_record_that_cannot_be_processed_stops_a_pipeline_without_dead_letters_and_is_not_passed_over()
{
    let place = Place::new(1);
    let file = place.declare("[[step]]\nmap = \".n + 1\"\n[[sink]]\nstdout = {}\n");
    place.write("{\"n\":1}\n{\"n\":\"x\"}\n{\"n\":3}\n");
    for _ in 0..2 {
        let arguments = [
            "pipeline",
            "run",
            &file,
            "--failover",
            "1s",
            "--poll",
            "100ms",
            "--report",
            "0s",
        ];
        let done = place.world.done(&arguments, b"");
        assert_eq!(done.code, 8, "{}", done.stderr);
        assert!(
            done.stderr
                .contains("has no [dead_letter]: step 1 (map .n + 1)"),
            "{}",
            done.stderr
        );
    }
    let file = place.declare("[[step]]\nmap = \".n + 1\"\n[[sink]]\nstream = { name = \"copy\" }\n[dead_letter]\nstream = \"rejected\"\n");
    place.world.stream("copy", 1);
    place.world.stream("rejected", 1);
    let worker = place.worker(&file);
    let mut copied = place.world.start(&[
        "records",
        "tail",
        "copy",
        "--from",
        "trim-horizon",
        "--json",
    ]);
    assert_eq!(copied.data(2), ["2", "4"]);
    let (ended, said) = worker.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let rejected = place
        .world
        .json(&["records", "get", "rejected", "--shard", "0"]);
    let data = rejected[0]["Data"].as_str().unwrap();
    let (head, record) = data.split_once('\n').unwrap();
    let head: Value = serde_json::from_str(head).unwrap();
    assert_eq!(
        (head["application"].as_str(), record),
        (Some("tested"), "{\"n\":\"x\"}")
    );
    assert!(
        head["cause"]
            .as_str()
            .unwrap()
            .starts_with("step 1 (map .n + 1): cannot calculate"),
        "{head}"
    );
}

#[test]
fn a_worker_that_stops_while_its_sink_is_down_says_so_and_the_next_one_delivers() {
    let place = Place::new(1);
    let out = place.folder.path().join("later");
    // A file is where the folder should be.
    std::fs::write(&out, "").unwrap();
    let sink =
        format!("[[sink]]\nfiles = {{ folder = {out:?}, flush = {{ time = \"100ms\" }} }}\n");
    let file = place.declare(&sink);
    place.write(&numbered(1, 10));
    let first = place.worker_with(&file, &["--grace", "3s"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tables = tables(&place.world.endpoint());
    until("a prepared cut", || {
        let leases = tables.scan().table_name("tested").consistent_read(true);
        match runtime.block_on(leases.send()) {
            Ok(leases)
                if leases
                    .items()
                    .iter()
                    .any(|lease| lease.contains_key("pendingCheckpoint")) =>
            {
                Ok(())
            }
            seen => Err(format!("{seen:?}")),
        }
    });
    let (ended, said) = first.interrupt_and_hear();
    assert_eq!(ended.code(), Some(7), "{said}");
    assert!(said.contains("stopped while a sink failed"), "{said}");
    std::fs::remove_file(&out).unwrap();
    let second = place.worker(&file);
    until("10 records", || match lines_of(&out).len() {
        10 => Ok(()),
        count => Err(format!("{count}")),
    });
    let (ended, said) = second.interrupt_and_hear();
    assert!(ended.success(), "{said}");
}

#[test]
fn a_table_holds_the_last_value_of_each_key_though_workers_die() {
    let place = Place::new(2);
    let file = place.declare("[[sink]]\ndynamodb = { table = \"latest\", key = { k = \".k\" } }\n");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let tables = tables(&place.world.endpoint());
    runtime.block_on(create_table(&tables, "latest", "k"));
    let first = place.worker(&file);
    // One partition key for each key of the table, so that one shard has all its records.
    let lines = numbered(1, 2000);
    let path = place.folder.path().join("input.jsonl");
    std::fs::write(&path, &lines).unwrap();
    place.world.run(&[
        "records",
        "put",
        "source",
        "--file",
        path.to_str().unwrap(),
        "--input",
        "json",
        "--key",
        ".k",
        "--quiet",
    ]);
    first.kill();
    let second = place.worker(&file);
    let wanted: BTreeMap<String, u64> = (1..=2000).map(|n| (format!("key-{}", n % 7), n)).collect();
    until("the last of each key", || {
        let rows = runtime
            .block_on(
                tables
                    .scan()
                    .table_name("latest")
                    .consistent_read(true)
                    .send(),
            )
            .unwrap();
        let row =
            |row: &std::collections::HashMap<String, aws_sdk_dynamodb::types::AttributeValue>| {
                (
                    row["k"].as_s().unwrap().clone(),
                    row["n"].as_n().unwrap().parse().unwrap(),
                )
            };
        let found: BTreeMap<String, u64> = rows.items().iter().map(row).collect();
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    });
    let (ended, said) = second.interrupt_and_hear();
    assert!(ended.success(), "{said}");
}
