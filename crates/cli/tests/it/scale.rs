//! `millstream scale`, with workers of this machine: traffic rises and falls.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::{Running, World, data_of};

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

/// A phase that takes longer does not end: it takes a minute, and several on a machine that is busy.
const PHASE_MAX: Duration = Duration::from_secs(600);

/// The program that does the work, and its properties.
pub(crate) fn write_program(folder: &Path) {
    let at = folder.display();
    fs::write(folder.join("program.sh"), PROGRAM).unwrap();
    let properties = format!(
        "executableName = sh {at}/program.sh {at}\nstreamName = orders\napplicationName = till\n\
         initialPositionInStream = TRIM_HORIZON\nregionName = us-east-1\nworkerId = WORKER\n\
         failoverTimeMillis = 10000\nmaxRecords = 10\nidleTimeBetweenReadsInMillis = 200\n"
    );
    fs::write(folder.join("till.properties"), properties).unwrap();
}

fn write_files(folder: &Path) -> String {
    write_program(folder);
    let at = folder.display();
    let worker = format!(
        "sed s/WORKER/{{worker}}/ {at}/till.properties > {at}/{{worker}}.properties && \
         exec {} multilang --properties {at}/{{worker}}.properties 2>> {at}/workers.log",
        env!("CARGO_BIN_EXE_millstream")
    );
    let file = format!(
        "application = \"till\"\nstream = \"orders\"\ngoal = \"4s\"\nlook = \"1s\"\nsettling = \"5s\"\nquiet = \"8s\"\n\
         log = {:?}\nlog-stream = \"till-decisions\"\nmetrics = true\n[workers]\nmax = 4\ngrace = \"60s\"\ncommand = [\"sh\", \"-c\", {worker:?}]\n",
        folder.join("decisions.jsonl").display().to_string()
    );
    let path = folder.join("till.toml");
    fs::write(&path, file).unwrap();
    path.display().to_string()
}

/// What a scaler with its log in this folder has written.
pub(crate) fn decisions(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("decisions.jsonl")).unwrap_or_default();
    // The last line may still be being written.
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// Records that are written at a rate, each with a number of its own.
pub(crate) struct Traffic {
    put: Running,
    written: u64,
}

impl Traffic {
    /// Through a command that puts the lines of its stdin.
    pub(crate) fn to(put: Running) -> Self {
        Self { put, written: 0 }
    }

    /// How many so far.
    pub(crate) fn written(&self) -> usize {
        usize::try_from(self.written).unwrap()
    }

    /// Writes until `is_over` says so, which scalers with their logs in these folders bring about.
    pub(crate) fn write(
        &mut self,
        records_per_s: u64,
        scalers: &[&Path],
        mut is_over: impl FnMut() -> bool,
    ) {
        let began = Instant::now();
        let first = self.written;
        while !is_over() {
            if began.elapsed() >= PHASE_MAX {
                for scaler in scalers {
                    let log = decisions(scaler);
                    println!("{}:", scaler.display());
                    log.iter().rev().take(100).for_each(|one| println!("{one}"));
                }
                panic!("the phase does not end");
            }
            let due = first + (began.elapsed().as_secs_f64() * records_per_s as f64) as u64;
            let mut lines = String::new();
            while self.written < due {
                lines.push_str(&format!("order-{}\n", self.written));
                self.written += 1;
            }
            self.put.say(&lines);
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// How many different ones the workers have done, and how many of them again.
    pub(crate) fn processed(&self, folder: &Path) -> (usize, u32) {
        let done = fs::read_to_string(folder.join("done")).unwrap_or_default();
        // The last line may still be being written.
        let whole = done.rfind('\n').map_or("", |end| &done[..end]);
        let mut seen = HashMap::new();
        for line in whole.lines() {
            *seen.entry(line).or_insert(0u32) += 1;
        }
        (seen.len(), seen.values().map(|times| times - 1).sum())
    }
}

/// What CloudWatch's API lists of the application.
fn metrics(world: &World) -> String {
    let form = "Action=ListMetrics&Version=2010-08-01&Namespace=Millstream%2FApplications\
                &Dimensions.member.1.Name=ApplicationName&Dimensions.member.1.Value=till";
    let signature = "0".repeat(64);
    let request = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nX-Amz-Date: 20261102T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=millstream/20261102/us-east-1/monitoring/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature={signature}\r\n\r\n{form}",
        form.len()
    );
    let mut stream = TcpStream::connect(world.server().address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn workers_follow_the_traffic_up_and_down_and_no_record_is_skipped() {
    let world = World::new();
    world.stream("orders", 4);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = write_files(folder);
    let scaler = world.start(&["scale", &file]);
    let mut traffic = Traffic::to(world.start(&["records", "put", "orders", "--quiet"]));
    let workers_after = |decision: &Value| decision["workers_after"].as_u64();
    let reached = |is: &dyn Fn(u64) -> bool| {
        let mut newest = decisions(folder).into_iter().rev();
        let done = newest.find(|decision| decision["done"] == true);
        done.as_ref().and_then(workers_after).is_some_and(is)
    };
    // A worker does 25 records a second: 55 need three.
    traffic.write(55, &[folder], || reached(&|workers| workers >= 3));
    let explained = world.run(&["scale", "explain", &file]);
    assert!(
        explained.starts_with("till reads orders: ") && explained.contains(" records/s come, "),
        "{explained}"
    );
    traffic.write(5, &[folder], || reached(&|workers| workers <= 2));
    let count = traffic.written();
    let began = Instant::now();
    let again = loop {
        let (seen, again) = traffic.processed(folder);
        if seen == count {
            break again;
        }
        assert!(
            began.elapsed() < PHASE_MAX,
            "{seen} of {count} were processed"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    };
    drop(traffic);
    let (status, said) = scaler.interrupt_and_hear();
    assert_eq!(status.code(), Some(0), "{said}");
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
    let records = world.run(&["records", "get", "till-decisions", "--shard", "0", "--json"]);
    let recorded: Vec<Value> = records
        .lines()
        .map(|line| serde_json::from_str(&data_of(line)).unwrap())
        .collect();
    // Ctrl-C may have come between the two.
    assert!(
        log.starts_with(&recorded) && log.len() <= recorded.len() + 1,
        "{recorded:#?} {log:#?}"
    );
    let listed = metrics(&world);
    for metric in ["MillisBehind", "RecordsBehind", "ReadRecords", "Workers"] {
        assert!(
            listed.contains(&format!("<MetricName>{metric}<")),
            "{listed}"
        );
    }
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
    assert!(
        said.contains("till.toml:2:1: workers are from 1 to 10000"),
        "{said}"
    );
    fs::write(
        &path,
        "application = \"till\"\n[workers]\nmax = 1\ncommand = [\"true\"]\n",
    )
    .unwrap();
    let said = world.fails(2, &["scale", &name, "--once"]);
    assert!(said.contains("--once goes with --dry-run"), "{said}");
}
