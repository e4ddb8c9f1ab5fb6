//! Numbers on the shards of a stream, in turn.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::ensure;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::connection::Connection;
use crate::requests::request;

/// Calls a second.
const CALLS: u64 = 10;
/// In one PutRecords.
const RECORDS_MAX: u64 = 500;

/// Puts 0, 1, 2 … until it is stopped.
#[derive(Debug)]
pub(super) struct Writer {
    is_stopped: Arc<AtomicBool>,
    task: JoinHandle<anyhow::Result<u64>>,
}

impl Writer {
    pub(super) fn start(
        address: SocketAddr,
        stream: &'static str,
        shards: usize,
        records_per_second: u64,
    ) -> Self {
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&is_stopped);
        let task = tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut calls = interval(Duration::from_millis(1000 / CALLS));
            calls.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let in_a_call = (records_per_second / CALLS).clamp(1, RECORDS_MAX);
            let mut next = 0;
            while !stopped.load(Ordering::Relaxed) {
                calls.tick().await;
                let body = put_records(stream, shards as u64, next..next + in_a_call)?;
                let (status, answer) = connection.call(&request("PutRecords", &body)).await?;
                let answer = String::from_utf8_lossy(answer);
                let is_whole = status == 200 && answer.contains(r#""FailedRecordCount":0"#);
                ensure!(is_whole, "PutRecords: {status} {answer}");
                next += in_a_call;
            }
            Ok(next)
        });
        Self { is_stopped, task }
    }

    /// How many it has put.
    ///
    /// # Errors
    /// If the server did not take one.
    pub(super) async fn stop(self) -> anyhow::Result<u64> {
        self.is_stopped.store(true, Ordering::Relaxed);
        self.task.await?
    }
}

fn put_records(stream: &str, shards: u64, numbers: std::ops::Range<u64>) -> anyhow::Result<String> {
    let mut records = String::new();
    for number in numbers {
        // In the middle of the shard's hash keys.
        let width = u128::MAX / u128::from(shards);
        let hash_key = width * u128::from(number % shards) + width / 2;
        let data = BASE64_STANDARD.encode(number.to_string());
        if !records.is_empty() {
            records.push(',');
        }
        write!(
            records,
            r#"{{"Data":"{data}","PartitionKey":"k","ExplicitHashKey":"{hash_key}"}}"#
        )?;
    }
    Ok(format!(
        r#"{{"StreamName":"{stream}","Records":[{records}]}}"#
    ))
}
