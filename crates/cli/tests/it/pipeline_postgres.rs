//! `pipeline run` into a real PostgreSQL, while a worker is killed, the shards change and the server is away.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use millstream_testkit::PostgresServer;

use crate::commands::{Running, World};

const DEADLINE: Duration = Duration::from_secs(180);

struct Place {
    world: World,
    folder: tempfile::TempDir,
    server: PostgresServer,
}

impl Place {
    fn new() -> Self {
        let world = World::new();
        world.stream("source", 2);
        world.stream("rejected", 1);
        let folder = tempfile::tempdir().unwrap();
        let server = PostgresServer::start(folder.path(), "", &[]);
        server.psql(
            "CREATE TABLE numbers (millstream_id text PRIMARY KEY, millstream_revision bigint NOT NULL, \
             n integer NOT NULL CHECK (n <> 13), at timestamptz)",
        );
        let text = format!(
            "name = \"numbers\"\n[source]\nstream = \"source\"\n[[sink]]\n\
             postgres = {{ url = \"{}?sslmode=disable\", table = \"numbers\", columns = {{ n = \".n\", at = \".at\" }} }}\n\
             [dead_letter]\nstream = \"rejected\"\n",
            server.url()
        );
        std::fs::write(folder.path().join("pipeline.toml"), text).unwrap();
        Self {
            world,
            folder,
            server,
        }
    }

    fn worker(&self) -> Running {
        let file = self.folder.path().join("pipeline.toml");
        let file = file.to_str().unwrap();
        self.world.start(&[
            "pipeline",
            "run",
            file,
            "--failover",
            "1s",
            "--poll",
            "100ms",
            "--report",
            "0s",
        ])
    }

    fn write(&self, from: u64, to: u64) {
        let mut lines = String::new();
        for n in from..=to {
            writeln!(lines, "{{\"n\":{n},\"at\":\"2026-11-02T12:00:00Z\"}}").unwrap();
        }
        let path = self.folder.path().join("input.jsonl");
        std::fs::write(&path, lines).unwrap();
        let path = path.to_str().unwrap();
        self.world.run(&[
            "records", "put", "source", "--file", path, "--input", "json", "--key", ".n", "--quiet",
        ]);
    }

    /// Waits until psql sees so many rows, no number twice.
    fn until(&self, rows: u64) {
        let expected = format!("{rows}|{rows}");
        let deadline = Instant::now() + DEADLINE;
        loop {
            let seen = self
                .server
                .psql("SELECT count(*), count(DISTINCT n) FROM numbers");
            if seen == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{seen} instead of {expected}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

#[test]
fn every_record_is_one_row_while_a_worker_is_killed_shards_change_and_the_server_is_away() {
    if !PostgresServer::is_here_for("pipeline_postgres: every record is one row") {
        return;
    }
    let place = Place::new();
    place.write(1, 500);
    let first = place.worker();
    place.until(499);
    place.server.stop();
    place.write(501, 1000);
    place.world.run(&["streams", "split", "source", "0"]);
    first.kill();
    let second = place.worker();
    place.world.run(&["streams", "merge", "source", "2", "3"]);
    place.write(1001, 1500);
    place.server.start_again();
    place.until(1499);
    // Thirteen is where it can be found; again if the worker was killed before its checkpoint.
    let letters = place
        .world
        .json(&["records", "get", "rejected", "--shard", "0"]);
    assert!(!letters.is_empty());
    for letter in letters {
        let letter = letter["Data"].as_str().unwrap();
        let is_thirteen = letter.contains("numbers_n_check") && letter.contains("\"n\":13");
        assert!(is_thirteen, "{letter}");
    }
    let (status, said) = second.interrupt_and_hear();
    assert_eq!(status.code(), Some(0), "{said}");
    let at = place
        .server
        .psql("SET timezone = 'UTC'; SELECT DISTINCT at FROM numbers");
    assert_eq!(at, "2026-11-02 12:00:00+00");
}
