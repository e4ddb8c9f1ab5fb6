//! Writers that go on after a refusal, and remember what each was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::task::JoinSet;

use crate::ledger::Ledger;

/// Writers of single records, and of batches.
const SINGLE_WRITERS: usize = 12;
const BATCH_WRITERS: usize = 2;
const BATCH_RECORDS: u64 = 50;

/// What the writers of one stream share.
#[derive(Default)]
pub(super) struct Written {
    pub(super) ledger: Ledger,
    /// Refusals by error code; "" for calls without an answer.
    pub(super) refusals: Mutex<BTreeMap<String, u64>>,
    /// Bytes of acknowledged records.
    pub(super) bytes: AtomicU64,
    /// Set before the server is ended: a call without an answer is expected from here on.
    is_ending: AtomicBool,
}

impl Written {
    /// Calls without an answer end their writer from here on.
    pub(super) fn expect_the_end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
    }

    fn acknowledge(&self, payload: String, bytes: usize, shard: &str, number: &str) {
        self.ledger.acknowledge(payload, shard, number);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a refusal; whether the writer should end.
    fn refuse(&self, code: &str) -> bool {
        let is_over = self.is_ending.load(Ordering::SeqCst);
        if !is_over {
            *self
                .refusals
                .lock()
                .unwrap()
                .entry(code.to_owned())
                .or_default() += 1;
        }
        is_over
    }
}

/// Starts the writers of `stream`.
pub(super) fn start(client: &Client, stream: &str, written: &Arc<Written>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for index in 0..SINGLE_WRITERS {
        tasks.spawn(put_singly(
            client.clone(),
            stream.to_owned(),
            format!("single-{index}"),
            Arc::clone(written),
        ));
    }
    for index in 0..BATCH_WRITERS {
        tasks.spawn(put_in_batches(
            client.clone(),
            stream.to_owned(),
            format!("batch-{index}"),
            Arc::clone(written),
        ));
    }
    tasks
}

/// The payload that the ledger knows, with padding of many sizes.
fn data(payload: &str, count: u64) -> Vec<u8> {
    let padding_bytes = match count % 97 {
        0 => 100_000,
        rest => rest * 13,
    };
    let mut data = payload.as_bytes().to_vec();
    data.push(b' ');
    data.resize(data.len() + padding_bytes as usize, b'.');
    data
}

async fn put_singly(client: Client, stream: String, writer: String, written: Arc<Written>) {
    for count in 0u64.. {
        let payload = format!("{writer}/{count}");
        let data = data(&payload, count);
        let bytes = data.len();
        let put = client
            .put_record()
            .stream_name(&stream)
            .partition_key(&writer);
        match put.data(Blob::new(data)).send().await {
            Ok(done) => {
                written.acknowledge(payload, bytes, done.shard_id(), done.sequence_number())
            }
            Err(error) => {
                if written.refuse(error.code().unwrap_or("")) {
                    return;
                }
            }
        }
    }
}

async fn put_in_batches(client: Client, stream: String, writer: String, written: Arc<Written>) {
    for batch in 0u64.. {
        let counts = batch * BATCH_RECORDS..(batch + 1) * BATCH_RECORDS;
        // Keys differ, so that a batch meets several shards; a key's records are in one batch only.
        let entries: Vec<(String, Vec<u8>)> = counts
            .map(|count| {
                let payload = format!("{writer}-{count}/0");
                let data = data(&payload, count);
                (payload, data)
            })
            .collect();
        let request = entries.iter().map(|(payload, data)| {
            PutRecordsRequestEntry::builder()
                .partition_key(payload)
                .data(Blob::new(data.clone()))
                .build()
                .expect("key and data are set")
        });
        let put = client
            .put_records()
            .stream_name(&stream)
            .set_records(Some(request.collect()));
        match put.send().await {
            Ok(done) => {
                for ((payload, data), result) in entries.into_iter().zip(done.records()) {
                    match (result.shard_id(), result.sequence_number()) {
                        (Some(shard), Some(number)) => {
                            written.acknowledge(payload, data.len(), shard, number)
                        }
                        _ => {
                            if written.refuse(result.error_code().unwrap_or("")) {
                                return;
                            }
                        }
                    }
                }
            }
            Err(error) => {
                if written.refuse(error.code().unwrap_or("")) {
                    return;
                }
            }
        }
    }
}
