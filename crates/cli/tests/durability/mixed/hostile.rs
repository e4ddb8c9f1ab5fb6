//! Clients that mean harm, over raw sockets. What they get is other tests' matter; here the others must not feel them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How long one attack stays at most before it begins again.
const ATTACK_TIME: Duration = Duration::from_secs(3);
/// Most bytes of an answer that an attacker reads.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How often each attack was made.
#[derive(Default)]
pub(super) struct Attacks {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    is_ending: AtomicBool,
}

impl Attacks {
    pub(super) fn expect_the_end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
    }

    pub(super) fn total(&self) -> u64 {
        self.counts.lock().unwrap().values().sum()
    }
}

/// One connection's worth of harm.
struct Attack {
    name: &'static str,
    connections: usize,
    bytes: fn() -> Vec<u8>,
}

const ATTACKS: [Attack; 8] = [
    Attack {
        name: "large bodies that never come",
        connections: 16,
        bytes: large_body_declared,
    },
    Attack {
        name: "half a body",
        connections: 4,
        bytes: half_a_body,
    },
    Attack {
        name: "half a head",
        connections: 4,
        bytes: half_a_head,
    },
    Attack {
        name: "no protocol at all",
        connections: 2,
        bytes: garbage,
    },
    Attack {
        name: "nesting in an expression of tables",
        connections: 2,
        bytes: nested_expression,
    },
    Attack {
        name: "bad base64",
        connections: 1,
        bytes: bad_base64,
    },
    Attack {
        name: "deep JSON",
        connections: 1,
        bytes: deep_json,
    },
    Attack {
        name: "HTTP/2 with a closed window",
        connections: 4,
        bytes: closed_window,
    },
];

/// Starts them all; each is made again and again until the end.
pub(super) fn start(address: SocketAddr, attacks: &Arc<Attacks>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for attack in &ATTACKS {
        for _ in 0..attack.connections {
            let attacks = Arc::clone(attacks);
            tasks.spawn(async move {
                while !attacks.is_ending.load(Ordering::SeqCst) {
                    let made =
                        tokio::time::timeout(ATTACK_TIME, attack_once(address, attack.bytes));
                    // A refused, cut or timed-out attack is as good as any other.
                    drop(made.await);
                    *attacks
                        .counts
                        .lock()
                        .unwrap()
                        .entry(attack.name)
                        .or_default() += 1;
                    tokio::task::yield_now().await;
                }
            });
        }
    }
    tasks
}

/// Sends, then reads until the server closes or has said enough.
async fn attack_once(address: SocketAddr, bytes: fn() -> Vec<u8>) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&bytes()).await?;
    let mut answer = vec![0; 4096];
    let mut read_bytes = 0;
    while read_bytes < ANSWER_BYTES_MAX {
        match stream.read(&mut answer).await? {
            0 => break,
            count => read_bytes += count,
        }
    }
    Ok(())
}

fn head(target: &str, content_type: &str, length: usize) -> Vec<u8> {
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Target: {target}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/us-east-1/kinesis/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=00\r\nX-Amz-Date: 20260101T000000Z\r\n\r\n"
    )
    .into_bytes()
}

fn request(target: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    [&head(target, content_type, body.len()), body].concat()
}

fn large_body_declared() -> Vec<u8> {
    head(
        "Kinesis_20131202.PutRecords",
        "application/x-amz-json-1.1",
        10 << 20,
    )
}

fn half_a_body() -> Vec<u8> {
    let mut bytes = head(
        "Kinesis_20131202.PutRecords",
        "application/x-amz-json-1.1",
        4 << 20,
    );
    bytes.resize(bytes.len() + (2 << 20), b' ');
    bytes
}

fn half_a_head() -> Vec<u8> {
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-".to_vec()
}

fn garbage() -> Vec<u8> {
    (0..40_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn nested_expression() -> Vec<u8> {
    let expression = format!("{}a = :v{}", "(".repeat(100_000), ")".repeat(100_000));
    let body = format!(
        r#"{{"TableName":"counters","Key":{{"id":{{"S":"x"}}}},"ConditionExpression":"{expression}","ExpressionAttributeValues":{{":v":{{"N":"1"}}}}}}"#
    );
    request(
        "DynamoDB_20120810.DeleteItem",
        "application/x-amz-json-1.0",
        body.as_bytes(),
    )
}

fn bad_base64() -> Vec<u8> {
    let data = "!".repeat(8 << 20);
    let body = format!(r#"{{"StreamName":"none","PartitionKey":"k","Data":"{data}"}}"#);
    request(
        "Kinesis_20131202.PutRecord",
        "application/x-amz-json-1.1",
        body.as_bytes(),
    )
}

fn deep_json() -> Vec<u8> {
    request(
        "Kinesis_20131202.CreateStream",
        "application/x-amz-json-1.1",
        "[".repeat(1 << 20).as_bytes(),
    )
}

/// The preface, SETTINGS with INITIAL_WINDOW_SIZE 0, and forty requests for `/health`.
fn closed_window() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    for stream in 0..40u32 {
        // GET, http, `:path: /health`, `:authority: 127.0.0.1`, by HPACK's static table.
        let mut block = vec![0x82, 0x86, 0x04, 7];
        block.extend(b"/health");
        block.extend([0x01, 9]);
        block.extend(b"127.0.0.1");
        bytes.extend([0, 0, block.len() as u8, 1, 5]);
        bytes.extend((2 * stream + 1).to_be_bytes());
        bytes.extend(block);
    }
    bytes
}
