//! `pipeline run` into a real PostgreSQL, while a worker is killed, the shards change and the server is away.

use std::fmt::Write as _;

use millstream_testkit::PostgresServer;

use crate::pipeline_place::{Place, until};

/// A server with the table that the pipeline's file, which is made too, names.
fn server_and_file(place: &Place) -> (PostgresServer, String) {
    place.world.stream("rejected", 1);
    let server = PostgresServer::start(place.folder.path(), "", &[]);
    server.psql(
        "CREATE TABLE numbers (millstream_id text PRIMARY KEY, millstream_revision bigint NOT NULL, \
         n integer NOT NULL CHECK (n <> 13), at timestamptz)",
    );
    let file = place.declare(&format!(
        "[[sink]]\npostgres = {{ url = \"{}?sslmode=disable\", table = \"numbers\", columns = {{ n = \".n\", at = \".at\" }} }}\n\
         [dead_letter]\nstream = \"rejected\"\n",
        server.url()
    ));
    (server, file)
}

fn dated(from: u64, to: u64) -> String {
    let mut lines = String::new();
    for n in from..=to {
        writeln!(lines, "{{\"n\":{n},\"at\":\"2026-11-02T12:00:00Z\"}}").unwrap();
    }
    lines
}

/// Waits until psql sees so many rows, no number twice.
fn until_rows(server: &PostgresServer, rows: u64) {
    let expected = format!("{rows}|{rows}");
    until("rows", || {
        let seen = server.psql("SELECT count(*), count(DISTINCT n) FROM numbers");
        match seen == expected {
            true => Ok(()),
            false => Err(format!("{seen} instead of {expected}")),
        }
    });
}

#[test]
fn every_record_is_one_row_while_a_worker_is_killed_shards_change_and_the_server_is_away() {
    if !PostgresServer::is_here_for("pipeline_postgres: every record is one row") {
        return;
    }
    let place = Place::new(2);
    let (server, file) = server_and_file(&place);
    place.write(&dated(1, 500));
    let first = place.worker(&file);
    until_rows(&server, 499);
    server.stop();
    place.write(&dated(501, 1000));
    place.world.run(&["streams", "split", "source", "0"]);
    first.kill();
    let second = place.worker(&file);
    place.world.run(&["streams", "merge", "source", "2", "3"]);
    place.write(&dated(1001, 1500));
    server.start_again();
    until_rows(&server, 1499);
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
    let at = server.psql("SET timezone = 'UTC'; SELECT DISTINCT at FROM numbers");
    assert_eq!(at, "2026-11-02 12:00:00+00");
}
