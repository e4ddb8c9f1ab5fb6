//! `millstream scale`, with workers of this machine: traffic rises and falls.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::{Running, World};

/// What a worker takes for a record: 40 ms, however many shards it has.
const PROGRAM: &str = r#"
answer() { printf '{"action":"status","responseFor":"%s"}\n' "$1"; }
while read -r line; do
  case $line in
    '{"action":"initialize"'*) answer initialize ;;
    '{"action":"processRecords"'*)
      printf '%s' "$line" | grep -o '"data":"[^"]*"' > "$1/batch.$$"
      records=$(wc -l < "$1/batch.$$")
      flock "$1/$MILLSTREAM_WORKER_ID.lock" sleep "$(awk "BEGIN { print 0.04 * $records }")"
      cat "$1/batch.$$" >> "$1/done"
      printf '{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}\n'
      read -r said
      answer processRecords ;;
    '{"action":"shardEnded"'*)
      printf '{"action":"checkpoint","sequenceNumber":null,"subSequenceNumber":null}\n'
      read -r said
      answer shardEnded ;;
    '{"action":"shutdownRequested"}') answer shutdownRequested ;;
    '{"action":"leaseLost"}') answer leaseLost ;;
  esac
done
"#;

/// A phase that takes longer does not end.
const PHASE_MAX: Duration = Duration::from_secs(150);

fn write_files(folder: &Path) -> String {
    let at = folder.display();
    fs::write(folder.join("program.sh"), PROGRAM).unwrap();
    let properties = format!(
        "executableName = sh {at}/program.sh {at}\nstreamName = orders\napplicationName = till\n\
         initialPositionInStream = TRIM_HORIZON\nregionName = us-east-1\nworkerId = WORKER\n\
         failoverTimeMillis = 10000\nmaxRecords = 10\nidleTimeBetweenReadsInMillis = 200\n"
    );
    fs::write(folder.join("till.properties"), properties).unwrap();
    let worker = format!(
        "sed s/WORKER/{{worker}}/ {at}/till.properties > {at}/{{worker}}.properties && \
         exec {} multilang --properties {at}/{{worker}}.properties 2>> {at}/workers.log",
        env!("CARGO_BIN_EXE_millstream")
    );
    let file = format!(
        "application = \"till\"\nstream = \"orders\"\ngoal = \"4s\"\nlook = \"1s\"\nsettling = \"5s\"\nquiet = \"8s\"\n\
         log = {:?}\n[workers]\nmax = 4\ngrace = \"60s\"\ncommand = [\"sh\", \"-c\", {worker:?}]\n",
        folder.join("decisions.jsonl").display().to_string()
    );
    let path = folder.join("till.toml");
    fs::write(&path, file).unwrap();
    path.display().to_string()
}

fn decisions(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("decisions.jsonl")).unwrap_or_default();
    // The last line may still be being written.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Writes records at a rate until `is_over` says so.
fn write(
    put: &mut Running,
    written: &AtomicU64,
    records_per_s: u64,
    mut is_over: impl FnMut() -> bool,
) {
    let began = Instant::now();
    let first = written.load(Ordering::Relaxed);
    while !is_over() {
        assert!(began.elapsed() < PHASE_MAX, "the phase does not end");
        let due = first + (began.elapsed().as_secs_f64() * records_per_s as f64) as u64;
        let mut lines = String::new();
        for number in written.load(Ordering::Relaxed)..due {
            lines.push_str(&format!("order-{number}\n"));
            written.store(number + 1, Ordering::Relaxed);
        }
        put.say(&lines);
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn workers_follow_the_traffic_up_and_down_and_no_record_is_skipped() {
    let world = World::new();
    world.stream("orders", 4);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = write_files(folder);
    let scaler = world.start(&["scale", &file]);
    let mut put = world.start(&["records", "put", "orders", "--quiet"]);
    let written = AtomicU64::new(0);
    let workers_after = |decision: &Value| decision["workers_after"].as_u64();
    let reached = |is: &dyn Fn(u64) -> bool| {
        let mut newest = decisions(folder).into_iter().rev();
        let done = newest.find(|decision| decision["done"] == true);
        done.as_ref().and_then(workers_after).is_some_and(is)
    };
    // A worker does 25 records a second: 55 need three.
    write(&mut put, &written, 55, || reached(&|workers| workers >= 3));
    write(&mut put, &written, 5, || reached(&|workers| workers <= 2));
    let done = || fs::read_to_string(folder.join("done")).unwrap_or_default();
    let count = written.load(Ordering::Relaxed) as usize;
    let mut seen = HashMap::new();
    let began = Instant::now();
    while seen.len() < count {
        assert!(
            began.elapsed() < PHASE_MAX,
            "{} of {count} were processed",
            seen.len()
        );
        std::thread::park_timeout(Duration::from_millis(100));
        seen.clear();
        for line in done().lines() {
            *seen.entry(line.to_owned()).or_insert(0u32) += 1;
        }
    }
    drop(put);
    let (status, said) = scaler.interrupt_and_hear();
    assert_eq!(status.code(), Some(0), "{said}");
    let again: u32 = seen.values().map(|times| times - 1).sum();
    println!("{count} records, {again} of them twice, because workers of a hand-over had them");
    let log = decisions(folder);
    let because: Vec<String> = log
        .iter()
        .map(|decision| decision["because"].to_string())
        .collect();
    assert!(
        because
            .iter()
            .any(|text| text.contains("are too slow to be done within 4 s")),
        "{because:#?}"
    );
    assert!(
        because.iter().any(|text| text.contains("are enough")),
        "{because:#?}"
    );
    // Who stops hands over first: nobody is killed.
    assert!(
        !log.iter().any(|decision| decision["failed"].is_string()),
        "{log:#?}"
    );
}

#[test]
fn a_file_that_says_nothing_sensible_is_refused() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("till.toml");
    let name = path.display().to_string();
    let said = world.fails(6, &["scale", &name]);
    assert!(said.contains("till.toml"), "{said}");
    fs::write(
        &path,
        "application = \"till\"\n[workers]\nmax = 0\ncommand = [\"true\"]\n",
    )
    .unwrap();
    let said = world.fails(2, &["scale", &name]);
    assert!(said.contains("workers are from 1 to 10000"), "{said}");
    fs::write(
        &path,
        "application = \"till\"\n[workers]\nmax = 1\ncommand = [\"true\"]\n",
    )
    .unwrap();
    let said = world.fails(2, &["scale", &name, "--once"]);
    assert!(said.contains("--once goes with --dry-run"), "{said}");
}
