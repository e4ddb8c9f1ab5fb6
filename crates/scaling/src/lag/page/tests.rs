//! The page, over a socket as Prometheus asks.

use millstream_consumer::Checkpoint;
use millstream_types::{HashKeyRange, TimestampMs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::Traffic;
use crate::lag::Backlog;

fn shard(number: u32, behind_ms: u64) -> ShardLag {
    ShardLag {
        shard_id: format!("shardId-{number:012}"),
        range: HashKeyRange::ALL,
        is_open: true,
        checkpoint: Checkpoint::TrimHorizon,
        owner: Some("one".to_owned()),
        checkpoint_owner: None,
        heartbeat_ms: Some(1_500),
        waits_for_parents: false,
        behind_ms: Some(behind_ms),
        backlog: Some(Backlog {
            records: 12,
            bytes: 3_456,
            is_exact: true,
        }),
        incoming: Some(Traffic {
            records_per_s: 20.0,
            bytes_per_s: 2_000.0,
        }),
        read_records_per_s: Some(32.0),
        drain_ms: Some(1_000),
    }
}

fn lag(shards: Vec<ShardLag>) -> Lag {
    Lag {
        application: "till".to_owned(),
        stream: "orders".to_owned(),
        at: TimestampMs(1),
        shards,
        without_lease: Vec::new(),
        finished: 0,
    }
}

/// What is answered, head and all.
async fn asked(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn listening(believed_for: Duration) -> (LagPage, SocketAddr) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    LagPage::listen(any, believed_for).await.unwrap()
}

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn what_a_look_saw_is_on_the_page_until_somebody_else_looks() {
    let (told, address) = listening(LONG).await;
    let nothing = asked(address, "GET /metrics").await;
    assert!(nothing.starts_with("HTTP/1.1 200 "), "{nothing}");
    assert!(
        nothing.contains("\nmillstream_application_looks 0\n"),
        "{nothing}"
    );
    assert!(!nothing.contains("behind_records"), "{nothing}");
    told.tell(&lag(vec![shard(0, 2_500), shard(1, 0)]));
    let page = asked(address, "GET /metrics").await;
    assert!(
        page.contains("\r\ncontent-type: text/plain; version=0.0.4\r\n"),
        "{page}"
    );
    let labels = "{application=\"till\",stream=\"orders\"";
    for line in [
        "millstream_application_looks 1".to_owned(),
        "# TYPE millstream_application_behind_seconds gauge".to_owned(),
        format!("millstream_application_workers{labels}}} 1"),
        // 24 records, and 24 a second more are read than come.
        format!("millstream_application_drain_seconds{labels}}} 1"),
        format!(
            "millstream_application_behind_seconds{labels},shard=\"shardId-000000000000\"}} 2.5"
        ),
        format!(
            "millstream_application_behind_records{labels},shard=\"shardId-000000000001\"}} 12"
        ),
        format!(
            "millstream_application_behind_bytes{labels},shard=\"shardId-000000000000\"}} 3456"
        ),
        format!(
            "millstream_application_incoming_records_per_second{labels},shard=\"shardId-000000000000\"}} 20"
        ),
        format!(
            "millstream_application_read_records_per_second{labels},shard=\"shardId-000000000000\"}} 32"
        ),
        format!(
            "millstream_application_lease_age_seconds{labels},shard=\"shardId-000000000000\"}} 1.5"
        ),
    ] {
        assert!(page.lines().any(|one| one == line), "{line}\n{page}");
    }
    told.forget();
    assert_eq!(
        asked(address, "GET /metrics").await.lines().last(),
        nothing.lines().last()
    );
    for other in ["GET /", "POST /metrics"] {
        let answer = asked(address, other).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }
}

#[tokio::test]
async fn what_nobody_has_confirmed_is_not_shown() {
    let (told, address) = listening(Duration::ZERO).await;
    told.tell(&lag(vec![shard(0, 2_500)]));
    // Time goes on until the page is asked for.
    let page = asked(address, "GET /metrics").await;
    assert!(
        page.contains("\nmillstream_application_looks 0\n"),
        "{page}"
    );
}

#[tokio::test]
async fn its_connections_end_with_it() {
    let (told, address) = listening(LONG).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    // It was accepted once another one is answered.
    asked(address, "GET /metrics").await;
    drop(told);
    let mut rest = Vec::new();
    let ended = idle.read_to_end(&mut rest).await;
    assert!(ended.is_err() || rest.is_empty());
    assert!(TcpStream::connect(address).await.is_err());
}

#[test]
fn what_does_not_get_less_is_never_drained_and_what_is_unknown_is_left_out() {
    let slow = ShardLag {
        read_records_per_s: Some(20.0),
        ..shard(0, 2_500)
    };
    let text = page(Some(&lag(vec![slow])));
    assert!(
        text.contains("drain_seconds{application=\"till\",stream=\"orders\"} +Inf\n"),
        "{text}"
    );
    let unknown = ShardLag {
        backlog: None,
        incoming: None,
        read_records_per_s: None,
        ..shard(0, 2_500)
    };
    let text = page(Some(&lag(vec![unknown])));
    assert!(
        !text.contains("drain_seconds") && !text.contains("behind_records{"),
        "{text}"
    );
    assert!(text.contains("behind_seconds{"), "{text}");
}

#[test]
fn the_furthest_behind_are_shown_and_names_are_escaped() {
    let shards = (0..1_500).map(|number| shard(number, u64::from(number)));
    let mut of_many = lag(shards.collect());
    of_many.application = "a\"b\\c\nd".to_owned();
    let text = page(Some(&of_many));
    let shown = text
        .matches("millstream_application_behind_seconds{")
        .count();
    assert_eq!(shown, SHARDS_MAX);
    assert!(text.contains("application=\"a\\\"b\\\\c\\nd\""));
    assert!(text.contains("shardId-000000001499") && !text.contains("shardId-000000000499"));
}
