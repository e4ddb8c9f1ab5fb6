//! A fleet of workers of the consumer library on the real server, one of which is killed every few seconds.
//!
//! A short one; with `MILLSTREAM_SOAK_MINUTES` in the environment, as `make soak` has it, one of 200 shards and 10 workers for
//! five minutes. The server is the `millstream` beside the worker's program.

use std::time::Duration;

use millstream_bench::fleet::Fleet;
use millstream_bench::process::Server;

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_handled_though_workers_are_killed() {
    let is_long = std::env::var_os("MILLSTREAM_SOAK_MINUTES").is_some();
    let worker = vec![env!("CARGO_BIN_EXE_worker").into()];
    let fleet = match is_long {
        true => Fleet {
            worker,
            shards: 200,
            workers: 10,
            run: Duration::from_secs(300),
            kill_every: Duration::from_secs(5),
            records_per_second: 1000,
            failover: None,
            ends_max: 0,
        },
        false => Fleet {
            worker,
            shards: 8,
            workers: 3,
            run: Duration::from_secs(5),
            kill_every: Duration::from_secs(2),
            records_per_second: 80,
            failover: Some(Duration::from_secs(1)),
            ends_max: 0,
        },
    };
    let (data, ledgers) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::millstream(data.path(), &[]).await.unwrap();
    let seen = fleet.run(&server, ledgers.path()).await.unwrap();
    println!("{seen:?}");
    assert!(seen.missing.is_empty(), "{:?} are lost", seen.missing);
    assert!(seen.records > 0 && seen.kills > 1);
    // Otherwise nobody was killed who had a shard, and nothing is shown.
    assert!(!seen.after_kills.is_empty() && !seen.after_stop.is_empty());
    server.terminate().await.unwrap();
}
