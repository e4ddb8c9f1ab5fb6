//! One PutRecords call, and again for what it refused.

use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::time::{Instant, sleep};

use crate::failure::Failure;

/// The API's largest number of entries.
const ENTRIES_MAX: usize = 500;
/// Below the API's limit of today (10 MiB) and of older services (5 MiB).
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A record to be written.
pub(super) struct Entry {
    /// Which of the input's records it is, from 1.
    pub(super) number: u64,
    pub(super) data: Vec<u8>,
    pub(super) partition_key: String,
    pub(super) explicit_hash_key: Option<String>,
}

impl Entry {
    fn size_bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }

    fn request(&self) -> PutRecordsRequestEntry {
        PutRecordsRequestEntry::builder()
            .data(Blob::new(self.data.clone()))
            .partition_key(&self.partition_key)
            .set_explicit_hash_key(self.explicit_hash_key.clone())
            .build()
            .expect("data and partition key are set")
    }
}

/// A record that is stored.
pub(super) struct Written {
    pub(super) shard: String,
    pub(super) sequence_number: String,
    pub(super) partition_key: String,
}

/// Records for one call.
#[derive(Default)]
pub(super) struct Batch {
    entries: Vec<Entry>,
    size_bytes: usize,
}

impl Batch {
    /// Whether `entry` may be added. A batch takes its first entry whatever its size: the service judges it.
    pub(super) fn has_room_for(&self, entry: &Entry) -> bool {
        self.entries.is_empty()
            || (self.entries.len() < ENTRIES_MAX
                && self.size_bytes + entry.size_bytes() <= BATCH_BYTES_MAX)
    }

    /// Whether there is nothing to send.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds an entry for which there is room.
    pub(super) fn push(&mut self, entry: Entry) {
        self.size_bytes += entry.size_bytes();
        self.entries.push(entry);
    }

    /// Sends the batch, then only what was refused for the moment, until all is stored or the deadline is over.
    /// What was stored comes back in any case, in the order of the input.
    pub(super) async fn send(
        self,
        client: &Client,
        stream: &str,
        deadline: Duration,
    ) -> (Vec<Written>, Result<(), Failure>) {
        let deadline_at = Instant::now() + deadline;
        let total = self.entries.len();
        let mut left = self.entries;
        let mut written: Vec<(u64, Written)> = Vec::with_capacity(total);
        let mut pause = FIRST_PAUSE;
        let result = loop {
            let cause = match put(client, stream, &left).await {
                Ok(answer) => {
                    let (stored, refused, cause) = sort(left, answer);
                    written.extend(stored);
                    left = refused;
                    cause
                }
                Err(failure @ Failure::Refused { .. }) if failure.is_passing() => {
                    failure.to_string()
                }
                Err(failure) => break Err(failure),
            };
            if left.is_empty() {
                break Ok(());
            }
            if Instant::now() + pause > deadline_at {
                break Err(late(&left, deadline, &cause));
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        written.sort_by_key(|(number, _)| *number);
        (
            written.into_iter().map(|(_, written)| written).collect(),
            result,
        )
    }
}

async fn put(
    client: &Client,
    stream: &str,
    entries: &[Entry],
) -> Result<PutRecordsOutput, Failure> {
    let answer = client
        .put_records()
        .stream_name(stream)
        .set_records(Some(entries.iter().map(Entry::request).collect()))
        .send()
        .await
        .map_err(|error| Failure::of("PutRecords", error))?;
    if answer.records.len() == entries.len() {
        Ok(answer)
    } else {
        Err(Failure::Unreachable {
            operation: "PutRecords",
            cause: format!(
                "{} entries were sent, but {} were answered",
                entries.len(),
                answer.records.len()
            ),
        })
    }
}

/// What is stored, what is not, and why not.
fn sort(
    entries: Vec<Entry>,
    answer: PutRecordsOutput,
) -> (Vec<(u64, Written)>, Vec<Entry>, String) {
    let mut stored = Vec::new();
    let mut refused = Vec::new();
    let mut cause = String::new();
    for (entry, result) in entries.into_iter().zip(answer.records) {
        match (result.shard_id, result.sequence_number) {
            (Some(shard), Some(sequence_number)) if result.error_code.is_none() => {
                let written = Written {
                    shard,
                    sequence_number,
                    partition_key: entry.partition_key,
                };
                stored.push((entry.number, written));
            }
            _ => {
                cause = format!(
                    "{} ({})",
                    result.error_message.unwrap_or_default(),
                    result.error_code.unwrap_or_default()
                );
                refused.push(entry);
            }
        }
    }
    (stored, refused, cause)
}

fn late(left: &[Entry], deadline: Duration, cause: &str) -> Failure {
    Failure::Late(format!(
        "{} records were not accepted within {}, record {} the first of them: {cause}. \
         Split the stream's shards, send more slowly, or raise --deadline",
        left.len(),
        humantime::format_duration(deadline),
        left.first().map_or(0, |entry| entry.number),
    ))
}
