//! Records that are poison, each kind for itself and in both ways that a file may declare: they end on the dead letters
//! with their cause, or the pipeline stops at them and does not pass them. The others pass, and memory stays within what
//! `pipeline check` says.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kinesis::primitives::Blob;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::commands::World;
use crate::pipeline_place::{create_table, kinesis, lines_of, tables, until};

/// What a record may have with its partition key, which is one byte here.
const RECORD_BYTES: usize = 1024 * 1024 - 1;
const MIB: usize = 1024 * 1024;

/// A program that eats memory when it is told to.
const PROGRAM: &str = "\
import json, sys, time
for line in sys.stdin:
    record = json.loads(line)
    if record['value'].get('eat'):
        eaten = b'x' * (200 << 20)
        time.sleep(60)
    print(json.dumps(record), flush=True)
";

struct Poison {
    /// The name of its kind.
    kind: &'static str,
    data: String,
    cause: &'static str,
}

fn poison() -> Vec<Poison> {
    let long = |bytes: usize| {
        let head = r#"{"k":"long","n":1,"text":""#;
        format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
    };
    let of = |kind, data: String, cause| Poison { kind, data, cause };
    vec![
        of(
            "no-json",
            r#"{"k":"a","n":1"#.to_owned(),
            "source.decode: not JSON",
        ),
        of(
            "wrong-type",
            r#"{"k":"a","n":"one"}"#.to_owned(),
            "step 2 (map .next = .n + 1): cannot calculate",
        ),
        // A row of a table may have 400 KiB.
        of("long-text", long(RECORD_BYTES), "sink latest refuses"),
        of(
            "deep",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
            "source.decode: not JSON: recursion limit exceeded",
        ),
        of(
            "endless",
            r#"{"k":"a","n":1,"loop":true}"#.to_owned(),
            "it takes more than 1000000 steps",
        ),
        of(
            "hungry",
            r#"{"k":"a","n":1,"eat":true}"#.to_owned(),
            "it takes more than 100663296 bytes of memory",
        ),
    ]
}

struct Place {
    world: World,
    folder: tempfile::TempDir,
    runtime: Runtime,
}

impl Place {
    /// With a table for what passes and a stream for what does not.
    fn new() -> Self {
        let place = Self {
            world: World::new(),
            folder: tempfile::tempdir().unwrap(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap(),
        };
        std::fs::write(place.folder.path().join("program.py"), PROGRAM).unwrap();
        let tables = tables(&place.world.endpoint());
        place.runtime.block_on(create_table(&tables, "latest", "k"));
        place.world.stream("rejected", 1);
        place.runtime.block_on(async {
            let kinesis = kinesis(&place.world.endpoint());
            let summary = kinesis.describe_stream_summary().stream_name("rejected");
            let summary = summary.send().await.unwrap().stream_description_summary;
            // A dead letter is longer than its record.
            let larger = kinesis
                .update_max_record_size()
                .stream_arn(summary.unwrap().stream_arn)
                .max_record_size_in_kib(2048);
            larger.send().await.unwrap();
        });
        place
    }

    /// Puts records on a stream, one by one.
    fn put(&self, stream: &str, records: &[String]) {
        let kinesis = kinesis(&self.world.endpoint());
        self.runtime.block_on(async {
            for (number, data) in records.iter().enumerate() {
                let record = kinesis
                    .put_record()
                    .stream_name(stream)
                    .partition_key((number % 10).to_string())
                    .data(Blob::new(data.as_bytes()));
                record.send().await.unwrap();
            }
        });
    }

    /// The file of a pipeline with all steps, whose sink is the table; its path.
    fn declare(&self, stream: &str, rest: &str) -> String {
        let program = self.folder.path().join("program.py");
        let steps = format!(
            "[[step]]\nmap = \"if .loop then last(range(infinite)) else . end\"\n\
             [[step]]\nmap = \".next = .n + 1\"\n\
             [[step]]\nexec = [\"python3\", {program:?}]\nmemory = \"96 MiB\"\ntimeout = \"50s\"\n\
             [[sink]]\nname = \"latest\"\ndynamodb = {{ table = \"latest\", key = {{ k = \".k\" }} }}\n"
        );
        self.file(stream, &format!("{steps}{rest}"))
    }

    fn file(&self, stream: &str, rest: &str) -> String {
        let path = self.folder.path().join(format!("{stream}.toml"));
        let text = format!("name = \"of-{stream}\"\n[source]\nstream = \"{stream}\"\n{rest}");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A worker that keeps its leases however long it has to wait for a processor: who loses one leaves letters that the
    /// next writes again.
    fn arguments(file: &str) -> [&str; 9] {
        [
            "pipeline",
            "run",
            file,
            "--failover",
            "30s",
            "--poll",
            "100ms",
            "--report",
            "0s",
        ]
    }

    /// The keys of the rows.
    fn rows(&self) -> BTreeSet<String> {
        let tables = tables(&self.world.endpoint());
        let scan = tables.scan().table_name("latest").consistent_read(true);
        let rows = self.runtime.block_on(scan.send()).unwrap();
        let keys = rows.items().iter().map(|row| row["k"].as_s().unwrap());
        keys.cloned().collect()
    }

    /// The cause of each dead letter, by the record's own bytes.
    fn letters(&self) -> BTreeMap<String, String> {
        let got = self
            .world
            .json(&["records", "get", "rejected", "--shard", "0"]);
        let letter = |row: &Value| {
            let (head, data) = row["Data"].as_str().unwrap().split_once('\n').unwrap();
            let head: Value = serde_json::from_str(head).unwrap();
            (data.to_owned(), head["cause"].as_str().unwrap().to_owned())
        };
        let letters: BTreeMap<String, String> = got.iter().map(letter).collect();
        assert_eq!(letters.len(), got.len(), "a record has one letter");
        letters
    }
}

fn good(key: &str) -> String {
    json!({"k": key, "n": 1}).to_string()
}

fn shown(text: &str) -> &str {
    &text[..text.len().min(80)]
}

#[test]
fn each_kind_of_poison_ends_on_the_dead_letters_with_its_cause_and_the_others_pass() {
    let place = Place::new();
    place.world.stream("mixed", 2);
    let file = place.declare("mixed", "[dead_letter]\nstream = \"rejected\"\n");
    let (mut records, mut keys) = (Vec::new(), BTreeSet::new());
    for poison in poison() {
        for number in 0..8 {
            let key = format!("{}-{number}", poison.kind);
            records.push(good(&key));
            keys.insert(key);
        }
        records.push(poison.data);
    }
    place.put("mixed", &records);
    let worker = place.world.start(&Place::arguments(&file));
    until(
        "all that is good, and a letter for each that is not",
        || match (place.rows(), place.letters().len()) {
            (rows, letters) if rows == keys && letters == poison().len() => Ok(()),
            (rows, letters) => Err(format!("{} rows, {letters} letters", rows.len())),
        },
    );
    let (ended, said) = worker.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let letters = place.letters();
    for Poison { kind, data, cause } in poison() {
        let told = letters.get(&data);
        let is_told = told.is_some_and(|told| told.contains(cause));
        assert!(is_told, "{kind} ({}): {told:?}", shown(&data));
    }
}

#[test]
fn each_kind_of_poison_stops_a_pipeline_without_dead_letters_which_does_not_pass_it() {
    let place = Place::new();
    for Poison { kind, data, cause } in poison() {
        place.world.stream(kind, 1);
        let keys = ["before", "behind"].map(|name| format!("{kind}-{name}"));
        place.put(kind, &[good(&keys[0]), data.clone(), good(&keys[1])]);
        let file = place.declare(kind, "");
        let done = place.world.done(&Place::arguments(&file), b"");
        assert_eq!(done.code, 8, "{kind}: {}", done.stderr);
        let is_told = done.stderr.contains("has no [dead_letter]") && done.stderr.contains(cause);
        assert!(is_told, "{kind}: {}", done.stderr);
        // It is the next one's to decide about, and what is behind it too.
        let file = place.declare(kind, "[dead_letter]\nstream = \"rejected\"\n");
        let worker = place.world.start(&Place::arguments(&file));
        until(kind, || {
            let rows = place.rows();
            match keys.iter().all(|key| rows.contains(key)) && place.letters().contains_key(&data) {
                true => Ok(()),
                false => Err(format!("{rows:?}")),
            }
        });
        let (ended, said) = worker.interrupt_and_hear();
        assert!(ended.success(), "{kind}: {said}");
    }
    assert_eq!(place.letters().len(), poison().len());
}

/// Half a thousand records of a few bytes, which a map makes 20 MB each, once went through the steps together.
#[test]
fn a_worker_under_poison_takes_no_more_memory_than_check_says() {
    let place = Place::new();
    let shards = 2;
    place.world.stream("many", shards);
    let out = place.folder.path().join("out");
    let file = place.file(
        "many",
        &format!(
            "[[step]]\nmap = \"if .grow then .text = \\\"x\\\" * 20000000 elif .loop then last(range(infinite)) else . end\"\n\
             [[step]]\nfilter = \"(.text | length) < 100000\"\n\
             [[sink]]\nfiles = {{ folder = {out:?}, flush = {{ bytes = \"4 MiB\", time = \"300ms\" }} }}\n\
             [dead_letter]\nstream = \"rejected\"\n"
        ),
    );
    let long = json!({"text": "x".repeat(RECORD_BYTES - 20)}).to_string();
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let mut records = vec![r#"{"grow":true}"#.to_owned(); 200];
    records.extend(vec![long; 20]);
    records.extend((0..40).map(|number| format!("{deep}{number}")));
    records.extend((0..3).map(|number| json!({"loop": number + 1}).to_string()));
    records.extend((0..50).map(|number| json!({"good": number}).to_string()));
    place.put("many", &records);
    let worker = place.world.start(&Place::arguments(&file));
    until("what is good", || match lines_of(&out).len() {
        50 => Ok(()),
        count => Err(format!("{count}")),
    });
    let peak = worker.peak_bytes();
    let (ended, said) = worker.interrupt_and_hear();
    assert!(ended.success(), "{said}");
    let most = stated(&place.world, &file, shards as usize);
    assert!(peak <= most, "{} MiB of {}", peak / MIB, most / MIB);
    assert_eq!(place.letters().len(), 43);
}

/// What `check` says that a worker takes at most, and what the program itself does.
fn stated(world: &World, file: &str, shards: usize) -> usize {
    let said = world.json(&["pipeline", "check", file]).remove(0);
    let bytes = |name: &str| usize::try_from(said[name].as_u64().unwrap()).unwrap();
    let threads = std::thread::available_parallelism().unwrap().get();
    64 * MIB
        + shards * (bytes("BytesPerShardMax") + bytes("LargeValuesBytesPerShardMax"))
        + bytes("ReadAheadBytesMax")
        + threads * bytes("BytesPerThreadMax")
}
