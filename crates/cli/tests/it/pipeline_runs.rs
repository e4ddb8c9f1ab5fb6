//! `pipeline run` against the real server: workers die, shards split and merge, sinks are down, and what arrives is what
//! was written.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::commands::{Running, World};

const DEADLINE: Duration = Duration::from_secs(180);

/// Records numbered from 1, each with one of 7 keys.
fn numbered(from: u64, to: u64) -> String {
    let mut lines = String::new();
    for n in from..=to {
        writeln!(
            lines,
            "{{\"n\":{n},\"k\":\"key-{}\",\"half\":{}.5}}",
            n % 7,
            n % 100
        )
        .unwrap();
    }
    lines
}

struct Place {
    world: World,
    folder: tempfile::TempDir,
}

impl Place {
    fn new(shards: u32) -> Self {
        let world = World::new();
        world.stream("source", shards);
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("real")).unwrap();
        let place = Self { world, folder };
        place.point_out_at(&place.folder.path().join("real"));
        place
    }

    /// What the sink's folder is, from one moment to the next.
    fn point_out_at(&self, target: &Path) {
        let link = self.folder.path().join("link");
        std::os::unix::fs::symlink(target, &link).unwrap();
        std::fs::rename(link, self.out()).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// Writes the pipeline's file; its path.
    fn declare(&self, rest: &str) -> String {
        let path = self.folder.path().join("pipeline.toml");
        let text = format!("name = \"tested\"\n[source]\nstream = \"source\"\n{rest}");
        std::fs::write(&path, text.replace("OUT", self.out().to_str().unwrap())).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn worker(&self, file: &str) -> Running {
        self.worker_with(file, &[])
    }

    fn worker_with(&self, file: &str, more: &[&str]) -> Running {
        let arguments = [
            "pipeline",
            "run",
            file,
            "--failover",
            "1s",
            "--poll",
            "100ms",
            "--report",
            "0s",
        ];
        self.world.start(&[&arguments[..], more].concat())
    }

    fn write(&self, lines: &str) {
        let path = self.folder.path().join("input.jsonl");
        std::fs::write(&path, lines).unwrap();
        let path = path.to_str().unwrap();
        self.world.run(&[
            "records", "put", "source", "--file", path, "--input", "json", "--key", ".n", "--quiet",
        ]);
    }
}

/// All lines of all files, in the order of the files' names.
fn lines_of(folder: &Path) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| !path.file_name().unwrap().to_str().unwrap().starts_with('.'));
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap());
    let lines = |text: String| {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<Value>>()
    };
    texts.flat_map(lines).collect()
}

/// Looks until it is done.
fn until(what: &str, mut is_done: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match is_done() {
            Ok(()) => return,
            Err(seen) => assert!(Instant::now() < deadline, "{what}: {seen}"),
        }
        std::thread::park_timeout(Duration::from_millis(100));
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

    until("6000 records", || match lines_of(&place.out()).len() {
        6000.. => Ok(()),
        count => Err(format!("{count}")),
    });
    let (ended, said) = third.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let mut numbers: Vec<u64> = lines_of(&place.out())
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(
        numbers.iter().copied().eq(1..=6000),
        "{} records, not each of 1 to 6000 once",
        numbers.len()
    );
    let status = place.world.json(&["pipeline", "status", &file]);
    assert!(
        status.iter().all(|row| row["Owner"].is_null()),
        "{status:?}"
    );
}

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

#[test]
fn windows_of_one_shard_count_each_record_once_while_workers_die_and_shards_split_and_merge() {
    windows_count_each_record_once(1);
}

#[test]
fn windows_of_eight_shards_count_each_record_once_while_workers_die_and_shards_split_and_merge() {
    windows_count_each_record_once(8);
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

fn tables(endpoint: &str) -> aws_sdk_dynamodb::Client {
    use aws_credential_types::Credentials;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        // As the commands do without credentials: another key would be another account.
        .credentials_provider(Credentials::new(
            "millstream",
            "millstream",
            None,
            None,
            "test",
        ));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

async fn create_table(client: &aws_sdk_dynamodb::Client, table: &str, key: &str) {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let element = KeySchemaElement::builder()
        .attribute_name(key)
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let kind = AttributeDefinition::builder()
        .attribute_name(key)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest);
    request
        .key_schema(element)
        .attribute_definitions(kind)
        .send()
        .await
        .unwrap();
}
