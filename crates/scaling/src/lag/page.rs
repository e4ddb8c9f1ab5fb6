//! Lag as a page for Prometheus: what the last look saw.

use std::convert::Infallible;
use std::fmt::{self, Write};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Lag, ShardLag};
use crate::connections::serve;

/// Where the page is.
const PATH: &str = "/metrics";
/// Prometheus's text format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";
/// Shards with numbers of their own: those that are furthest behind.
const SHARDS_MAX: usize = 1_000;
/// Who asks comes seldom; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 16;
/// From connecting to the end of the answer.
const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// Of a request's head; hyper's least.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// Answers `GET /metrics` until it is dropped; then its connections end. It is not encrypted, and whoever can reach it may
/// read the names of streams, applications and shards.
#[derive(Debug)]
pub struct LagPage {
    told: watch::Sender<Option<Told>>,
    /// The one task that answers; dropping it ends it.
    _answering: JoinSet<()>,
}

/// What a look saw, and when it was told.
#[derive(Debug, Clone)]
struct Told {
    lag: Arc<Lag>,
    at: Instant,
}

impl LagPage {
    /// Listens, and answers from now on. What was told is not shown any more after `believed_for`. And where it listens.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn listen(
        address: SocketAddr,
        believed_for: Duration,
    ) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let told = watch::Sender::default();
        let mut answering = JoinSet::new();
        answering.spawn(answer(listener, told.subscribe(), believed_for));
        let page = Self {
            told,
            _answering: answering,
        };
        Ok((page, address))
    }

    /// What was seen now.
    pub fn tell(&self, lag: &Lag) {
        self.told.send_replace(Some(Told {
            lag: Arc::new(lag.clone()),
            at: Instant::now(),
        }));
    }

    /// Nothing is known from now on: somebody else looks.
    pub fn forget(&self) {
        self.told.send_replace(None);
    }
}

/// Answers whoever connects. Never ends; dropping it ends its connections.
async fn answer(
    listener: TcpListener,
    told: watch::Receiver<Option<Told>>,
    believed_for: Duration,
) {
    serve(listener, CONNECTIONS_MAX, |stream| {
        let served = timeout(
            CONNECTION_MAX,
            connection(stream, told.clone(), believed_for),
        );
        async {
            // Who takes longer asks again.
            served.await.unwrap_or_default();
        }
    })
    .await;
}

/// One request, and its answer.
async fn connection(
    stream: TcpStream,
    told: watch::Receiver<Option<Told>>,
    believed_for: Duration,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let told = told.borrow().clone();
        let believed = told.filter(|told| told.at.elapsed() <= believed_for);
        let answer = answer_to(&request, believed.as_ref().map(|told| &*told.lag));
        async { Ok::<_, Infallible>(answer) }
    });
    let mut protocol = http1::Builder::new();
    protocol.keep_alive(false).max_buf_size(HEAD_BYTES_MAX);
    let served = protocol.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        tracing::debug!(%error, "a connection for metrics ended");
    }
}

fn answer_to<B>(request: &Request<B>, lag: Option<&Lag>) -> Response<Full<Bytes>> {
    let is_page = request.method() == Method::GET && request.uri().path() == PATH;
    let (status, text) = match is_page {
        true => (StatusCode::OK, page(lag)),
        false => (StatusCode::NOT_FOUND, format!("GET {PATH}\n")),
    };
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    let kind = header::HeaderValue::from_static(CONTENT_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The page. Without a look it says so, and nothing else.
fn page(lag: Option<&Lag>) -> String {
    let mut text = String::new();
    let written = Page(&mut text).write(lag);
    // A string takes every text.
    debug_assert!(written.is_ok());
    text
}

/// A value of a shard, if it is known.
type OfShard = fn(&ShardLag) -> Option<f64>;

/// What is known of each shard: name, help, value.
const OF_SHARD: [(&str, &str, OfShard); 6] = [
    (
        "behind_seconds",
        "Age of the oldest record that is not finished",
        |shard| shard.behind_ms.map(seconds),
    ),
    ("behind_records", "Records that are not finished", |shard| {
        Some(shard.backlog?.records as f64)
    }),
    (
        "behind_bytes",
        "Bytes of data and partition keys that are not finished",
        |shard| Some(shard.backlog?.bytes as f64),
    ),
    (
        "incoming_records_per_second",
        "Records that came between the last two looks",
        |shard| Some(shard.incoming?.records_per_s),
    ),
    (
        "read_records_per_second",
        "Records that were finished between the last two looks",
        |shard| shard.read_records_per_s,
    ),
    (
        "lease_age_seconds",
        "Since when the lease's counter has not changed",
        |shard| shard.heartbeat_ms.map(seconds),
    ),
];

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

struct Page<'a>(&'a mut String);

impl Page<'_> {
    fn write(&mut self, lag: Option<&Lag>) -> fmt::Result {
        self.head(
            "looks",
            "1 while this scaler leads and sees the application",
        )?;
        writeln!(
            self.0,
            "millstream_application_looks {}",
            u8::from(lag.is_some())
        )?;
        let Some(lag) = lag else { return Ok(()) };
        self.of_application(
            "workers",
            "Workers that hold leases",
            lag,
            Some(lag.workers().len() as f64),
        )?;
        let help = "How long the rest will take at these rates; +Inf if it does not get less";
        // Without rates nothing is known; with them, no time is for ever.
        let is_known = lag.rates().is_some() && lag.backlog().is_some();
        let drain_s = lag.drain_ms().map_or(f64::INFINITY, seconds);
        self.of_application("drain_seconds", help, lag, is_known.then_some(drain_s))?;
        let mut shards: Vec<&ShardLag> = lag.shards.iter().collect();
        shards.sort_by_key(|shard| std::cmp::Reverse(shard.behind_ms));
        shards.truncate(SHARDS_MAX);
        for (name, help, of) in OF_SHARD {
            self.head(name, help)?;
            for shard in &shards {
                if let Some(value) = of(shard) {
                    self.value(name, lag, Some(&shard.shard_id), value)?;
                }
            }
        }
        Ok(())
    }

    fn of_application(
        &mut self,
        name: &str,
        help: &str,
        lag: &Lag,
        value: Option<f64>,
    ) -> fmt::Result {
        let Some(value) = value else { return Ok(()) };
        self.head(name, help)?;
        self.value(name, lag, None, value)
    }

    fn head(&mut self, name: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP millstream_application_{name} {help}")?;
        writeln!(self.0, "# TYPE millstream_application_{name} gauge")
    }

    fn value(&mut self, name: &str, lag: &Lag, shard: Option<&str>, value: f64) -> fmt::Result {
        let (application, stream) = (Escaped(&lag.application), Escaped(&lag.stream));
        write!(
            self.0,
            "millstream_application_{name}{{application=\"{application}\",stream=\"{stream}\""
        )?;
        if let Some(shard) = shard {
            write!(self.0, ",shard=\"{}\"", Escaped(shard))?;
        }
        match value.is_finite() {
            true => writeln!(self.0, "}} {value}"),
            false => writeln!(self.0, "}} +Inf"),
        }
    }
}

/// A label's value, as the format wants it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
