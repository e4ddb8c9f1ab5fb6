//! The yardstick: an HTTP server of the same stack that does the least a Kinesis server could do.
//!
//! Like the real server it verifies the signature of every request. `bare LISTEN [--fsync FILE]`: PutRecord(s) parse their JSON, base64 included, and hash their partition keys;
//! GetRecords parses and answers as many canned records as its `Limit`. With `--fsync` every put writes its body to the file and syncs it,
//! one request at a time, before the answer.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use md5::{Digest, Md5};
use millstream_bench::keys;
use millstream_types::{SystemClock, WallClock};
use millstream_wire::sigv4::{self, Body, Presented, SignedRequest};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    #[serde(borrow)]
    records: Option<Vec<Entry<'a>>>,
    #[serde(borrow)]
    partition_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    data: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get<'a> {
    #[serde(borrow)]
    shard_iterator: Cow<'a, str>,
    limit: Option<usize>,
}

const NUMBER: &str = "49679842606937403337125680789593519495905778520880578562";

/// What a client cannot tell from a real answer by its size.
struct Canned {
    put_record: Bytes,
    put_records: Vec<OnceLock<Bytes>>,
    get_records: OnceLock<Bytes>,
}

impl Canned {
    fn put_records(&self, count: usize) -> Bytes {
        let make = || {
            let entry =
                format!(r#"{{"SequenceNumber":"{NUMBER}","ShardId":"shardId-000000000000"}}"#);
            format!(
                r#"{{"FailedRecordCount":0,"Records":[{}]}}"#,
                vec![entry; count].join(",")
            )
            .into()
        };
        self.put_records[count].get_or_init(make).clone()
    }

    fn get_records(&self, count: usize) -> Bytes {
        let make = || {
            let data = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, [7u8; 100]);
            let record = format!(
                r#"{{"SequenceNumber":"{NUMBER}","ApproximateArrivalTimestamp":1793620957.318,"Data":"{data}","PartitionKey":"key-12345678"}}"#
            );
            let records = vec![record; count].join(",");
            let iterator = "A".repeat(224);
            format!(r#"{{"Records":[{records}],"NextShardIterator":"{iterator}","MillisBehindLatest":0}}"#).into()
        };
        self.get_records.get_or_init(make).clone()
    }
}

fn answer(target: &[u8], body: &[u8], canned: &Canned) -> Option<Bytes> {
    if target.ends_with(b".GetRecords") {
        let get: Get<'_> = serde_json::from_slice(body).ok()?;
        return (!get.shard_iterator.is_empty())
            .then(|| canned.get_records(get.limit.unwrap_or(10_000)));
    }
    let put: Put<'_> = serde_json::from_slice(body).ok()?;
    let mut data = Vec::new();
    if let Some(records) = put.records {
        for entry in &records {
            take(&entry.partition_key, &entry.data, &mut data)?;
        }
        return Some(canned.put_records(records.len()));
    }
    take(&put.partition_key?, &put.data?, &mut data)?;
    Some(canned.put_record.clone())
}

/// What every server must find out about a record: its bytes and its hash key.
fn take(partition_key: &str, base64: &str, data: &mut Vec<u8>) -> Option<()> {
    data.clear();
    data.reserve(base64.len());
    base64_simd::STANDARD.decode_append(base64, data).ok()?;
    let hash_key = u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into());
    std::hint::black_box((hash_key, &data));
    Some(())
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let listener =
        tokio::net::TcpListener::bind(arguments.get(1).map_or("127.0.0.1:0", String::as_str))
            .await?;
    let file = match arguments.get(2).map(String::as_str) {
        Some("--fsync") => Some(Arc::new(Mutex::new(File::create(&arguments[3])?))),
        _ => None,
    };
    println!("bare listening on http://{}", listener.local_addr()?);
    let canned = Arc::new(Canned {
        put_record: format!(r#"{{"ShardId":"shardId-000000000000","SequenceNumber":"{NUMBER}"}}"#)
            .into(),
        put_records: (0..=500).map(|_| OnceLock::new()).collect(),
        get_records: OnceLock::new(),
    });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (canned, file) = (Arc::clone(&canned), file.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (canned, file) = (Arc::clone(&canned), file.clone());
                async move { Ok::<_, Infallible>(serve(request, &canned, file).await) }
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            // A client that hangs up ends its connection, nothing else.
            drop(server.serve_connection(TokioIo::new(socket), service).await);
        });
    }
}

async fn serve(
    request: Request<Incoming>,
    canned: &Canned,
    file: Option<Arc<Mutex<File>>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => Bytes::new(),
    };
    let target = head
        .headers
        .get("x-amz-target")
        .map_or(&b""[..], |value| value.as_bytes());
    let answer = if is_signed(&head, &body) {
        answer(target, &body, canned)
    } else {
        let refusal = Bytes::from_static(br#"{"__type":"InvalidSignatureException"}"#);
        return respond(400, refusal);
    };
    if let Some(file) = file {
        let stored = tokio::task::spawn_blocking(move || {
            let mut file = file.lock().expect("no holder panics");
            file.write_all(&body).and_then(|()| file.sync_data())
        });
        stored
            .await
            .expect("the write does not panic")
            .expect("the disk takes the write");
    }
    let (status, body) = answer.map_or((400, Bytes::from_static(b"{}")), |body| (200, body));
    respond(status, body)
}

/// The same check by the same code as in the real server.
fn is_signed(head: &Parts, body: &[u8]) -> bool {
    let headers: Vec<(&str, &[u8])> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let request = SignedRequest {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or(""),
        headers: &headers,
        body: Body::Whole(body),
    };
    let verified = Presented::of(request.query, &headers).and_then(|presented| {
        let key = Some(keys::secret()).filter(|_| presented.access_key() == keys::ACCESS_KEY);
        sigv4::verify(&presented, &request, "kinesis", key, SystemClock.now())
    });
    verified.is_ok()
}

fn respond(status: u16, body: Bytes) -> Response<Full<Bytes>> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    response.body(Full::new(body)).expect("the head is valid")
}
