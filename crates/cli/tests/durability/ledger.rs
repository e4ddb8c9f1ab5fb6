//! What was acknowledged, and whether it is all there.

use std::collections::HashMap;
use std::sync::Mutex;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};

/// Acknowledged puts: payload, without what stands behind its first space, to (shard, sequence number).
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<HashMap<String, (String, String)>>);

/// What reading everything back showed.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Acknowledged records in the ledger.
    pub(crate) acknowledged: usize,
    /// Records that were read, acknowledged or not.
    pub(crate) read: usize,
    /// One line for each acknowledged record that is missing or changed, and for each record out of order or twice.
    pub(crate) faults: Vec<String>,
}

impl Ledger {
    /// Notes an acknowledged put.
    pub(crate) fn acknowledge(&self, payload: String, shard: &str, number: &str) {
        self.0
            .lock()
            .unwrap()
            .insert(payload, (shard.to_owned(), number.to_owned()));
    }

    /// What is in it now.
    pub(crate) fn copy(&self) -> Self {
        Self(Mutex::new(self.0.lock().unwrap().clone()))
    }

    /// Acknowledged so far.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Reads every shard of `stream` from its start and compares.
    pub(crate) async fn compare(&self, client: &Client, stream: &str) -> Findings {
        let mut findings = Findings::default();
        let mut found = HashMap::new();
        for shard in shard_ids(client, stream).await {
            let mut number_before = String::new();
            for record in read_shard(client, stream, &shard).await {
                let data = String::from_utf8_lossy(record.data().as_ref());
                // Padding may follow.
                let payload = data.split(' ').next().unwrap_or_default().to_owned();
                let number = record.sequence_number().to_owned();
                if number <= number_before {
                    findings
                        .faults
                        .push(format!("{shard}: {number} stands behind {number_before}"));
                }
                number_before.clone_from(&number);
                findings.read += 1;
                if found
                    .insert(payload.clone(), (shard.clone(), number))
                    .is_some()
                {
                    findings.faults.push(format!("{payload} is there twice"));
                }
            }
        }
        let ledger = self.0.lock().unwrap();
        findings.acknowledged = ledger.len();
        for (payload, place) in ledger.iter() {
            match found.get(payload) {
                None => findings
                    .faults
                    .push(format!("{payload} is missing from {place:?}")),
                Some(other) if other != place => findings
                    .faults
                    .push(format!("{payload} is at {other:?}, not {place:?}")),
                Some(_) => {}
            }
        }
        check_order_of_writers(&found, &mut findings.faults);
        findings
    }
}

/// A writer sends its next record when the one before was answered, always with its own partition key.
fn check_order_of_writers(found: &HashMap<String, (String, String)>, faults: &mut Vec<String>) {
    let mut by_writer: HashMap<&str, Vec<(u64, &str)>> = HashMap::new();
    for (payload, (_, number)) in found {
        let (writer, count) = payload.split_once('/').expect("writers put `writer/count`");
        by_writer
            .entry(writer)
            .or_default()
            .push((count.parse().expect("a count"), number));
    }
    for (writer, mut records) in by_writer {
        records.sort_unstable();
        for pair in records.windows(2) {
            if pair[0].1 >= pair[1].1 {
                faults.push(format!(
                    "{writer}/{} stands behind {writer}/{}",
                    pair[0].0, pair[1].0
                ));
            }
        }
    }
}

/// Every record of a stream: shard, number, data.
pub(crate) async fn read_stream(client: &Client, stream: &str) -> Vec<(String, String, String)> {
    let mut records = Vec::new();
    for shard in shard_ids(client, stream).await {
        for record in read_shard(client, stream, &shard).await {
            let data = String::from_utf8_lossy(record.data().as_ref()).into_owned();
            records.push((shard.clone(), record.sequence_number().to_owned(), data));
        }
    }
    records
}

/// None of a stream that is gone itself: then every record in the ledger is missing.
async fn shard_ids(client: &Client, stream: &str) -> Vec<String> {
    match client.list_shards().stream_name(stream).send().await {
        Ok(answer) => answer
            .shards()
            .iter()
            .map(|shard| shard.shard_id().to_owned())
            .collect(),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_resource_not_found_exception()) =>
        {
            Vec::new()
        }
        Err(error) => panic!("ListShards: {error:?}"),
    }
}

async fn read_shard(client: &Client, stream: &str, shard: &str) -> Vec<Record> {
    let first = client
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard);
    let first = first
        .shard_iterator_type(ShardIteratorType::TrimHorizon)
        .send()
        .await
        .expect("GetShardIterator");
    let mut next = first.shard_iterator;
    let mut records = Vec::new();
    while let Some(iterator) = next {
        let answer = client
            .get_records()
            .shard_iterator(iterator)
            .send()
            .await
            .expect("GetRecords");
        if answer.records().is_empty() && answer.millis_behind_latest() == Some(0) {
            break;
        }
        records.extend(answer.records);
        next = answer.next_shard_iterator;
    }
    records
}
