//! The shards of a stream: copies of a stream share them until they change.

use std::collections::BTreeMap;
use std::sync::Arc;

use millstream_types::{HashKey, ShardId};

use crate::closed_shards::ClosedRow;
use crate::open_shards::OpenShards;
use crate::shard::{Shard, ShardState};
use crate::stream::Stream;

impl Stream {
    /// The shard with this id, unless it never was or is removed.
    pub fn shard(&self, id: ShardId) -> Option<Shard> {
        match self.open.get(id) {
            Some(open) => Some(*open),
            None => self.closed.get(id).map(|row| row.shard),
        }
    }

    /// Whether the shard is there and takes records.
    pub fn is_open(&self, id: ShardId) -> bool {
        self.open.get(id).is_some()
    }

    /// How many shards there are, closed ones included.
    pub fn shard_count(&self) -> usize {
        self.open_shards().len() + self.closed.len()
    }

    /// Shards in order of index, from `first` on: those that take records, and closed ones that may still hold some.
    pub fn shards_from(&self, first: ShardId) -> impl Iterator<Item = Shard> {
        let mut open = self.open.from(first).peekable();
        let mut closed = self.closed.from(first).map(|row| row.shard).peekable();
        std::iter::from_fn(move || match (open.peek(), closed.peek()) {
            (Some(one), Some(other)) if other.id < one.id => closed.next(),
            (Some(_), _) => open.next().copied(),
            (None, _) => closed.next(),
        })
    }

    /// All shards in order of index.
    pub fn shards(&self) -> impl Iterator<Item = Shard> {
        self.shards_from(ShardId::FIRST)
    }

    /// Position, among the [open shards](Self::open_shards), of the one that takes records with this hash key; `None`
    /// while the stream is being created.
    pub fn route(&self, key: HashKey) -> Option<usize> {
        self.open.route(key)
    }

    /// A hash key whose place among the open shards, and inside of its shard's range, is as far along as `fraction` of
    /// 2^64; `None` while the stream is being created. Fractions that are spread evenly hit all shards equally often,
    /// however wide their ranges are.
    pub fn hash_key_at(&self, fraction: u64) -> Option<HashKey> {
        let place = u128::from(fraction) * self.open_shards().len() as u128;
        let shard = self.open_shards().get(usize::try_from(place >> 64).ok()?)?;
        let inside = place & u128::from(u64::MAX);
        let width = shard.range.end.0 - shard.range.start.0;
        // The 192-bit product of width and fraction, without its lower 64 bits.
        let offset = (width >> 64) * inside + (((width & u128::from(u64::MAX)) * inside) >> 64);
        Some(HashKey(shard.range.start.0 + offset))
    }

    /// The shards that take records, in the order of their ranges.
    pub fn open_shards(&self) -> &[Shard] {
        self.open.as_slice()
    }

    /// The shards that followed a closed one, as far as they are there.
    pub fn children_of(&self, parent: ShardId) -> impl Iterator<Item = Shard> {
        let row = self.closed.get(parent);
        let (first, count) = row.map_or((0, 0), |row| (row.first_child, row.children));
        (first..)
            .take(usize::from(count))
            .filter_map(|index| self.shard(ShardId::new(index)?))
    }

    /// Makes these the shards that take records; no shard closes.
    pub(crate) fn set_open(&mut self, shards: Vec<Shard>) {
        self.open = Arc::new(OpenShards::new(shards));
    }

    /// Closed shards, in any order, give way to those that follow them.
    pub(crate) fn hand_over(&mut self, mut closed: Vec<ClosedRow>, opened: Vec<Shard>) {
        closed.sort_by_key(|row| row.shard.id);
        let is_closed = |shard: &Shard| {
            let found = closed.binary_search_by_key(&shard.id, |row| row.shard.id);
            found.is_ok()
        };
        let stay = self.open_shards().iter().filter(|shard| !is_closed(shard));
        let open = stay.copied().chain(opened).collect();
        self.set_open(open);
        self.closed = Arc::new(self.closed.with(&closed));
    }

    /// Forgets closed shards.
    pub(crate) fn forget_closed(&mut self, ids: &[ShardId]) {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        self.closed = Arc::new(self.closed.without(&ids));
    }

    /// To be called after a stream was read from a snapshot: closed shards may stand among the open ones there.
    pub(crate) fn settle(&mut self) {
        let is_open = |shard: &&Shard| !shard.is_closed();
        if self.open_shards().iter().all(|shard| is_open(&shard)) {
            return;
        }
        // First child and number of children by parent.
        let mut children: BTreeMap<ShardId, (u32, u8)> = BTreeMap::new();
        for child in self.open.from(ShardId::FIRST) {
            for parent in child.parent.into_iter().chain(child.adjacent_parent) {
                children.entry(parent).or_insert((child.id.index(), 0)).1 += 1;
            }
        }
        let closed = self.open.from(ShardId::FIRST).filter(|one| one.is_closed());
        let row = |shard: &Shard| {
            let (first_child, children) = children.get(&shard.id).copied().unwrap_or((0, 0));
            ClosedRow {
                shard: *shard,
                first_child,
                children,
            }
        };
        let closed: Vec<ClosedRow> = closed.map(row).collect();
        self.hand_over(closed, Vec::new());
    }
}

impl Shard {
    /// The shard once its log is closed.
    pub(crate) fn closed_at(self, end: u64, closed_ms: millstream_types::TimestampMs) -> Self {
        Self {
            state: ShardState::Closed { end, closed_ms },
            ..self
        }
    }
}
