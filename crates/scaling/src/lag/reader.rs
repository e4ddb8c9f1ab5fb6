//! One look after another at an application.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_kinesis::Client;
use futures::stream::{self, StreamExt};
use millstream_consumer::{Checkpoint, DynamoDbLeaseTable, Lease, LeaseTable};
use millstream_types::{HashKeyRange, TimestampMs};
use serde::{Serialize, Serializer};

use super::LagError;
use super::behind::{Backlog, Behind, Place, look_behind};
use super::heirs::heirs;
use super::several_streams::stream_and_leases;
use super::stream_of::{Listed, list_shards};
use crate::{Traffic, drain_time_ms};

/// Shards that are looked at side by side.
const SHARDS_AT_A_TIME: usize = 8;

/// What was seen of one shard.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardLag {
    /// The shard's id.
    pub shard_id: String,
    #[serde(skip)]
    pub(super) range: HashKeyRange,
    /// Whether it takes records.
    pub is_open: bool,
    /// The lease's checkpoint.
    #[serde(serialize_with = "as_text")]
    pub checkpoint: Checkpoint,
    /// The worker that holds the lease, or is going to.
    pub owner: Option<String>,
    /// The worker that still finishes, while the lease is handed over.
    pub checkpoint_owner: Option<String>,
    /// Milliseconds since the lease's counter was last seen to change; `None` if it was looked at once.
    pub heartbeat_ms: Option<u64>,
    /// Whether it waits until its parents are finished.
    pub waits_for_parents: bool,
    /// Age of the oldest record that is not finished; `None` if the checkpoint names no place.
    pub behind_ms: Option<u64>,
    /// What is not finished; `None` where the service does not count.
    pub backlog: Option<Backlog>,
    /// What came between the last two looks.
    pub incoming: Option<Traffic>,
    /// Records a second that were finished between the last two looks.
    pub read_records_per_s: Option<f64>,
    /// How long the rest will take; `None` if that is not known, or it does not get less.
    pub drain_ms: Option<u64>,
}

fn as_text<S: Serializer>(checkpoint: &Checkpoint, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(checkpoint.text())
}

/// What was seen of an application.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lag {
    /// Its name, and its lease table's.
    pub application: String,
    /// The stream that it reads.
    pub stream: String,
    /// When, in milliseconds since 1970.
    pub at: TimestampMs,
    /// Shards that are not finished, by their ids: those with a lease, and those that get one when their parents are
    /// finished, which are read from their beginning.
    pub shards: Vec<ShardLag>,
    /// Open shards that have no lease, and no parents with one: where they will be read from is not known yet.
    pub without_lease: Vec<String>,
    /// Leases of shards that are finished.
    pub finished: usize,
}

impl ShardLag {
    /// Its hash keys.
    pub fn range(&self) -> HashKeyRange {
        self.range
    }
}

impl Lag {
    /// Workers that hold leases, by their ids.
    pub fn workers(&self) -> Vec<&str> {
        let holders = self
            .shards
            .iter()
            .flat_map(|shard| [&shard.owner, &shard.checkpoint_owner]);
        let mut workers: Vec<&str> = holders.flatten().map(String::as_str).collect();
        workers.sort_unstable();
        workers.dedup();
        workers
    }

    /// The age of the oldest record that is not finished.
    pub fn behind_ms(&self) -> Option<u64> {
        self.shards.iter().filter_map(|shard| shard.behind_ms).max()
    }

    /// All that is not finished; `None` if that of a shard is not known.
    pub fn backlog(&self) -> Option<Backlog> {
        let none = Backlog {
            is_exact: true,
            ..Backlog::default()
        };
        self.shards.iter().try_fold(none, |sum, shard| {
            let backlog = shard.backlog?;
            Some(Backlog {
                records: sum.records + backlog.records,
                bytes: sum.bytes + backlog.bytes,
                is_exact: sum.is_exact && backlog.is_exact,
            })
        })
    }

    /// What came, and what was finished, in a second; `None` before the second look.
    pub fn rates(&self) -> Option<(Traffic, f64)> {
        let none = (Traffic::default(), 0.0);
        self.shards
            .iter()
            .try_fold(none, |(incoming, read), shard| {
                let of_shard = shard.incoming?;
                let sum = Traffic {
                    records_per_s: incoming.records_per_s + of_shard.records_per_s,
                    bytes_per_s: incoming.bytes_per_s + of_shard.bytes_per_s,
                };
                Some((sum, read + shard.read_records_per_s?))
            })
    }

    /// How long all that is not finished will take.
    pub fn drain_ms(&self) -> Option<u64> {
        let (incoming, read) = self.rates()?;
        drain_time_ms(self.backlog()?.records, read, incoming.records_per_s)
    }
}

/// What is kept from one look to the next.
#[derive(Debug)]
struct Known {
    checkpoint: Checkpoint,
    backlog: Option<Backlog>,
}

impl Known {
    /// Of a shard that was opened since the last look.
    const OPENED: Self = Self {
        checkpoint: Checkpoint::TrimHorizon,
        backlog: Some(Backlog {
            records: 0,
            bytes: 0,
            is_exact: true,
        }),
    };
}

/// Looks at an application, again and again.
#[derive(Debug)]
pub struct LagReader {
    kinesis: Client,
    table: DynamoDbLeaseTable,
    application: String,
    stream: Option<String>,
    known: HashMap<String, Known>,
    looked_at: Option<TimestampMs>,
    /// Shards that there were at the last look.
    listed: BTreeSet<String>,
    /// Each lease's counter, since when it is that, and whether it was seen to change.
    counters: HashMap<String, (u64, TimestampMs, bool)>,
}

impl LagReader {
    /// A reader of the application with this lease table, and of this stream; without a name, of the stream that the leases
    /// name or fit. An application of several streams is looked at stream by stream.
    pub fn new(
        kinesis: Client,
        dynamodb: aws_sdk_dynamodb::Client,
        application: impl Into<String>,
        stream: Option<String>,
    ) -> Self {
        let application = application.into();
        Self {
            kinesis,
            table: DynamoDbLeaseTable::new(dynamodb, &application),
            application,
            stream,
            known: HashMap::new(),
            looked_at: None,
            listed: BTreeSet::new(),
            counters: HashMap::new(),
        }
    }

    /// Looks. Rates are known from the second look on. `now` is this machine's time.
    ///
    /// # Errors
    /// See [`LagError`]. The next look may succeed; rates are then between it and the last one that did. Dropping the
    /// future leaves the reader as it was.
    pub async fn look(&mut self, now: TimestampMs) -> Result<Lag, LagError> {
        let leases = self.table.list().await?;
        let named = self.stream.as_deref();
        let (stream, leases) =
            stream_and_leases(&self.kinesis, &self.application, named, leases).await?;
        let listed = list_shards(&self.kinesis, &stream).await?;
        let finished = leases.iter().filter(|lease| lease.is_finished()).count();
        let heirs = heirs(&leases, &listed);
        let leases: Vec<Lease> = leases.into_iter().chain(heirs).collect();
        let is_unfinished = |lease: &&Lease| !lease.is_finished();
        let mut unfinished: Vec<&Lease> = leases.iter().filter(is_unfinished).collect();
        unfinished.sort_by(|one, other| one.lease_key.cmp(&other.lease_key));
        if self.looked_at.is_some() {
            for id in listed.keys().filter(|id| !self.listed.contains(*id)) {
                self.known.entry(id.clone()).or_insert(Known::OPENED);
            }
        }
        let looks = unfinished
            .iter()
            .map(|lease| self.look_at(&stream, lease, now));
        let looks: Vec<_> = stream::iter(looks)
            .buffered(SHARDS_AT_A_TIME)
            .collect()
            .await;
        let elapsed_s = self
            .looked_at
            .map(|before| now.ms_since(before) as f64 / 1000.0);
        let mut shards = Vec::new();
        let mut known = HashMap::new();
        for (lease, look) in unfinished.iter().zip(looks) {
            let Some(look) = look? else {
                // The shard has expired meanwhile.
                continue;
            };
            known.insert(
                lease.lease_key.clone(),
                Known {
                    checkpoint: lease.checkpoint.clone(),
                    backlog: look.now.and_then(|behind| behind.backlog),
                },
            );
            let heartbeat_ms = self.heartbeat(lease, now);
            let waits_for_parents = waits_for_parents(lease, &leases, &listed);
            let listed = listed.get(&lease.lease_key);
            shards.push(shard_lag(
                lease,
                listed,
                &look,
                elapsed_s,
                heartbeat_ms,
                waits_for_parents,
            ));
        }
        self.stream = Some(stream.clone());
        self.known = known;
        self.looked_at = Some(now);
        self.listed = listed.keys().cloned().collect();
        let has_lease = |id: &String| leases.iter().any(|lease| lease.lease_key == *id);
        let open = listed.values().filter(|shard| shard.is_open);
        Ok(Lag {
            application: self.application.clone(),
            stream,
            at: now,
            without_lease: open
                .map(|shard| shard.id.clone())
                .filter(|id| !has_lease(id))
                .collect(),
            finished,
            shards,
        })
    }

    async fn look_at(
        &self,
        stream: &str,
        lease: &Lease,
        now: TimestampMs,
    ) -> Result<Option<Look>, LagError> {
        let place = |checkpoint| Place {
            stream,
            shard_id: &lease.lease_key,
            checkpoint,
            latest_at: lease.latest_at,
        };
        let behind = |checkpoint| async move {
            match look_behind(&self.kinesis, &place(checkpoint), now).await {
                Ok(behind) => Ok(Some(behind)),
                Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
                Err(error) => Err(error),
            }
        };
        let known = self.known.get(&lease.lease_key);
        // The checkpoint of before first: what has come until then is not more than what there is in the end.
        let since = match known {
            Some(known) if known.backlog.is_some() && known.checkpoint != lease.checkpoint => {
                Some(behind(&known.checkpoint).await?.flatten())
            }
            _ => None,
        };
        let Some(now) = behind(&lease.checkpoint).await? else {
            return Ok(None);
        };
        Ok(Some(Look {
            before: known.and_then(|known| known.backlog),
            since: since.flatten().or(now),
            now,
        }))
    }

    fn heartbeat(&mut self, lease: &Lease, now: TimestampMs) -> Option<u64> {
        let fresh = (lease.lease_counter, now, false);
        let known = self
            .counters
            .entry(lease.lease_key.clone())
            .or_insert(fresh);
        if known.0 != lease.lease_counter {
            *known = (lease.lease_counter, now, true);
        }
        let (_, since, was_seen) = *known;
        let waited_ms = now.ms_since(since);
        (was_seen || waited_ms > 0).then_some(waited_ms)
    }
}

/// A shard, at a look.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// What lay behind the checkpoint of before, then.
    before: Option<Backlog>,
    /// What lies behind that checkpoint now.
    since: Option<Behind>,
    /// What lies behind the checkpoint of now.
    now: Option<Behind>,
}

impl Look {
    /// What came, and records that were finished, in so many seconds.
    fn rates(&self, elapsed_s: f64) -> Option<(Traffic, f64)> {
        let (before, since, now) = (self.before?, self.since?.backlog?, self.now?.backlog?);
        let in_a_second = |more: u64, less: u64| more.saturating_sub(less) as f64 / elapsed_s;
        let incoming = Traffic {
            records_per_s: in_a_second(since.records, before.records),
            bytes_per_s: in_a_second(since.bytes, before.bytes),
        };
        Some((incoming, in_a_second(since.records, now.records)))
    }
}

fn shard_lag(
    lease: &Lease,
    listed: Option<&Listed>,
    look: &Look,
    elapsed_s: Option<f64>,
    heartbeat_ms: Option<u64>,
    waits_for_parents: bool,
) -> ShardLag {
    let rates = elapsed_s
        .filter(|elapsed| *elapsed > 0.0)
        .and_then(|elapsed| look.rates(elapsed));
    let (incoming, read_records_per_s) = rates.unzip();
    let backlog = look.now.and_then(|behind| behind.backlog);
    let drain_ms = match (backlog, rates) {
        (Some(backlog), Some((incoming, read))) => {
            drain_time_ms(backlog.records, read, incoming.records_per_s)
        }
        _ => None,
    };
    ShardLag {
        shard_id: lease.lease_key.clone(),
        range: listed.map_or(HashKeyRange::ALL, |listed| listed.range),
        is_open: listed.is_some_and(|listed| listed.is_open),
        checkpoint: lease.checkpoint.clone(),
        owner: lease.lease_owner.clone(),
        checkpoint_owner: lease.checkpoint_owner.clone(),
        heartbeat_ms,
        waits_for_parents,
        behind_ms: look.now.map(|behind| behind.behind_ms),
        backlog,
        incoming,
        read_records_per_s,
        drain_ms,
    }
}

/// Whether a parent has a lease that is not finished.
fn waits_for_parents(lease: &Lease, leases: &[Lease], listed: &BTreeMap<String, Listed>) -> bool {
    let parents = listed
        .get(&lease.lease_key)
        .map(|shard| shard.parents.clone());
    let parents = parents.unwrap_or_else(|| lease.parent_shard_ids.iter().cloned().collect());
    let is_unfinished = |parent: &String| {
        leases
            .iter()
            .any(|lease| lease.lease_key == *parent && !lease.is_finished())
    };
    parents.iter().any(is_unfinished)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behind(records: u64) -> Behind {
        let backlog = Backlog {
            records,
            bytes: 10 * records,
            is_exact: true,
        };
        Behind {
            behind_ms: 0,
            backlog: Some(backlog),
        }
    }

    #[test]
    fn rates_follow_from_what_lies_behind_two_checkpoints() {
        // 100 lay behind the old checkpoint, 400 do now, and 250 behind the new one: 300 came, 150 were done.
        let look = Look {
            before: behind(100).backlog,
            since: Some(behind(400)),
            now: Some(behind(250)),
        };
        let (incoming, read) = look.rates(10.0).unwrap();
        assert_eq!(
            (incoming.records_per_s, incoming.bytes_per_s, read),
            (30.0, 300.0, 15.0)
        );
        let first = Look {
            before: None,
            ..look
        };
        assert_eq!(first.rates(10.0), None);
    }
}
