//! `pipeline check`, `try` and `show`: nothing but a file is needed.

use crate::commands::run_at;

const NOWHERE: &str = "http://127.0.0.1:1";

const TRADES: &str = r#"
name = "trades"
[source]
stream = "StockTradeStream"
[[step]]
filter = ".quantity > 0"
[[step]]
map = "{ticker: .tickerSymbol, quantity}"
[window]
every = "1m"
by = ".ticker"
values = { trades = "count", shares = "sum .quantity" }
[[sink]]
stdout = {}
[dead_letter]
stream = "trades-rejected"
"#;

fn file(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn check_tells_all_mistakes_with_their_places() {
    let (_folder, good) = file("good.toml", TRADES);
    let done = run_at(NOWHERE, &["pipeline", "check", &good], b"");
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert!(
        done.stdout.contains("no mistakes") && done.stdout.contains("MiB"),
        "{}",
        done.stdout
    );

    let wrong = TRADES
        .replace("stream = \"StockTradeStream\"", "strem = 1")
        .replace("sum .quantity", "sum .quantity |");
    let (_folder, bad) = file("bad.toml", &wrong);
    let done = run_at(NOWHERE, &["pipeline", "check", &bad], b"");
    assert_eq!((done.code, done.stdout.as_str()), (2, ""));
    for says in [
        "bad.toml has 3 mistakes",
        "bad.toml:3:1: source.stream is missing",
        "bad.toml:4:1: source.strem is not known: did you mean stream?",
        "bad.toml:12:",
    ] {
        assert!(done.stderr.contains(says), "{says}: {}", done.stderr);
    }
}

#[test]
fn try_shows_what_each_step_makes_of_each_record() {
    let (_folder, path) = file("trades.toml", TRADES);
    let sample = concat!(
        "{\"tickerSymbol\":\"AMZN\",\"quantity\":5}\n",
        "{\"tickerSymbol\":\"AMZN\",\"quantity\":0}\n",
        "{\"tickerSymbol\":\"AMZN\",\"quantity\":\"x\"}\n",
        "nonsense\n",
    );
    let done = run_at(
        NOWHERE,
        &["pipeline", "try", &path, "--input", "-"],
        sample.as_bytes(),
    );
    assert_eq!(done.code, 0, "{}", done.stderr);
    for says in [
        "  filter .quantity > 0\n    {\"tickerSymbol\":\"AMZN\",\"quantity\":5}\n",
        "  map {ticker: .tickerSymbol, quantity}\n    {\"ticker\":\"AMZN\",\"quantity\":5}\n",
        "    (nothing)\n",
        "  REJECTED: window.values.shares: \"x\" is no number\n",
        "record 4\n  REJECTED: source.decode: not JSON",
        "\"by\":\"AMZN\",\"trades\":1,\"shares\":5,\"complete\":true,\"revision\":1}\n",
    ] {
        assert!(
            done.stdout.contains(says),
            "{says:?} is not in\n{}",
            done.stdout
        );
    }
}

#[test]
fn show_draws_the_stages() {
    let (_folder, path) = file("trades.toml", TRADES);
    let done = run_at(NOWHERE, &["pipeline", "show", &path], b"");
    let drawn = "\
stream StockTradeStream   from the oldest record
  │  each shard: lease table trades
  ├─ decode json
  ├─ filter .quantity > 0
  ├─ map {ticker: .tickerSymbol, quantity}
  ├─ rejected ──▶ stream trades-rejected
  ├─ window of 1m by .ticker, time arrival: trades, shares
  ▼  partial results per shard
stream trades-windows   one shard
  │  all shards: lease table trades-windows
  ├─ merge, each record counted once
  ▼
  └─▶ stdout: stdout   at least once
";
    let trimmed: Vec<&str> = done.stdout.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, drawn.lines().collect::<Vec<_>>());
}
