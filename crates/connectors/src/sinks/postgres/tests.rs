//! Against a real PostgreSQL; psql says what arrived.

use std::sync::Arc;

use millstream_testkit::PostgresServer;
use serde_json::{Value, json};

use super::*;
use crate::Origin;

const TABLE: &str = "CREATE TABLE \"Trades\" (millstream_id text PRIMARY KEY, millstream_revision bigint NOT NULL, \
     ticker text NOT NULL, price numeric CHECK (price > 0), at timestamptz, tags jsonb, note text DEFAULT 'none')";

fn item(number: u64, value: Value) -> Item {
    let origin = Origin {
        shard_id: "s".into(),
        sequence_number: number.to_string().into(),
        sub_sequence_number: 0,
        partition_key: "k".into(),
        arrived_ms: 0,
        data: Default::default(),
    };
    Item::of_record("t", Arc::new(origin), 0, value, None, 8)
}

fn revision(item: Item, revision: u32) -> Item {
    Item { revision, ..item }
}

fn sink(url: &str) -> Box<dyn Sink> {
    let column = |name: &str| (name.to_owned(), format!(".{name}").parse().unwrap());
    let columns = ["ticker", "price", "at", "tags"].map(column).to_vec();
    let patient = if url.contains('?') {
        "&connect_timeout=600"
    } else {
        "?connect_timeout=600"
    };
    let address = format!("{url}{patient}").parse().unwrap();
    let postgres = Postgres::new(&address, "Trades", columns).unwrap();
    // However busy the machine is.
    let search_time = Duration::from_secs(600);
    Postgres {
        search_time,
        ..postgres
    }
    .open("s")
}

#[tokio::test]
async fn rows_are_there_once_and_a_refused_one_takes_no_other_along() {
    if !PostgresServer::is_here_for("sinks::postgres: rows are there once") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    let mut sink = sink(&server.url());

    // Nobody has made the table: that costs time, and no item.
    let first = [item(
        1,
        json!({"ticker": "AMZN", "price": 1.10, "at": "2026-11-02T12:00:00+01:00"}),
    )];
    let outcomes = sink.deliver(&first).await.unwrap();
    assert!(
        matches!(&outcomes[0], Outcome::Again(why) if why.contains("42P01")),
        "{outcomes:?}"
    );

    server.psql(TABLE);
    let odd = "tab\t, \\N, line\r\nfeed, 'quote', \"é\"";
    let items = [
        first[0].clone(),
        item(
            2,
            json!({"ticker": odd, "price": 12345678901234567890_u64, "tags": {"a": [1, null]}}),
        ),
        item(3, json!({"ticker": "bad time", "at": "noon"})),
        item(4, json!({"price": 5})),
        item(5, json!({"ticker": "nul\0", "price": 5})),
        item(6, json!({"ticker": "negative", "price": -1})),
        item(
            7,
            json!({"ticker": {"an": "object"}, "price": "7.5", "unknown": 1}),
        ),
        item(8, json!("no object")),
        item(9, json!({"ticker": "last", "price": null})),
    ];
    // The second time nothing changes.
    for _ in 0..2 {
        let outcomes = sink.deliver(&items).await.unwrap();
        let causes = ["noon", "ticker", "\\u0000", "Trades_price_check", "ticker"];
        let mut rejected = causes.iter();
        for (index, outcome) in outcomes.iter().enumerate() {
            match outcome {
                Outcome::Delivered => assert!([0, 1, 6, 8].contains(&index), "{index}"),
                Outcome::Rejected(why) => {
                    assert!(why.contains(rejected.next().unwrap()), "{index} {why}")
                }
                Outcome::Again(why) | Outcome::Stop(why) => panic!("{index}: {why}"),
            }
        }
        assert_eq!(rejected.next(), None);
    }
    assert_eq!(
        server.psql("SET timezone = 'UTC'; SELECT millstream_id, price, at, tags, note FROM \"Trades\" ORDER BY 1"),
        "t:s:1:0|1.1|2026-11-02 11:00:00+00||none\n\
         t:s:2:0|12345678901234567890||{\"a\": [1, null]}|none\n\
         t:s:7:0|7.5|||none\n\
         t:s:9:0||||none"
    );
    let of_psql = server.psql("SELECT convert_to(ticker, 'UTF8') FROM \"Trades\" WHERE millstream_id IN ('t:s:2:0', 't:s:7:0') ORDER BY millstream_id");
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!(
        of_psql,
        format!("\\x{}\n\\x{}", hex(odd), hex("{\"an\": \"object\"}"))
    );
}

#[tokio::test]
async fn later_revisions_replace_earlier_ones_and_a_server_that_was_killed_costs_only_time() {
    if !PostgresServer::is_here_for("sinks::postgres: later revisions") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    server.psql(TABLE);
    let mut sink = sink(&server.url());
    let of = |price: u64| item(1, json!({"ticker": "A", "price": price}));
    let seen = || server.psql("SELECT millstream_revision, price FROM \"Trades\"");

    // In one batch, where the last is refused: the one before it stands.
    let batch = [
        of(10),
        revision(of(12), 2),
        revision(of(11), 1),
        revision(item(1, json!({})), 3),
    ];
    let outcomes = sink.deliver(&batch).await.unwrap();
    assert_eq!(
        outcomes[..3],
        [Outcome::Delivered, Outcome::Delivered, Outcome::Delivered]
    );
    assert!(matches!(outcomes[3], Outcome::Rejected(_)));
    assert_eq!(seen(), "2|12");

    server.stop();
    let again = sink.deliver(&[revision(of(13), 3)]).await.unwrap();
    assert!(matches!(again[0], Outcome::Again(_)), "{again:?}");
    server.start_again();
    for item in [revision(of(13), 3), revision(of(11), 1)] {
        assert_eq!(sink.deliver(&[item]).await.unwrap(), [Outcome::Delivered]);
    }
    assert_eq!(seen(), "3|13");
}

#[tokio::test]
async fn the_mode_of_encryption_is_honoured() {
    if !PostgresServer::is_here_for("sinks::postgres: encryption") {
        return;
    }
    let certified = || rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
    let (own, other) = (certified(), certified());
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("server.crt", certificate.as_str()),
        ("server.key", key.as_str()),
    ];
    let server = PostgresServer::start(folder.path(), "ssl = on", &files);
    server.psql(TABLE);
    // Each row says what its connection was.
    server.psql(
        "CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         NEW.note = (SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()); RETURN NEW; END $$; \
         CREATE TRIGGER told BEFORE INSERT ON \"Trades\" FOR EACH ROW EXECUTE FUNCTION told()",
    );
    let file = |name: &str, contents: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (
        file("right.pem", certificate.clone()),
        file("wrong.pem", other.cert.pem()),
    );
    let modes = [
        "disable".to_owned(),
        "prefer".to_owned(),
        "require".to_owned(),
        format!("verify-full&sslrootcert={right}"),
    ];
    for (number, mode) in (0..).zip(modes) {
        let mut sink = sink(&format!("{}?sslmode={mode}", server.url()));
        let items = [item(number, json!({"ticker": "A"}))];
        assert_eq!(
            sink.deliver(&items).await.unwrap(),
            [Outcome::Delivered],
            "{mode}"
        );
    }
    assert_eq!(
        server.psql("SELECT note FROM \"Trades\" ORDER BY millstream_id"),
        "false\ntrue\ntrue\ntrue"
    );

    let mut sink = sink(&format!(
        "{}?sslmode=verify-full&sslrootcert={wrong}",
        server.url()
    ));
    let outcomes = sink
        .deliver(&[item(9, json!({"ticker": "A"}))])
        .await
        .unwrap();
    assert!(
        matches!(&outcomes[0], Outcome::Again(why) if why.contains("certificate")),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_right_that_is_missing_stops_the_pipeline_and_names_it() {
    if !PostgresServer::is_here_for("sinks::postgres: a right that is missing") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = PostgresServer::start(folder.path(), "", &[]);
    server.psql(TABLE);
    server.psql("CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT ON \"Trades\" TO clerk");
    let mut sink = sink(&server.url().replace("postgres@", "clerk@"));
    let items = [
        item(1, json!({"ticker": "A"})),
        item(2, json!({"ticker": "B"})),
    ];
    for outcome in sink.deliver(&items).await.unwrap() {
        let is_said = matches!(&outcome, Outcome::Stop(why) if why.contains("42501") && why.contains("UPDATE"));
        assert!(is_said, "{outcome:?}");
    }
    server.psql("GRANT UPDATE ON \"Trades\" TO clerk");
    let outcomes = sink.deliver(&items).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Delivered; 2]);
}
