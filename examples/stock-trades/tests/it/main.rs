//! The whole application as processes, against the real server.
//!
//! The server's binary is the one named by `MILLSTREAM_BIN`, or the `millstream` beside this test's own binaries.
//! With `STOCK_TRADES_ENDPOINT_URL` the tests run against that endpoint instead, where they create and delete the
//! application's streams and tables.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod part;
mod pipeline;
mod place;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use aws_sdk_kinesis::Client;

use part::Part;
use place::Place;

const TRADE_STREAM: &str = "StockTradeStream";
const STATS_STREAM: &str = "StockStatsStream";
const DEADLINE: Duration = Duration::from_secs(120);

/// Trades as CSV, and what they add up to.
struct Trades {
    csv: String,
    totals: serde_json::Value,
}

fn trades(count: u64) -> Trades {
    let mut csv = String::from("id,tickerSymbol,tradeType,price,quantity\n");
    let (mut buys, mut sells) = (BTreeMap::new(), BTreeMap::new());
    let (mut bought, mut sold) = (0, 0);
    for id in 1..=count {
        let ticker = format!("T{:02}", id * 7919 % 40);
        let quantity = id * 31 % 997 + 1;
        let is_sale = id % 5 < 2;
        let side = if is_sale { "SELL" } else { "BUY" };
        writeln!(csv, "{id},{ticker},{side},{}.5,{quantity}", id % 90 + 10).unwrap();
        let (counts, sum): (&mut BTreeMap<String, u64>, &mut u64) = if is_sale {
            (&mut sells, &mut sold)
        } else {
            (&mut buys, &mut bought)
        };
        *counts.entry(ticker).or_default() += 1;
        *sum += quantity;
    }
    let totals = serde_json::json!({
        "trades": count, "unreadable": 0, "isComplete": true,
        "buys": buys, "sells": sells, "boughtQuantity": bought, "soldQuantity": sold,
    });
    Trades { csv, totals }
}

async fn create_streams(client: &Client) {
    for (stream, shards) in [(TRADE_STREAM, 2), (STATS_STREAM, 1)] {
        let request = client
            .create_stream()
            .stream_name(stream)
            .shard_count(shards);
        request.send().await.unwrap();
    }
}

/// The totals of a fresh aggregator, once they reach `count`.
fn aggregated(place: &Place, application: &str, count: u64) -> serde_json::Value {
    let until = format!("--until-total={count}");
    let application = format!("--application={application}");
    let mut aggregator = Part::start(
        place,
        &["aggregate", "--json", "--poll=200ms", &until, &application],
    );
    assert!(aggregator.wait(DEADLINE).success());
    let text = aggregator.last_line_with("isComplete");
    let mut totals: serde_json::Value = serde_json::from_str(&text).unwrap();
    let members = totals.as_object_mut().unwrap();
    members.remove("shards");
    members.remove("largestSale");
    totals
}

fn worker(place: &Place, name: &str) -> Part {
    let name = format!("--worker-id={name}");
    let timing = ["--interval=1s", "--failover=2s", "--poll=200ms"];
    let mut arguments = vec!["process", "--stop-with-stdin", &name];
    arguments.extend(timing);
    Part::start(place, &arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_trade_counts_once_while_workers_die_and_join_and_shards_split_and_merge() {
    let place = Place::new().await;
    let trades = trades(3000);
    let input = place.file("trades.csv", &trades.csv);
    create_streams(&place.kinesis).await;

    let mut first = worker(&place, "first");
    let mut second = worker(&place, "second");
    let input = format!("--input={}", input.display());
    let mut writer = Part::start(&place, &["write", "--rate=250", &input]);

    // A worker dies in the middle of its work; another one joins.
    first.wait_for("stats for last", DEADLINE);
    first.kill();
    let mut third = worker(&place, "third");
    third.wait_for("starts", DEADLINE);

    let split = place.kinesis.split_shard().stream_name(TRADE_STREAM);
    let quarter = (1u128 << 126).to_string();
    split
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key(quarter)
        .send()
        .await
        .unwrap();
    let ended = |shard: &str| format!("shard {shard} has ended");
    Part::wait_for_any(
        &mut [&mut second, &mut third],
        &ended("shardId-000000000000"),
        DEADLINE,
    );
    let merge = place.kinesis.merge_shards().stream_name(TRADE_STREAM);
    merge
        .shard_to_merge("shardId-000000000002")
        .adjacent_shard_to_merge("shardId-000000000003")
        .send()
        .await
        .unwrap();
    Part::wait_for_any(
        &mut [&mut second, &mut third],
        &ended("shardId-000000000003"),
        DEADLINE,
    );
    assert!(writer.wait(DEADLINE).success());
    assert_eq!(writer.last_line_with("wrote"), "wrote 3000 trades");

    assert_eq!(aggregated(&place, "CheckWhileRunning", 3000), trades.totals);

    for worker in [&mut second, &mut third] {
        worker.close_stdin();
        assert!(worker.wait(DEADLINE).success());
    }
    // Nothing that came late counts twice, and the leases are given back.
    assert_eq!(aggregated(&place, "CheckAtTheEnd", 3000), trades.totals);
    let leases = place.dynamodb.scan().table_name("StockTradesProcessor");
    let leases = leases.send().await.unwrap();
    assert!(leases.count() >= 2);
    for lease in leases.items() {
        assert!(!lease.contains_key("leaseOwner"), "{lease:?}");
    }
    place
        .clean_up(&["CheckWhileRunning", "CheckAtTheEnd"])
        .await;
}

/// Totals of a worker that starts when a shard of the statistics stream has ended, and of one that reads on through it.
#[tokio::test(flavor = "multi_thread")]
async fn totals_stay_right_when_the_statistics_stream_splits() {
    let place = Place::new().await;
    let trades = trades(600);
    let input = place.file("trades.csv", &trades.csv);
    let input = format!("--input={}", input.display());
    create_streams(&place.kinesis).await;
    let mut worker = worker(&place, "only");
    let mut reads_on = Part::start(
        &place,
        &[
            "aggregate",
            "--interval=200ms",
            "--poll=200ms",
            "--stop-with-stdin",
            "--application=ReadsOn",
        ],
    );
    let mut writer = Part::start(&place, &["write", "--rate=200", &input]);
    worker.wait_for("stats for last", DEADLINE);
    reads_on.wait_for("all shards:", DEADLINE);
    let split = place.kinesis.split_shard().stream_name(STATS_STREAM);
    split
        .shard_to_split("shardId-000000000000")
        .new_starting_hash_key((1u128 << 127).to_string())
        .send()
        .await
        .unwrap();
    assert!(writer.wait(DEADLINE).success());
    reads_on.wait_for("all shards: 600 trades", DEADLINE);
    worker.close_stdin();
    assert!(worker.wait(DEADLINE).success());
    reads_on.close_stdin();
    assert!(reads_on.wait(DEADLINE).success());
    assert!(!reads_on.last_line_with("all shards:").contains("missing"));
    // The same application again: its lease table says that the parent has ended.
    assert_eq!(aggregated(&place, "ReadsOn", 600), trades.totals);
    place.clean_up(&["ReadsOn"]).await;
}

/// Nothing comes out of the pipe, and nobody closes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_writer_on_a_silent_pipe_stops_when_it_is_told_to() {
    let place = Place::new().await;
    create_streams(&place.kinesis).await;
    let mut writer = Part::start(&place, &["write", "--input=-"]);
    writer.say("tickerSymbol,tradeType,price,quantity,id\nA,BUY,1,1,1\n");
    place.wait_for_records(TRADE_STREAM).await;
    writer.terminate();
    assert!(writer.wait(DEADLINE).success());
    assert_eq!(writer.last_line_with("wrote"), "wrote 1 trades");
    place.clean_up(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn run_counts_what_it_wrote_stops_in_order_and_finish_deletes_everything() {
    let place = Place::new().await;
    let mut run = Part::start(
        &place,
        &[
            "run",
            "--count=200",
            "--rate=200",
            "--interval=1s",
            "--failover=2s",
        ],
    );
    assert!(run.wait(DEADLINE).success());
    let line = run.last_line_with("all shards:");
    assert!(
        line.starts_with("[aggregator] all shards: 200 trades ("),
        "{line}"
    );
    let order = [
        "[run] stopping the writer",
        "[run] stopping the workers",
        "[run] stopping the aggregator",
        "[run] all stopped",
    ];
    run.assert_order(&order);

    let deleted = |part: &Part, text: &str| part.lines_with(text).len();
    let mut finish = Part::start(&place, &["finish"]);
    assert!(finish.wait(DEADLINE).success());
    assert_eq!(deleted(&finish, "deleted "), 4);
    place
        .wait_until_deleted(&[TRADE_STREAM, STATS_STREAM])
        .await;
    let mut again = Part::start(&place, &["finish"]);
    assert!(again.wait(DEADLINE).success());
    assert_eq!(deleted(&again, "was not there"), 4);
}

#[test]
fn a_file_with_a_bad_line_is_refused_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trades.csv");
    let text = "tickerSymbol,tradeType,price,quantity,id\nA,BUY,1,1,1\nA,KEEP,1,1,2\n";
    std::fs::write(&file, text).unwrap();
    // Nothing listens on port 1: it would fail otherwise if it tried to send.
    let output = Command::new(env!("CARGO_BIN_EXE_stock-trades"))
        .args(["write", "--endpoint-url=http://127.0.0.1:1", "--input"])
        .arg(&file)
        .output()
        .unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(error.contains("line 3: not a trade"), "{error}");
    assert!(error.contains("nothing was written"), "{error}");
}
