//! The clients of a run. Each goes on until it is dropped.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::history::{History, Outcome, Read};
use super::line::{Line, Network};

const STREAM: &str = "meters";
const SHARDS: usize = 2;

/// A connection, in one of both versions of HTTP.
struct Client {
    sender: Sender,
    /// Whoever drops the client breaks the connection.
    _connection: AbortOnDropHandle<()>,
}

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// The status, and the body as JSON.
type Answer = (u16, Value);

impl Client {
    async fn connect(network: &Network, dice: Option<&mut StdRng>) -> Option<Self> {
        let socket = network.connect()?;
        let (is_second, dice) = match dice {
            Some(dice) => (dice.random_bool(0.5), Some(StdRng::from_rng(dice))),
            None => (false, None),
        };
        let io = TokioIo::new(Line::new(socket, dice));
        let (sender, connection) = if is_second {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.ok()?;
            (
                Sender::Two(sender),
                tokio::spawn(async { drop(connection.await) }),
            )
        } else {
            let (sender, connection) = http1::handshake(io).await.ok()?;
            (
                Sender::One(sender),
                tokio::spawn(async { drop(connection.await) }),
            )
        };
        Some(Self {
            sender,
            _connection: AbortOnDropHandle::new(connection),
        })
    }

    /// `None`: the connection broke, and nobody knows what became of the request.
    async fn call(&mut self, operation: &str, body: &Value) -> Option<Answer> {
        let uri = match self.sender {
            Sender::One(_) => "/",
            Sender::Two(_) => "http://localhost/",
        };
        let mut request = Request::post(uri)
            .header("x-amz-target", format!("Kinesis_20131202.{operation}"))
            .header("content-type", "application/x-amz-json-1.1")
            .header("authorization", AUTHORIZATION)
            .header("x-amz-date", "20261123T120000Z");
        if matches!(self.sender, Sender::One(_)) {
            request = request.header("host", "localhost");
        }
        let request = request
            .body(Full::new(body.to_string().into()))
            .expect("a request");
        let answer = match &mut self.sender {
            Sender::One(sender) => sender.send_request(request).await.ok()?,
            Sender::Two(sender) => sender.send_request(request).await.ok()?,
        };
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.ok()?.to_bytes();
        // Some have none.
        Some((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/kinesis/aws4_request, \
                             SignedHeaders=host;x-amz-date, Signature=00";

/// A client that calls over bad lines, gives up when it likes, and connects again.
struct Caller {
    network: Network,
    dice: StdRng,
    client: Option<Client>,
}

impl Caller {
    fn new(network: Network, seed: u64) -> Self {
        Self {
            network,
            dice: StdRng::seed_from_u64(seed),
            client: None,
        }
    }

    async fn call(&mut self, operation: &str, body: &Value) -> Option<Answer> {
        let patience_ms = match self.dice.random_bool(0.2) {
            true => self.dice.random_range(0..60),
            false => 2_000,
        };
        let called = async {
            if self.client.is_none() {
                self.client = Client::connect(&self.network, Some(&mut self.dice)).await;
            }
            self.client.as_mut()?.call(operation, body).await
        };
        let called = timeout(Duration::from_millis(patience_ms), called).await;
        let answer = called.ok().flatten();
        if answer.is_none() || self.dice.random_bool(0.05) {
            self.client = None;
        }
        answer
    }

    async fn pause(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(self.dice.random_range(0..=most_ms))).await;
    }
}

/// Makes the stream that all others use.
pub(super) async fn create_stream(network: &Network) {
    let mut client = Client::connect(network, None).await.expect("it is up");
    let body = json!({"StreamName": STREAM, "ShardCount": SHARDS});
    let created = client.call("CreateStream", &body).await;
    assert_eq!(created.map(|(status, _)| status), Some(200));
    let body = json!({"StreamName": STREAM});
    loop {
        let (_, described) = client
            .call("DescribeStreamSummary", &body)
            .await
            .expect("an answer");
        if described["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Puts one record of each of its keys after the other, now one by one, now in batches, some of them large.
pub(super) async fn write(
    network: Network,
    history: Arc<Mutex<History>>,
    writer: usize,
    seed: u64,
) {
    let mut caller = Caller::new(network, seed);
    let keys: Vec<String> = (0..4).map(|key| format!("w{writer}-{key}")).collect();
    loop {
        let count = caller.dice.random_range(1..=keys.len());
        let chosen: Vec<&String> = keys.choose_multiple(&mut caller.dice, count).collect();
        let puts: Vec<usize> = {
            let mut history = history.lock();
            chosen.iter().map(|key| history.begin(key)).collect()
        };
        // A number of so many digits is base64 of something.
        let record = |(put, key): (&usize, &&String), digits: usize| json!({"PartitionKey": key, "Data": format!("{put:0>digits$}")});
        let digits = [8, 8, 4_000][caller.dice.random_range(0..3)];
        let records: Vec<Value> = puts
            .iter()
            .zip(&chosen)
            .map(|one| record(one, digits))
            .collect();
        let outcomes = match &records[..] {
            [single] if caller.dice.random_bool(0.5) => {
                let mut body = single.clone();
                body["StreamName"] = STREAM.into();
                let answer = caller.call("PutRecord", &body).await;
                vec![single_outcome(answer)]
            }
            _ => {
                let body = json!({"StreamName": STREAM, "Records": records});
                let answer = caller.call("PutRecords", &body).await;
                batch_outcomes(answer, puts.len())
            }
        };
        for (put, outcome) in puts.into_iter().zip(outcomes) {
            history.lock().ended(put, outcome);
        }
        caller.pause(30).await;
    }
}

fn stored(entry: &Value) -> Outcome {
    let text = |name: &str| entry[name].as_str().expect(name).to_owned();
    Outcome::Stored {
        shard: text("ShardId"),
        number: text("SequenceNumber"),
    }
}

/// What an answer says that is not that everything went well.
fn failed(status: u16, body: &Value) -> Outcome {
    match status {
        503 => Outcome::Refused,
        500 => Outcome::Unknown,
        _ => panic!("a put fails with {status}: {body}"),
    }
}

fn single_outcome(answer: Option<Answer>) -> Outcome {
    match answer {
        None => Outcome::Unknown,
        Some((200, body)) => stored(&body),
        Some((status, body)) => failed(status, &body),
    }
}

fn batch_outcomes(answer: Option<Answer>, count: usize) -> Vec<Outcome> {
    match answer {
        None => vec![Outcome::Unknown; count],
        Some((200, body)) => {
            let entries = body["Records"].as_array().expect("records");
            assert_eq!(entries.len(), count);
            entries.iter().map(entry_outcome).collect()
        }
        Some((status, body)) => vec![failed(status, &body); count],
    }
}

fn entry_outcome(entry: &Value) -> Outcome {
    match entry["ErrorCode"].as_str() {
        None => stored(entry),
        Some("InternalFailure") => Outcome::Unknown,
        Some(code) => panic!("a record fails with {code}"),
    }
}

/// A reader of all shards, and what it has got.
#[derive(Debug, Default)]
pub(super) struct Reader {
    shards: [Shard; SHARDS],
}

#[derive(Debug, Default)]
struct Shard {
    iterator: Option<String>,
    read: Vec<Read>,
    /// The last read has come to the end.
    is_at_tip: bool,
}

/// What a reader asks for next of a shard.
fn next_read(reader: &Reader, shard: usize, limit: u64) -> (&'static str, Value) {
    match &reader.shards[shard].iterator {
        None => {
            let shard = format!("shardId-{shard:012}");
            let body = json!({"StreamName": STREAM, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
            ("GetShardIterator", body)
        }
        Some(iterator) => (
            "GetRecords",
            json!({"ShardIterator": iterator, "Limit": limit}),
        ),
    }
}

/// Takes an answer to that. An answer that did not come changes nothing: the same is asked for again.
fn take_read(reader: &mut Reader, shard: usize, body: &Value) {
    let id = format!("shardId-{shard:012}");
    let shard = &mut reader.shards[shard];
    let next = body
        .get("ShardIterator")
        .or_else(|| body.get("NextShardIterator"));
    shard.iterator = Some(
        next.and_then(Value::as_str)
            .expect("an iterator")
            .to_owned(),
    );
    let records = body["Records"].as_array();
    shard.is_at_tip =
        records.is_some_and(Vec::is_empty) && body["MillisBehindLatest"].as_u64() == Some(0);
    for record in records.into_iter().flatten() {
        let data = record["Data"].as_str().expect("data");
        shard.read.push(Read {
            shard: id.clone(),
            number: record["SequenceNumber"]
                .as_str()
                .expect("a number")
                .to_owned(),
            put: data.parse().expect("a put"),
        });
    }
}

/// Reads on with one shard or the other.
pub(super) async fn read(network: Network, reader: Arc<Mutex<Reader>>, seed: u64) {
    let mut caller = Caller::new(network, seed);
    loop {
        let shard = caller.dice.random_range(0..SHARDS);
        let limit = caller.dice.random_range(1..=20);
        let (operation, body) = next_read(&reader.lock(), shard, limit);
        match caller.call(operation, &body).await {
            Some((200, body)) => take_read(&mut reader.lock(), shard, &body),
            // There was no room for the request or its answer.
            None | Some((503, _)) => {}
            Some((status, body)) => panic!("a read fails with {status}: {body}"),
        }
        caller.pause(60).await;
    }
}

/// Reads on to the end of every shard over a good line. All that the reader has got, shard by shard.
pub(super) async fn read_to_the_end(network: &Network, mut reader: Reader) -> Vec<Read> {
    let mut client = Client::connect(network, None).await.expect("it is up");
    for shard in 0..SHARDS {
        loop {
            let (operation, body) = next_read(&reader, shard, 20);
            let (status, body) = client.call(operation, &body).await.expect("an answer");
            assert_eq!(status, 200, "{body}");
            take_read(&mut reader, shard, &body);
            if reader.shards[shard].is_at_tip {
                break;
            }
        }
    }
    reader
        .shards
        .into_iter()
        .flat_map(|shard| shard.read)
        .collect()
}

/// Connects and owes the server something for a while: a head, a body, anything at all.
pub(super) async fn harm(network: Network, seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let head = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: Kinesis_20131202.PutRecord\r\n\
                content-type: application/x-amz-json-1.1\r\n";
    loop {
        if let Some(mut socket) = network.connect() {
            let sent = match dice.random_range(0..6) {
                0 => head[..dice.random_range(0..head.len())].to_owned(),
                1 => format!(
                    "{head}authorization: {AUTHORIZATION}\r\ncontent-length: 200000\r\n\r\n{{"
                ),
                2 => format!("{head}transfer-encoding: chunked\r\n\r\nffff\r\n"),
                3 => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
                4 => "\u{1}\u{2}\u{3}\r\n\r\n".to_owned(),
                _ => String::new(),
            };
            // It may have been closed at once.
            drop(socket.write_all(sent.as_bytes()).await);
            sleep(Duration::from_millis(dice.random_range(0..4_000))).await;
        }
        sleep(Duration::from_millis(dice.random_range(1..=300))).await;
    }
}
