//! The records that workers read: objects of JSON, of which a tenth has nothing in `quantity`.

use std::sync::Arc;

use anyhow::ensure;
use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::connection::Connection;
use crate::process::Server;
use crate::requests::{self, Seeded};

const PER_REQUEST: usize = 500;
const CONNECTIONS: usize = 8;
/// Signatures hold for five minutes: each connection has a few bodies, each of them signed when it is sent.
const BODIES: usize = 8;
const WITHOUT_QUANTITY: usize = 10;

/// Puts at least so many records of so many bytes; how many.
pub(super) async fn fill(
    server: &Server,
    stream: &'static str,
    records: usize,
    bytes: usize,
) -> anyhow::Result<u64> {
    let requests = records.div_ceil(PER_REQUEST * CONNECTIONS);
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|task| tokio::spawn(put(server.address, stream, task, requests, bytes)))
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok((CONNECTIONS * requests * PER_REQUEST) as u64)
}

/// How many of the records have a quantity.
pub(super) fn values(records: u64) -> u64 {
    records / WITHOUT_QUANTITY as u64 * (WITHOUT_QUANTITY as u64 - 1)
}

async fn put(
    address: std::net::SocketAddr,
    stream: &str,
    task: usize,
    requests: usize,
    bytes: usize,
) -> anyhow::Result<()> {
    let mut connection = Connection::open(address).await?;
    let bodies: Vec<Arc<str>> = (0..BODIES)
        .map(|body| self::body(stream, bytes, (task * BODIES + body) as u64).into())
        .collect();
    for body in bodies.iter().cycle().take(requests) {
        let (status, answer) = connection
            .call(&requests::request("PutRecords", body))
            .await?;
        let answer = String::from_utf8_lossy(answer);
        ensure!(status == 200, "{status}: {answer}");
        ensure!(answer.contains("\"FailedRecordCount\":0"), "{answer}");
    }
    Ok(())
}

fn body(stream: &str, bytes: usize, seed: u64) -> String {
    let mut random = Seeded::new(seed + 1);
    let record = |index: usize| {
        let number = random.number();
        let key = number % 100;
        let quantity = match index % WITHOUT_QUANTITY {
            0 => 0,
            _ => (number >> 40 & 0x3ff) + 1,
        };
        let side = if number & 1 == 0 { "BUY" } else { "SELL" };
        let head = format!(r#"{{"k":"key-{key}","s":"{side}","quantity":{quantity},"text":""#);
        let text = "x".repeat(bytes.saturating_sub(head.len() + 2));
        let data = BASE64_STANDARD.encode(format!("{head}{text}\"}}"));
        format!(r#"{{"Data":"{data}","PartitionKey":"{number}"}}"#)
    };
    let records: Vec<String> = (0..PER_REQUEST).map(record).collect();
    format!(
        r#"{{"Records":[{}],"StreamName":"{stream}"}}"#,
        records.join(",")
    )
}
