//! What is to be done, and why.

use std::fmt;
use std::sync::Arc;

use millstream_types::{HashKey, ShardId, TimestampMs};
use serde::{Serialize, Serializer};

use crate::{Figures, HotKey};

/// What is to be done now. With nothing to do, the notes say why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// When.
    pub at: TimestampMs,
    /// More workers or fewer.
    pub workers: Option<WorkerChange>,
    /// Splits, or merges: never both, never two of one shard.
    pub shards: Vec<ShardChange>,
    /// What else there is to say: why something is not done, and what no scaling can mend.
    pub notes: Vec<Reason>,
    /// The numbers that it comes from.
    pub figures: Figures,
}

impl Decision {
    /// Whether there is nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.workers.is_none() && self.shards.is_empty()
    }

    /// Open shards once it is done.
    pub fn shards_after(&self) -> u32 {
        let after = |count: u32, change: &ShardChange| match change {
            ShardChange::Split { further, .. } => count + 1 + further.len() as u32,
            ShardChange::Merge { .. } => count.saturating_sub(1),
        };
        self.shards.iter().fold(self.figures.open_shards, after)
    }

    /// Workers once it is done.
    pub fn workers_after(&self) -> u32 {
        self.workers
            .as_ref()
            .map_or(self.figures.workers, |change| change.to)
    }

    /// All reasons: of what is done, then of what is not.
    pub fn reasons(&self) -> impl Iterator<Item = &Reason> {
        let workers = self.workers.iter().map(|change| &change.reason);
        workers
            .chain(self.shards.iter().map(ShardChange::reason))
            .chain(&self.notes)
    }
}

/// More workers or fewer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerChange {
    /// So many there are.
    pub from: u32,
    /// So many there are to be.
    pub to: u32,
    /// Of fewer: who is to go, by its id. Each hands its leases over before it is stopped; those that have least to hand
    /// over are named first.
    pub hand_over: Vec<Arc<str>>,
    /// Why.
    pub reason: Reason,
}

/// A split or a merge.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum ShardChange {
    /// A shard becomes two, or more.
    Split {
        /// Which.
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
        /// Where the second one begins.
        new_starting_hash_key: HashKey,
        /// Where its parts are cut at once, one after another, because two do not do: each key is inside of a part that
        /// the keys before have made.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        further: Vec<HashKey>,
        /// Why.
        reason: Reason,
    },
    /// Two neighbours become one.
    Merge {
        /// The lower one.
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
        /// The one whose range follows.
        #[serde(serialize_with = "as_text")]
        adjacent: ShardId,
        /// Why.
        reason: Reason,
    },
}

impl ShardChange {
    /// Why.
    pub fn reason(&self) -> &Reason {
        match self {
            Self::Split { reason, .. } | Self::Merge { reason, .. } => reason,
        }
    }
}

/// Why something is done, or is not. Shown, it is a sentence with the numbers in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the sentences below say what the numbers are")]
pub enum Reason {
    BelowMin {
        what: What,
        count: u32,
        min: u32,
    },
    AboveMax {
        what: What,
        count: u32,
        max: u32,
    },
    TooSlow {
        backlog_records: u64,
        ingest_records_per_s: f64,
        workers: u32,
        worker_records_per_s: f64,
        goal_ms: u64,
        wanted: u32,
    },
    Spare {
        peak_records_per_s: f64,
        quiet_ms: u64,
        worker_records_per_s: f64,
        wanted: u32,
    },
    TriesFewer {
        quiet_ms: u64,
        behind_ms: u64,
    },
    HotForShard {
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
        records_per_s: f64,
        bytes_per_s: f64,
        records_per_s_max: f64,
        bytes_per_s_max: f64,
    },
    HotForWorker {
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
        records_per_s: f64,
        worker_records_per_s: f64,
    },
    Quiet {
        peak_records_per_s: f64,
        peak_bytes_per_s: f64,
        quiet_ms: u64,
    },
    OneKey {
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
        hash_key: HashKey,
        partition_key: Option<Arc<str>>,
        share: f64,
    },
    MiddleUnknown {
        #[serde(serialize_with = "as_text")]
        shard: ShardId,
    },
    BoundByShards {
        workers: u32,
        wanted: u32,
    },
    AtMost {
        what: What,
        max: u32,
        wanted: u32,
    },
    StandsStill {
        backlog_records: u64,
        workers: u32,
    },
    DidNotHelp {
        workers_before: u32,
        workers_after: u32,
        read_before_per_s: f64,
        read_now_per_s: f64,
    },
    TooFewLooks,
    ScalerEnds,
    Settling {
        left_ms: u64,
    },
    CoolingDown {
        left_ms: u64,
    },
    StillRising {
        before_per_s: f64,
        now_per_s: f64,
    },
    NotQuietYet {
        quiet_ms: u64,
    },
    UnevenlyDealt {
        worker: Arc<str>,
        shards: u32,
        records_per_s: f64,
        worker_records_per_s: f64,
    },
    CatchingUp {
        behind_ms: u64,
        goal_ms: u64,
        drain_ms: Option<u64>,
    },
    OnGoal {
        behind_ms: u64,
        goal_ms: u64,
    },
}

/// Of what there are too many or too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Workers.
    Workers,
    /// Open shards.
    Shards,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Workers => "workers",
            Self::Shards => "shards",
        })
    }
}

impl Reason {
    pub(crate) fn one_key(shard: ShardId, key: &HotKey) -> Self {
        Self::OneKey {
            shard,
            hash_key: key.hash_key,
            partition_key: key.partition_key.clone(),
            share: key.share,
        }
    }
}

fn as_text<S: Serializer>(shard: &ShardId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(shard)
}

/// Milliseconds as seconds.
struct Seconds(u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            whole if whole % 1000 == 0 => write!(f, "{} s", whole / 1000),
            part => write!(f, "{:.1} s", part as f64 / 1000.0),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BelowMin { what, count, min } => {
                write!(f, "{count} {what}, and there are to be at least {min}")
            }
            Self::AboveMax { what, count, max } => {
                write!(f, "{count} {what}, and there are to be at most {max}")
            }
            Self::TooSlow {
                backlog_records,
                ingest_records_per_s,
                workers,
                worker_records_per_s,
                goal_ms,
                wanted,
            } => write!(
                f,
                "{backlog_records} records are left and {ingest_records_per_s:.0}/s come; a worker does \
                 {worker_records_per_s:.0}/s, so {workers} are too slow to be done within {}: {wanted} are wanted",
                Seconds(*goal_ms)
            ),
            Self::Spare {
                peak_records_per_s,
                quiet_ms,
                worker_records_per_s,
                wanted,
            } => write!(
                f,
                "at most {peak_records_per_s:.0} records/s came within {}, and a worker does {worker_records_per_s:.0}/s: \
                 {wanted} are enough",
                Seconds(*quiet_ms)
            ),
            Self::TriesFewer {
                quiet_ms,
                behind_ms,
            } => write!(
                f,
                "what a worker can do was never seen, because none was at its limit; at most {} behind within {}, so \
                 fewer are tried",
                Seconds(*behind_ms),
                Seconds(*quiet_ms)
            ),
            Self::HotForShard {
                shard,
                records_per_s,
                bytes_per_s,
                records_per_s_max,
                bytes_per_s_max,
            } => write!(
                f,
                "{shard} takes {records_per_s:.0} records/s and {bytes_per_s:.0} bytes/s, and a shard takes at most \
                 {records_per_s_max:.0} and {bytes_per_s_max:.0}"
            ),
            Self::HotForWorker {
                shard,
                records_per_s,
                worker_records_per_s,
            } => write!(
                f,
                "{shard} takes {records_per_s:.0} records/s, and whoever reads it does {worker_records_per_s:.0}/s"
            ),
            Self::Quiet {
                peak_records_per_s,
                peak_bytes_per_s,
                quiet_ms,
            } => write!(
                f,
                "both together took at most {peak_records_per_s:.0} records/s and {peak_bytes_per_s:.0} bytes/s within {}",
                Seconds(*quiet_ms)
            ),
            Self::OneKey {
                shard,
                hash_key,
                partition_key,
                share,
            } => {
                write!(f, "{shard} is hot because of one key, ")?;
                match partition_key {
                    Some(key) => write!(f, "{key:?}")?,
                    None => write!(f, "hash key {hash_key}")?,
                }
                write!(
                    f,
                    ", with {:.0} % of its traffic: no split helps",
                    share * 100.0
                )
            }
            Self::MiddleUnknown { shard } => {
                write!(
                    f,
                    "{shard} is hot, and where its middle is has not been measured yet"
                )
            }
            Self::BoundByShards { workers, wanted } => write!(
                f,
                "{wanted} workers are wanted, and the shards keep {workers} busy"
            ),
            Self::AtMost { what, max, wanted } => {
                write!(f, "{wanted} {what} are wanted, and {max} are the most")
            }
            Self::StandsStill {
                backlog_records,
                workers,
            } => write!(
                f,
                "{workers} workers finish nothing though {backlog_records} records are left: more of them do not help \
                 whatever they wait for"
            ),
            Self::DidNotHelp {
                workers_before,
                workers_after,
                read_before_per_s,
                read_now_per_s,
            } => write!(
                f,
                "{workers_after} workers do {read_now_per_s:.0} records/s, and {workers_before} did \
                 {read_before_per_s:.0}/s: something that they share is the limit"
            ),
            Self::TooFewLooks => {
                f.write_str("too little was seen since the start, or since the last change")
            }
            Self::ScalerEnds => f.write_str("the scaler ends, and its workers with it"),
            Self::Settling { left_ms } => {
                write!(f, "the last change settles for {} more", Seconds(*left_ms))
            }
            Self::CoolingDown { left_ms } => write!(
                f,
                "the cool-down after the last change takes {} more",
                Seconds(*left_ms)
            ),
            Self::NotQuietYet { quiet_ms } => write!(
                f,
                "fewer would be enough now, but were not throughout the last {}",
                Seconds(*quiet_ms)
            ),
            Self::UnevenlyDealt {
                worker,
                shards,
                records_per_s,
                worker_records_per_s,
            } => write!(
                f,
                "with fewer workers {worker} could have {shards} shards with {records_per_s:.0} records/s to do, and does \
                 {worker_records_per_s:.0}/s: leases are dealt out too unevenly for anybody to go"
            ),
            Self::StillRising {
                before_per_s,
                now_per_s,
            } => write!(
                f,
                "{now_per_s:.0} records/s come where {before_per_s:.0} came at the look before: the next one will show how many \
                 it is going to be"
            ),
            Self::CatchingUp {
                behind_ms,
                goal_ms,
                drain_ms,
            } => {
                write!(
                    f,
                    "{} behind, and {} are the goal: ",
                    Seconds(*behind_ms),
                    Seconds(*goal_ms)
                )?;
                match drain_ms {
                    Some(ms) => write!(f, "what there is will have done it in {}", Seconds(*ms)),
                    None => f.write_str(
                        "what there is does not get less, and nothing is known that would help",
                    ),
                }
            }
            Self::OnGoal { behind_ms, goal_ms } => write!(
                f,
                "{} behind, and {} are the goal",
                Seconds(*behind_ms),
                Seconds(*goal_ms)
            ),
        }
    }
}
