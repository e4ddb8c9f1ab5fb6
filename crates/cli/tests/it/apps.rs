//! `millstream apps`, `finish` and `cost`, for an application of the MultiLangDaemon.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::commands::{FIRST, Running, SECOND, World};
use crate::multilang::{HALF, Heard, PROGRAM, properties};

/// A stream of two shards, and `till`, which has read one record of the first and was stopped.
struct Till {
    world: World,
    folder: TempDir,
    heard: Heard,
}

impl Till {
    fn new() -> Self {
        let world = World::new();
        world.stream("orders", 2);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("program.sh"), PROGRAM).unwrap();
        let heard = Heard::in_folder(folder.path());
        Self {
            world,
            folder,
            heard,
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn worker(&self) -> Running {
        let more = "failoverTimeMillis = 1000\nworkerId = cashier\n";
        let properties = properties(self.folder(), more);
        self.world
            .start(&["multilang", "--properties", &properties])
    }

    /// Both shards have a lease by then.
    fn read(&self) {
        self.world.put("orders", "one", "0");
        self.world.put("orders", "zero", HALF);
        // "one" and "zero", whichever comes first.
        self.heard.until_record("b25l");
        self.world.put("orders", "nought", HALF);
        self.heard.until_record("bm91Z2h0");
    }
}

fn shard<'a>(lag: &'a Value, id: &str) -> &'a Value {
    let shards = lag["Shards"].as_array().unwrap();
    let found = shards.iter().find(|shard| shard["ShardId"] == id);
    found.unwrap_or_else(|| panic!("{id} is in {lag}"))
}

#[test]
fn how_far_an_application_is_behind_is_told_to_the_record_and_the_byte() {
    let till = Till::new();
    let world = &till.world;
    assert_eq!(world.run(&["apps", "list"]), "");
    let worker = till.worker();
    till.read();
    let (status, said) = worker.interrupt_and_hear();
    assert_eq!(status.code(), Some(0), "{said}");

    let listed = world.json(&["apps", "list"]);
    assert_eq!(
        listed,
        [
            json!({"Application": "till", "Stream": "orders", "Leases": 2, "Finished": 0, "Workers": []})
        ]
    );
    let at_the_tip = world.json(&["apps", "describe", "till"]).remove(0);
    assert_eq!(
        at_the_tip["Backlog"],
        json!({"Records": 0, "Bytes": 0, "IsExact": true})
    );
    assert_eq!(at_the_tip["BehindMs"], 0);

    world.put("orders", "two", "0");
    world.put("orders", "three", "0");
    world.put("orders", "four", HALF);
    let lag = world
        .json(&["apps", "lag", "till", "--every", "10ms"])
        .remove(0);
    let exactly =
        |records: u64, bytes: u64| json!({"Records": records, "Bytes": bytes, "IsExact": true});
    assert_eq!(shard(&lag, FIRST)["Backlog"], exactly(2, 4 + 6));
    assert_eq!(shard(&lag, SECOND)["Backlog"], exactly(1, 5));
    assert_eq!(lag["Backlog"], exactly(3, 15));
    assert_eq!(
        (&lag["Stream"], &lag["ReadRecordsPerS"]),
        (&json!("orders"), &json!(0.0))
    );
    assert_eq!(
        (&lag["DrainMs"], &lag["Workers"]),
        (&Value::Null, &json!([]))
    );
    // People read the same.
    let text = world.run(&["apps", "lag", "till", "--every", "10ms"]);
    assert!(
        text.contains("3 records (15 B) left") && text.contains("drained in never"),
        "{text}"
    );

    let mut watch = world.start(&[
        "apps", "lag", "till", "--watch", "--every", "50ms", "--json",
    ]);
    watch.line();
    world.put("orders", "five", "0");
    let comes = loop {
        let lag: Value = serde_json::from_str(&watch.line()).unwrap();
        if lag["Backlog"]["Records"] == 4 {
            break lag["Incoming"]["RecordsPerS"].as_f64().unwrap();
        }
    };
    assert!(comes > 0.0, "{comes}");
    assert_eq!(watch.interrupt().0.code(), Some(0));

    let said = world.fails(1, &["apps", "lag", "nobody"]);
    assert!(said.contains("no application nobody"), "{said}");
}

#[test]
fn what_an_application_made_is_deleted_once_nobody_uses_it() {
    let till = Till::new();
    let world = &till.world;
    let worker = till.worker();
    till.read();
    // A worker renews several times in this while.
    let done = world.done(&["finish", "till", "--yes", "--look", "3s"], b"");
    assert_eq!(done.code, 5, "{}", done.stderr);
    assert!(
        done.stdout
            .contains("kept: stream orders (2 open shards, fan-out consumers till)"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("kept: table till (2 leases); still used by worker cashier"),
        "{}",
        done.stdout
    );
    worker.interrupt();

    let looked = world.run(&["finish", "till", "--look", "1ms"]);
    assert_eq!(
        looked,
        "there: stream orders (2 open shards, fan-out consumers till)\nthere: table till (2 leases)\n"
    );
    let done = world.run(&["finish", "till", "--look", "1ms", "--yes"]);
    assert_eq!(
        done,
        "deleted: stream orders (2 open shards, fan-out consumers till)\ndeleted: table till (2 leases)\n"
    );
    assert_eq!(world.run(&["streams", "list"]), "");
    assert_eq!(world.run(&["apps", "list"]), "");
    assert_eq!(world.run(&["finish", "till", "--look", "1ms", "--yes"]), "");
}

#[test]
fn a_stream_with_a_producer_is_kept() {
    let till = Till::new();
    let world = &till.world;
    let worker = till.worker();
    till.read();
    worker.interrupt();
    let finish = world.start(&["finish", "till", "--yes", "--look", "4s"]);
    // It has begun to look, or will see nothing: puts go on until it is over.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                world.put("orders", "more", "0");
            }
        });
        let (status, said) = finish.output();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(status.code(), Some(5), "{said}");
        assert!(
            said.contains(&format!("still used by a producer at {FIRST}")),
            "{said}"
        );
    });
    assert!(world.run(&["streams", "list"]).contains("orders"));
}

#[test]
fn what_a_stream_costs_follows_from_what_is_in_its_log() {
    let till = Till::new();
    let world = &till.world;
    for number in 0..6 {
        world.put("orders", "0123456789", if number < 2 { "0" } else { HALF });
    }
    let cost = world
        .json(&["streams", "cost", "orders", "--period", "1h"])
        .remove(0);
    assert_eq!(
        (&cost["Usage"]["records"], &cost["Usage"]["bytes"]),
        (&json!(6.0), &json!(66.0))
    );
    assert_eq!(
        (&cost["Usage"]["shards"], &cost["Usage"]["read_bytes"]),
        (&json!(2.0), &json!(66.0))
    );
    // 2 shards × 730 h × 0.015, and some thousand records.
    let provisioned = cost["Month"][0]["dollars"].as_f64().unwrap();
    assert!((21.90..21.91).contains(&provisioned), "{provisioned}");
    let text = world.run(&[
        "streams",
        "cost",
        "orders",
        "--records-per-s",
        "1000",
        "--record-bytes",
        "512",
    ]);
    assert!(text.contains("on-demand advantage  all"), "{text}");

    let prices = till.folder().join("prices.toml");
    fs::write(&prices, "date = \"today\"").unwrap();
    let prices = prices.display().to_string();
    let said = world.fails(2, &["streams", "cost", "orders", "--prices", &prices]);
    assert!(
        said.contains("prices.toml") && said.contains("missing field"),
        "{said}"
    );
}
