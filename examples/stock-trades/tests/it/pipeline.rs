//! The same statistics by a declared pipeline: its totals are those of the hand-written application.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::part::Part;
use crate::place::{Place, server_binary};
use crate::{DEADLINE, aggregated, create_streams, trades, worker};

const DECLARED: &str = include_str!("../../trades.toml");

struct PipelineWorker(Child);

impl PipelineWorker {
    fn start(place: &Place, file: &Path) -> Self {
        let child = Command::new(server_binary())
            .args([
                "pipeline",
                "run",
                "--failover",
                "1s",
                "--poll",
                "100ms",
                "--report",
                "0s",
            ])
            .arg(file)
            .env("AWS_ENDPOINT_URL", &place.endpoint)
            .env("AWS_ACCESS_KEY_ID", "stock-trades")
            .env("AWS_SECRET_ACCESS_KEY", "stock-trades")
            .env("AWS_REGION", "us-east-1")
            .env_remove("AWS_PROFILE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    fn interrupt(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::INT).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for PipelineWorker {
    fn drop(&mut self) {
        // Already ended in the good case.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The totals of the last revisions, in the form of the aggregator's.
fn totals(folder: &Path) -> Value {
    let mut latest: BTreeMap<String, Value> = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Value::Null;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with('.') {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let kept = latest
                .entry(format!("{}{}", line["window"], line["by"]))
                .or_default();
            if kept["revision"].as_u64() < line["revision"].as_u64() {
                *kept = line;
            }
        }
    }
    let (mut buys, mut sells) = (BTreeMap::new(), BTreeMap::new());
    let (mut bought, mut sold, mut trades) = (0, 0, 0);
    for line in latest.values() {
        let count = line["trades"].as_u64().unwrap();
        let shares = line["shares"].as_u64().unwrap();
        let ticker = line["by"]["ticker"].as_str().unwrap().to_owned();
        let (counts, sum): (&mut BTreeMap<String, u64>, &mut u64) = if line["by"]["side"] == "SELL"
        {
            (&mut sells, &mut sold)
        } else {
            (&mut buys, &mut bought)
        };
        *counts.entry(ticker).or_default() += count;
        *sum += shares;
        trades += count;
    }
    json!({
        "trades": trades, "unreadable": 0, "isComplete": true,
        "buys": buys, "sells": sells, "boughtQuantity": bought, "soldQuantity": sold,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pipelines_totals_are_those_of_the_application() {
    let place = Place::new().await;
    let trades = trades(2000);
    let input = place.file("trades.csv", &trades.csv);
    create_streams(&place.kinesis).await;
    let folder = input.with_file_name("statistics");
    let declared = DECLARED
        .replace("\"statistics\"", &format!("{folder:?}"))
        .replace("\"1m\"", "\"2s\"");
    let file = place.file("trades.toml", &declared);

    let mut by_hand = worker(&place, "by-hand");
    let first = PipelineWorker::start(&place, &file);
    let input = format!("--input={}", input.display());
    let mut writer = Part::start(&place, &["write", "--rate=400", &input]);
    by_hand.wait_for("stats for last", DEADLINE);
    first.kill();
    let second = PipelineWorker::start(&place, &file);
    assert!(writer.wait(DEADLINE).success());
    let from_hand = aggregated(&place, "CheckOfThePipeline", 2000);
    let deadline = Instant::now() + DEADLINE;
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    while totals(&folder)["trades"] != 2000 {
        assert!(Instant::now() < deadline, "{}", totals(&folder));
        looks.tick().await;
    }
    second.interrupt();
    assert_eq!(totals(&folder), from_hand);
    assert_eq!(totals(&folder), trades.totals);
    by_hand.close_stdin();
    assert!(by_hand.wait(DEADLINE).success());
    let stream = place
        .kinesis
        .delete_stream()
        .stream_name("StockTradesPipeline-windows");
    stream.send().await.unwrap();
    let tables = [
        "StockTradesPipeline",
        "StockTradesPipeline-windows",
        "StockTradesPipeline-state",
        "CheckOfThePipeline",
    ];
    place.clean_up(&tables).await;
}
