//! The state: all streams of all accounts and regions, and how a decision changes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_types::{AccountId, Region, StreamMode, StreamName};

use crate::command::CommandEntry;
use crate::commitment::Commitment;
use crate::decision::{Decided, Decision};
use crate::rejected::Rejected;
use crate::stream::{Stream, StreamId, StreamKey};
use crate::token_key::TokenKey;

/// Days in the past after which the creation second of a deleted stream is remembered only as part of a floor.
const NAMESAKE_KEPT_S: u64 = 24 * 60 * 60;
/// A sweep of what is remembered of deleted streams follows every so many of them.
const NAMESAKES_PER_SWEEP: usize = 256;

/// All streams of all accounts and regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    pub(crate) token_key: Option<TokenKey>,
    /// Number of the last stream that was begun; ids start at 1.
    pub(crate) last_stream_id: u64,
    /// Number of the last log that was asked for; ids start at 1.
    pub(crate) last_log_id: u64,
    pub(crate) by_id: BTreeMap<StreamId, Arc<Stream>>,
    pub(crate) by_name: BTreeMap<AccountId, BTreeMap<Region, InRegion>>,
    /// Shards of all streams, closed ones included.
    pub(crate) shard_count: u64,
    /// Creation second of the youngest shard or consumer of a deleted stream: a namesake starts above it.
    pub(crate) namesakes: BTreeMap<StreamKey, u64>,
    /// No new stream starts at or below this second; covers namesakes that are no longer remembered one by one.
    pub(crate) namesakes_floor_s: u64,
    /// Of accounts that ever committed themselves to a least throughput.
    pub(crate) commitments: BTreeMap<AccountId, BTreeMap<Region, Commitment>>,
}

/// The streams of one account and region, and what is counted over them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct InRegion {
    streams: BTreeMap<StreamName, Arc<Stream>>,
    shards_in_quota: u64,
    on_demand_streams: u64,
}

impl InRegion {
    fn add(&mut self, stream: &Stream) {
        self.shards_in_quota += stream.shards_in_quota();
        self.on_demand_streams += u64::from(stream.mode == StreamMode::OnDemand);
    }

    fn subtract(&mut self, stream: &Stream) {
        self.shards_in_quota -= stream.shards_in_quota();
        self.on_demand_streams -= u64::from(stream.mode == StreamMode::OnDemand);
    }
}

/// What a command did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The stream that it made, changed or removed.
    pub stream: Option<StreamId>,
}

impl Catalog {
    /// Applies one command.
    ///
    /// # Errors
    /// A rejected command leaves the catalog as it is; the same command is rejected by every replay.
    pub fn apply(&mut self, entry: &CommandEntry) -> Result<Applied, Rejected> {
        let decided = self.decide(entry)?;
        Ok(self.commit(decided))
    }

    /// The stream with this name.
    pub fn find(&self, account: &AccountId, region: &Region, name: &str) -> Option<&Arc<Stream>> {
        self.in_region(account, region)?.get(name)
    }

    /// The stream with this id.
    pub fn get(&self, id: StreamId) -> Option<&Arc<Stream>> {
        self.by_id.get(&id)
    }

    /// The streams of one account and region by name; `None` where there never was one.
    pub fn in_region(
        &self,
        account: &AccountId,
        region: &Region,
    ) -> Option<&BTreeMap<StreamName, Arc<Stream>>> {
        Some(&self.by_name.get(account)?.get(region)?.streams)
    }

    /// How many shards all streams have, closed ones included.
    pub fn shard_count(&self) -> u64 {
        self.shard_count
    }

    /// All streams in the order of their creation.
    pub fn streams(&self) -> impl Iterator<Item = &Arc<Stream>> {
        self.by_id.values()
    }

    /// The streams whose id is above `after`.
    pub fn streams_after(&self, after: StreamId) -> impl Iterator<Item = &Arc<Stream>> {
        let range = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        self.by_id.range(range).map(|(_, stream)| stream)
    }

    /// The key of iterators and tokens, once it is set.
    pub fn token_key(&self) -> Option<&TokenKey> {
        self.token_key.as_ref()
    }

    /// The commitment of an account in a region; `None` if there never was one.
    pub fn commitment(&self, account: &AccountId, region: &Region) -> Option<&Commitment> {
        self.commitments.get(account)?.get(region)
    }

    /// Shards that count toward the account's quota in a region: those of provisioned streams that take records or
    /// are being created.
    pub fn shards_in_quota(&self, account: &AccountId, region: &Region) -> u64 {
        let counted = self.by_name.get(account).and_then(|one| one.get(region));
        counted.map_or(0, |one| one.shards_in_quota)
    }

    /// How many on-demand streams an account has in a region.
    pub fn on_demand_streams(&self, account: &AccountId, region: &Region) -> u64 {
        let counted = self.by_name.get(account).and_then(|one| one.get(region));
        counted.map_or(0, |one| one.on_demand_streams)
    }

    /// Makes a change that [`decide`](Self::decide) worked out on this state; nothing may have come in between.
    pub fn commit(&mut self, Decided(decision): Decided) -> Applied {
        match decision {
            Decision::SetTokenKey(key) => {
                self.token_key = Some(key);
                Applied { stream: None }
            }
            Decision::SetCommitment {
                account,
                region,
                commitment,
            } => {
                let regions = self.commitments.entry(account).or_default();
                regions.insert(region, commitment);
                Applied { stream: None }
            }
            Decision::Nothing => Applied { stream: None },
            Decision::Store { stream, logs_used } => {
                let id = stream.id;
                self.last_stream_id = self.last_stream_id.max(id.0);
                self.last_log_id += logs_used;
                self.store(Arc::new(*stream));
                Applied { stream: Some(id) }
            }
            Decision::Remove { id, now_s } => {
                self.remove(id, now_s);
                Applied { stream: Some(id) }
            }
        }
    }

    pub(crate) fn store(&mut self, stream: Arc<Stream>) {
        let StreamKey {
            account,
            region,
            name,
        } = stream.key.clone();
        let before = self.by_id.insert(stream.id, Arc::clone(&stream));
        let regions = self.by_name.entry(account).or_default();
        let in_region = regions.entry(region).or_default();
        if let Some(before) = before {
            self.shard_count -= before.shard_count() as u64;
            in_region.subtract(&before);
        }
        self.shard_count += stream.shard_count() as u64;
        in_region.add(&stream);
        in_region.streams.insert(name, stream);
    }

    fn remove(&mut self, id: StreamId, now_s: u64) {
        let Some(stream) = self.by_id.remove(&id) else {
            return;
        };
        self.shard_count -= stream.shard_count() as u64;
        let key = &stream.key;
        if let Some(regions) = self.by_name.get_mut(&key.account) {
            if let Some(in_region) = regions.get_mut(&key.region) {
                in_region.subtract(&stream);
                in_region.streams.remove(&key.name);
                if in_region.streams.is_empty() {
                    regions.remove(&key.region);
                }
            }
            if regions.is_empty() {
                self.by_name.remove(&key.account);
            }
        }
        self.namesakes.insert(key.clone(), stream.last_second());
        if self.namesakes.len().is_multiple_of(NAMESAKES_PER_SWEEP) {
            self.sweep_namesakes(now_s);
        }
    }

    fn sweep_namesakes(&mut self, now_s: u64) {
        let floor_s = &mut self.namesakes_floor_s;
        self.namesakes.retain(|_, created_s| {
            let keep = created_s.saturating_add(NAMESAKE_KEPT_S) >= now_s;
            if !keep {
                *floor_s = (*floor_s).max(*created_s);
            }
            keep
        });
    }

    /// The lowest second at which a stream with this key may be created.
    pub(crate) fn created_s_min(&self, key: &StreamKey) -> u64 {
        let namesake_s = self.namesakes.get(key).copied().unwrap_or(0);
        namesake_s.max(self.namesakes_floor_s).saturating_add(1)
    }
}
