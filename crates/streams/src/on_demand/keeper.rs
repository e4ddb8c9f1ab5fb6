//! Looks at what on-demand streams take, and has their shards split and merged.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_catalog::{
    Command, Rejected, Shard, ShardCommand, SplitAt, Stream, StreamCommand, StreamId,
};
use millstream_types::limits::SHARDS_PER_STREAM_MAX;
use millstream_types::{
    HashKey, Reshards, ScalingRecord, ScalingRecorder, ShardId, StreamMode, StreamStatus,
    TimestampMs, WallClock,
};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::decide::{Decision, HOT, Load, QUIET, SHARDS_MIN, ShardNow, StreamNow};
use super::key_sample::Middle;
use super::traffic::{ShardKey, Taken, Traffic};
use crate::command_log::{CommandLog, ProposeError};
use crate::view::View;

/// A look that follows sooner measures too little; what came is part of the next one.
const LOOK_MS_MIN: u64 = 1_000;
/// Most splits and merges that one look begins, over all streams.
const RESHARDS_PER_LOOK_MAX: usize = 1_000;
/// Neighbours are looked for this often.
const MERGES_MS: u64 = 60 * 60 * 1000;
/// A shard rests once it was quiet for this long.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// And where the owner says what capacity is to be there.
const HOUR_MS: u64 = 60 * 60 * 1000;

/// Keeps the shards of on-demand streams as their traffic needs them.
#[derive(Debug)]
pub(crate) struct Keeper {
    clock: Arc<dyn WallClock>,
    view: Arc<View>,
    commands: CommandLog,
    traffic: Arc<Traffic>,
    recorder: Option<Arc<dyn ScalingRecorder>>,
    seen: Mutex<Seen>,
    /// Splits and merges that were begun.
    begun: [AtomicU64; 2],
}

/// What is remembered between looks: of shards that were busy within a day, and of nothing else.
#[derive(Debug)]
struct Seen {
    began: TimestampMs,
    looked_ms: u64,
    merged: TimestampMs,
    busy: HashMap<ShardKey, TimestampMs>,
    /// Shards of which was told that no split helps them.
    told: HashMap<ShardKey, TimestampMs>,
}

/// What shards of one stream took.
type OfStream = HashMap<ShardId, Taken>;

impl Keeper {
    pub(crate) fn new(
        clock: Arc<dyn WallClock>,
        view: Arc<View>,
        commands: CommandLog,
        traffic: Arc<Traffic>,
        recorder: Option<Arc<dyn ScalingRecorder>>,
    ) -> Self {
        let began = clock.now();
        let seen = Seen {
            began,
            looked_ms: clock.monotonic_ms(),
            merged: began,
            busy: HashMap::new(),
            told: HashMap::new(),
        };
        Self {
            clock,
            view,
            commands,
            traffic,
            recorder,
            seen: Mutex::new(seen),
            begun: Default::default(),
        }
    }

    /// How many splits or merges were begun.
    pub(crate) fn begun(&self, of: Reshards) -> u64 {
        self.begun[of as usize].load(Ordering::Relaxed)
    }

    /// Looks again and again until it is stopped.
    pub(crate) async fn run(self: Arc<Self>, interval: Duration, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(interval))
            .await
            .is_some()
        {
            self.look().await;
        }
    }

    /// Looks once at everything that took records since the last look, and now and then at the others.
    pub(crate) async fn look(&self) {
        let mut seen = self.seen.lock().await;
        let (now, monotonic_ms) = (self.clock.now(), self.clock.monotonic_ms());
        let elapsed_ms = monotonic_ms.saturating_sub(seen.looked_ms);
        if elapsed_ms < LOOK_MS_MIN {
            return;
        }
        seen.looked_ms = monotonic_ms;
        let mut taken: BTreeMap<StreamId, OfStream> = BTreeMap::new();
        for ((stream, shard), of_shard) in self.traffic.take() {
            taken.entry(stream).or_default().insert(shard, of_shard);
        }
        let merges = now.ms_since(seen.merged) >= MERGES_MS;
        if merges {
            seen.merged = now;
            seen.busy.retain(|_, time| now.ms_since(*time) < DAY_MS);
            seen.told.retain(|_, time| now.ms_since(*time) < DAY_MS);
            for id in self.resting(&taken) {
                taken.insert(id, OfStream::new());
            }
        }
        let mut left = RESHARDS_PER_LOOK_MAX;
        for (id, of_stream) in taken {
            let stream = self.view.get(id);
            let scales = |stream: &Arc<Stream>| {
                stream.mode == StreamMode::OnDemand && stream.status == StreamStatus::Active
            };
            if let Some(stream) = stream.filter(scales) {
                let looked = Look {
                    now,
                    elapsed_ms,
                    merges,
                    reshards_max: left,
                };
                left -= self.look_at(&stream, of_stream, looked, &mut seen).await;
            }
        }
    }

    /// Streams that took nothing and have more shards than they must.
    fn resting(&self, taken: &BTreeMap<StreamId, OfStream>) -> Vec<StreamId> {
        self.view.read(|catalog| {
            let on_demand = catalog.streams().filter(|stream| {
                stream.mode == StreamMode::OnDemand && stream.open_shards().len() > SHARDS_MIN
            });
            let ids = on_demand.map(|stream| stream.id);
            ids.filter(|id| !taken.contains_key(id)).collect()
        })
    }

    /// How many splits and merges were begun.
    async fn look_at(
        &self,
        stream: &Stream,
        taken: OfStream,
        look: Look,
        seen: &mut Seen,
    ) -> usize {
        let shards = look.shards(stream, taken, seen);
        let load = Load(shards.iter().map(|shard| shard.load.0).sum());
        let peak = stream.write_peak(look.now).max(load.0);
        let now = StreamNow {
            shards: &shards,
            peak: Load(peak),
            warm_mibps: stream.warm_throughput_mibps,
            shards_max: SHARDS_PER_STREAM_MAX as usize,
            reshards_max: look.reshards_max,
        };
        for shard in &shards {
            // Its middle is known by the time that it is hot, or is needed for the capacity.
            if shard.load.0 > HOT.0 / 2 {
                self.traffic.watch((stream.id, shard.id));
            }
        }
        tell_helpless(stream, &now, look.now, seen);
        self.note_peak(stream, load, look.now).await;
        let (command, record) = match now.decide() {
            Decision::Nothing => return 0,
            Decision::Merge(_) if !look.merges => return 0,
            Decision::Split(splits) => splitting(stream, &now, load, &splits),
            Decision::Merge(merges) => merging(stream, &now, load, &merges),
        };
        if !self.propose(stream, command).await {
            return 0;
        }
        tell(&record);
        if let Some(recorder) = &self.recorder {
            recorder.scaled(&record);
        }
        let begun = record.shards_before.abs_diff(record.shards_after);
        self.begun[record.reshards as usize].fetch_add(begun as u64, Ordering::Relaxed);
        begun
    }

    /// Keeps a new peak where it outlives a restart. Small steps are not worth a command, nor is what the least number
    /// of shards takes twice over.
    async fn note_peak(&self, stream: &Stream, load: Load, now: TimestampMs) {
        let known = stream.write_peak_of_day(now);
        let is_new = load.0 > known.saturating_add(known / 16);
        let matters = load.0.div_ceil(super::decide::SHARD_BYTES_PER_S) * 2 > SHARDS_MIN as u64;
        if is_new && matters {
            let command = StreamCommand::NoteWritePeak {
                id: stream.id,
                bytes_per_s: load.0,
            };
            self.propose(stream, command).await;
        }
    }

    /// Whether the command was applied. What is rejected was overtaken: the next look sees what there is then.
    async fn propose(&self, stream: &Stream, command: impl Into<Command>) -> bool {
        match self.commands.propose(command).await {
            Ok(_) => true,
            Err(ProposeError::Rejected(reason)) => {
                let is_overtaken =
                    matches!(reason, Rejected::NotActive(_) | Rejected::NoSuchStream);
                if !is_overtaken {
                    tracing::warn!(stream = %stream.key, %reason, "an on-demand stream is not scaled");
                }
                false
            }
            Err(error) => {
                tracing::warn!(stream = %stream.key, %error, "an on-demand stream is not scaled now");
                false
            }
        }
    }
}

/// One look.
#[derive(Debug, Clone, Copy)]
struct Look {
    now: TimestampMs,
    elapsed_ms: u64,
    /// Whether neighbours may be merged this time.
    merges: bool,
    reshards_max: usize,
}

impl Look {
    /// The stream's open shards and what is known of them.
    fn shards(self, stream: &Stream, mut taken: OfStream, seen: &mut Seen) -> Vec<ShardNow> {
        let rests_after_ms = match stream.warm_throughput_mibps {
            Some(_) => HOUR_MS,
            None => DAY_MS,
        };
        let shard = |shard: &Shard| {
            let Taken {
                bytes,
                records,
                sample,
            } = taken.remove(&shard.id).unwrap_or_default();
            let load = Load::of(bytes, records, self.elapsed_ms);
            let key = (stream.id, shard.id);
            if load > QUIET {
                seen.busy.insert(key, self.now);
            }
            let busy = seen.busy.get(&key).copied().unwrap_or_default();
            let since = busy.max(shard.opened_ms).max(seen.began);
            ShardNow {
                id: shard.id,
                range: shard.range,
                load,
                middle: sample.map_or(Middle::Unknown, |sample| sample.middle(shard.range)),
                rests: self.now.ms_since(since) >= rests_after_ms,
            }
        };
        stream.open_shards().iter().map(shard).collect()
    }
}

fn splitting<'a>(
    stream: &'a Stream,
    now: &StreamNow<'_>,
    load: Load,
    splits: &[(ShardId, HashKey)],
) -> (ShardCommand, ScalingRecord<'a>) {
    let split = |(shard, key): &(ShardId, HashKey)| SplitAt {
        shard: *shard,
        new_starting_hash_key: *key,
    };
    let command = ShardCommand::BeginScaleOnDemand {
        id: stream.id,
        splits: splits.iter().map(split).collect(),
        merges: Vec::new(),
    };
    let after = now.shards.len() + splits.len();
    (command, record(stream, now, load, Reshards::Splits, after))
}

fn merging<'a>(
    stream: &'a Stream,
    now: &StreamNow<'_>,
    load: Load,
    merges: &[(ShardId, ShardId)],
) -> (ShardCommand, ScalingRecord<'a>) {
    let command = ShardCommand::BeginScaleOnDemand {
        id: stream.id,
        splits: Vec::new(),
        merges: merges.to_vec(),
    };
    let after = now.shards.len() - merges.len();
    (command, record(stream, now, load, Reshards::Merges, after))
}

fn record<'a>(
    stream: &'a Stream,
    now: &StreamNow<'_>,
    load: Load,
    reshards: Reshards,
    shards_after: usize,
) -> ScalingRecord<'a> {
    let busiest = now.shards.iter().max_by_key(|shard| shard.load);
    ScalingRecord {
        account: &stream.key.account,
        region: &stream.key.region,
        stream: &stream.key.name,
        reshards,
        shards_before: now.shards.len(),
        shards_after,
        shards_wanted: now.wanted(),
        bytes_per_s: load.0,
        peak_bytes_per_s: now.peak.0,
        busiest: busiest.map(|shard| (shard.id, shard.load.0)),
    }
}

fn tell(record: &ScalingRecord<'_>) {
    let (busiest, busiest_bytes_per_s) = record.busiest.unzip();
    tracing::info!(
        stream = %format_args!("{}/{}/{}", record.account, record.region, record.stream),
        reshards = record.reshards.label(),
        shards_before = record.shards_before,
        shards_after = record.shards_after,
        shards_wanted = record.shards_wanted,
        bytes_per_s = record.bytes_per_s,
        peak_bytes_per_s = record.peak_bytes_per_s,
        busiest = busiest.map(tracing::field::display),
        busiest_bytes_per_s,
        "an on-demand stream is scaled"
    );
}

/// Tells, once until it has been calm for a day, of a shard that is hot because of one key.
fn tell_helpless(stream: &Stream, now: &StreamNow<'_>, time: TimestampMs, seen: &mut Seen) {
    for shard in now.helpless() {
        if seen.told.insert((stream.id, shard.id), time).is_none() {
            tracing::warn!(
                stream = %stream.key,
                shard_id = %shard.id,
                bytes_per_s = shard.load.0,
                "a shard of an on-demand stream is hot, and no split helps: nearly all of it has one hash key"
            );
        }
    }
}
