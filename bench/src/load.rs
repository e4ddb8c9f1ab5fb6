//! Closed-loop load: each connection sends its next request when the answer before has come.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::connection::Connection;

/// What a run of load saw.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// Requests answered with success.
    pub requests: u64,
    /// From the first request to the last answer.
    pub elapsed: Duration,
    /// Latencies in microseconds, sorted.
    pub latencies_us: Vec<u32>,
}

impl Outcome {
    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which `share` (0 to 1) of the requests stayed, in milliseconds.
    pub fn percentile_ms(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies_us
            .get(index)
            .map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    }
}

/// Sends `requests` in turn over `connections` connections for `time`, checking that every answer is a 200 whose body
/// contains `expected`.
pub async fn run(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    expected: &'static [u8],
    time: Duration,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let mut tasks = Vec::new();
    for index in 0..connections {
        let requests = Arc::clone(&requests);
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            let mut latencies_us = Vec::with_capacity(100_000);
            for request in requests.iter().cycle().skip(index * 7) {
                let sent = Instant::now();
                if sent - started >= time {
                    break;
                }
                call(&mut connection, request, expected).await?;
                latencies_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            anyhow::Ok(latencies_us)
        }));
    }
    let mut outcome = Outcome::default();
    for task in tasks {
        outcome
            .latencies_us
            .extend(task.await.context("a connection's task")??);
    }
    outcome.elapsed = started.elapsed();
    outcome.requests = outcome.latencies_us.len() as u64;
    outcome.latencies_us.sort_unstable();
    Ok(outcome)
}

/// Sends `requests` in turn over `connections` connections, `each` times over each of them, with the same check.
pub async fn calls(
    address: SocketAddr,
    connections: usize,
    requests: Arc<Vec<Vec<u8>>>,
    expected: &'static [u8],
    each: usize,
) -> anyhow::Result<()> {
    let mut tasks = Vec::new();
    for index in 0..connections {
        let requests = Arc::clone(&requests);
        tasks.push(tokio::spawn(async move {
            let mut connection = Connection::open(address).await?;
            for request in requests.iter().cycle().skip(index * 7).take(each) {
                call(&mut connection, request, expected).await?;
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await.context("a connection's task")??;
    }
    Ok(())
}

/// Sends a request whose answer must be a 200 with `expected` in the first bytes of its body.
async fn call(connection: &mut Connection, request: &[u8], expected: &[u8]) -> anyhow::Result<()> {
    let (status, body) = connection.call(request).await?;
    let head = &body[..body.len().min(64)];
    let is_expected = head
        .windows(expected.len())
        .any(|window| window == expected);
    ensure!(
        status == 200 && is_expected,
        "{status}: {}",
        String::from_utf8_lossy(head)
    );
    Ok(())
}
