//! The items of one shard on their way to the partitions.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Meaning, meaning_of, name_of};
use super::batch::Record;
use super::cluster::{Batch, Brokers};
use super::known::Place;
use super::partition::partition_of;
use super::sequences::Sequences;
use super::{ID, REVISION};
use crate::format::bytes_of;
use crate::{FieldPath, Item, Outcome, Sink, SinkError, SinkFuture};

#[derive(Debug)]
pub(super) struct KafkaSink<B> {
    brokers: Arc<B>,
    key: Option<FieldPath>,
    sending_time: Duration,
    sequences: Sequences,
}

/// What waits for each partition: places among the items.
type Waiting = BTreeMap<usize, VecDeque<usize>>;

/// Bytes of records that one shard has under way at once, over all partitions; a batch more where it is begun within them.
const ROUND_BYTES_MAX: usize = 4 * 1024 * 1024;

impl<B: Brokers> KafkaSink<B> {
    pub(super) fn new(brokers: Arc<B>, key: Option<FieldPath>, sending_time: Duration) -> Self {
        Self {
            brokers,
            key,
            sending_time,
            sequences: Sequences::default(),
        }
    }

    /// Sends the next batch of each partition, of as many as there is room for. What is answered leaves `waiting`; a
    /// partition that must wait does so too.
    async fn round(
        &mut self,
        items: &[Item],
        leaders: &[Option<Place>],
        waiting: &mut Waiting,
        outcomes: &mut [Outcome],
    ) -> Result<(), SinkError> {
        let leaderless = |partition: &usize| leaders[*partition].is_none();
        let leaderless: Vec<usize> = waiting.keys().copied().filter(leaderless).collect();
        for partition in leaderless {
            self.wait(partition, "it has no leader", waiting, outcomes);
        }
        if self.sequences.needs_producer() {
            self.sequences.begin(self.brokers.new_producer().await?);
        }
        let Some(by_leader) = self.next_batches(items, leaders, waiting) else {
            // The next round begins with a new producer.
            return Ok(());
        };
        let brokers = &self.brokers;
        let asked = by_leader.into_iter().map(|(leader, batches)| async move {
            let counts: Vec<(usize, usize)> = batches
                .iter()
                .map(|batch| (batch.partition, batch.records.len()))
                .collect();
            (counts, brokers.append(leader, batches).await)
        });
        for (counts, answered) in join_all(asked).await {
            for (partition, count) in counts {
                let error = match &answered {
                    Ok(errors) => {
                        let told = errors.iter().find(|(told, _)| *told == partition);
                        told.map(|(_, error)| *error)
                            .ok_or("its leader says nothing of it")
                    }
                    Err(error) => Err(error.message.as_str()),
                };
                self.answered(partition, count, error, waiting, outcomes);
            }
        }
        Ok(())
    }

    /// What each leader is to append now; none if a new producer has to be asked for.
    fn next_batches<'l>(
        &mut self,
        items: &[Item],
        leaders: &'l [Option<Place>],
        waiting: &Waiting,
    ) -> Option<BTreeMap<&'l Place, Vec<Batch>>> {
        let mut by_leader = BTreeMap::<&Place, Vec<Batch>>::new();
        let mut room = ROUND_BYTES_MAX;
        for (partition, queue) in waiting {
            let Some(leader) = &leaders[*partition] else {
                continue;
            };
            let mut records = Vec::new();
            let names = queue.iter().map(|at| {
                let item = &items[*at];
                let record = record_of(item, self.key.as_ref());
                let bytes = record.bytes();
                records.push(record);
                ((item.id(), item.revision), bytes)
            });
            let next = self.sequences.next(*partition, names, room)?;
            records.truncate(next.count);
            let bytes: usize = records.iter().map(Record::bytes).sum();
            by_leader.entry(leader).or_default().push(Batch {
                partition: *partition,
                producer: next.producer,
                sequence: next.sequence,
                records,
            });
            room = room.saturating_sub(bytes);
            if room == 0 {
                break;
            }
        }
        Some(by_leader)
    }

    /// What became of the batch of so many records at the head of a partition.
    fn answered(
        &mut self,
        partition: usize,
        count: usize,
        error: Result<i16, &str>,
        waiting: &mut Waiting,
        outcomes: &mut [Outcome],
    ) {
        let error = match error {
            Ok(error) => error,
            Err(cause) => return self.wait(partition, cause, waiting, outcomes),
        };
        let done = match meaning_of(error) {
            Meaning::Taken => {
                self.sequences.taken(partition);
                Outcome::Delivered
            }
            Meaning::Refused => {
                self.sequences.refused(partition);
                if count > 1 {
                    return;
                }
                Outcome::Rejected(format!("Kafka: {}", name_of(error)))
            }
            Meaning::Again => return self.wait(partition, &name_of(error), waiting, outcomes),
            Meaning::StartOver => {
                self.sequences.start_over();
                return self.wait(partition, &name_of(error), waiting, outcomes);
            }
        };
        let Some(queue) = waiting.get_mut(&partition) else {
            return;
        };
        for at in queue.drain(..count) {
            outcomes[at] = done.clone();
        }
        if queue.is_empty() {
            waiting.remove(&partition);
        }
    }

    /// What waits for a partition is to come again, when its leader may be another.
    fn wait(&self, partition: usize, why: &str, waiting: &mut Waiting, outcomes: &mut [Outcome]) {
        self.brokers.forget();
        for at in waiting.remove(&partition).into_iter().flatten() {
            outcomes[at] = Outcome::Again(format!("Kafka: partition {partition}: {why}"));
        }
    }
}

/// The key of an item's record: of this field, or as the source's record has it.
fn key_of<'a>(item: &'a Item, field: Option<&FieldPath>) -> Cow<'a, str> {
    let Some(field) = field else {
        return Cow::Borrowed(&item.origin.partition_key);
    };
    match field.of(&item.value) {
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(other) => Cow::Owned(other.to_string()),
        // All values without the field are of one partition.
        None => Cow::Borrowed(""),
    }
}

fn record_of(item: &Item, key: Option<&FieldPath>) -> Record {
    Record {
        key: key_of(item, key).into_owned().into_bytes(),
        value: bytes_of(item),
        headers: vec![
            (ID, item.id().to_string()),
            (REVISION, item.revision.to_string()),
        ],
        at_ms: i64::try_from(item.origin.arrived_ms).unwrap_or(i64::MAX),
    }
}

impl<B: Brokers> Sink for KafkaSink<B> {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let began = Instant::now();
            let leaders = self.brokers.leaders().await?;
            let mut waiting = Waiting::new();
            for (at, item) in items.iter().enumerate() {
                let key = key_of(item, self.key.as_ref());
                let partition = partition_of(key.as_bytes(), leaders.len());
                waiting.entry(partition).or_default().push_back(at);
            }
            let mut outcomes = vec![Outcome::Again("Kafka takes long".to_owned()); items.len()];
            while !waiting.is_empty() && began.elapsed() < self.sending_time {
                let round = self.round(items, &leaders, &mut waiting, &mut outcomes);
                if let Err(error) = round.await {
                    for at in waiting.into_values().flatten() {
                        outcomes[at] = Outcome::Again(error.message.clone());
                    }
                    break;
                }
            }
            Ok(outcomes)
        })
    }
}

#[cfg(test)]
mod tests;
