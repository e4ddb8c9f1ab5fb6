//! Does what was decided, and asserts that it can be done and that it is no folly.

use millstream_types::{HashKey, HashKeyRange, ShardId, TimestampMs};

use super::{LOOK_MS, ONE_KEY, SOON_LOOKS, World};
use crate::observation::{can_be_cut, parts_at};
use crate::{Change, Decision, ShardChange};

impl World {
    /// Does what was decided.
    pub(crate) fn apply(&mut self, look: u64, decision: &Decision) -> Change {
        let read = self.shards.iter().map(|shard| shard.read).sum();
        let open = |world: &Self| world.shards.iter().filter(|shard| shard.is_open).count() as u32;
        let (workers_before, shards_before) = (self.workers.len() as u32, open(self));
        if let Some(change) = &decision.workers {
            for _ in change.from..change.to {
                self.start_worker();
            }
            let gone = change.from.saturating_sub(change.to) as usize;
            assert_eq!(
                change.hand_over.len(),
                gone,
                "who is stopped hands over first: {change:?}"
            );
            for id in &change.hand_over {
                self.stop_worker(id);
            }
        }
        for change in &decision.shards {
            match *change {
                ShardChange::Split {
                    shard,
                    new_starting_hash_key,
                    ref further,
                    ..
                } => {
                    self.split(look, shard, new_starting_hash_key);
                    for key in further {
                        let part = self.open_at(*key);
                        self.split(look, part, *key);
                    }
                }
                ShardChange::Merge {
                    shard, adjacent, ..
                } => self.merge(look, shard, adjacent),
            }
        }
        Change {
            at: TimestampMs((look + 1) * LOOK_MS),
            workers_before,
            workers_after: self.workers.len() as u32,
            shards_before,
            shards_after: open(self),
            read_records_per_s: read,
        }
    }

    fn stop_worker(&mut self, id: &str) {
        let at = self
            .workers
            .iter()
            .position(|worker| **worker == *id)
            .expect("it is there");
        self.workers.remove(at);
        let at = at as u32;
        for shard in &mut self.shards {
            shard.owner = match shard.owner {
                Some(owner) if owner == at => None,
                Some(owner) if owner > at => Some(owner - 1),
                other => other,
            };
        }
    }

    fn open_at(&self, key: HashKey) -> ShardId {
        let mut shards = self.shards.iter();
        let found = shards.find(|shard| shard.is_open && shard.range.contains(key));
        found.expect("the keys are covered").id
    }

    fn close(&mut self, id: ShardId) -> HashKeyRange {
        let shard = self
            .shards
            .iter_mut()
            .find(|shard| shard.id == id)
            .expect("it is there");
        assert!(shard.is_open, "{id} is open");
        shard.is_open = false;
        shard.range
    }

    fn split(&mut self, look: u64, id: ShardId, key: HashKey) {
        let shard = self.shards.iter().find(|shard| shard.id == id);
        let merged = shard.and_then(|shard| Some((shard.merged?, shard.incoming)));
        if let Some(((merged, took), takes)) = merged {
            let is_soon = look - merged <= SOON_LOOKS;
            assert!(
                !is_soon || takes > 1.15 * took,
                "{id} is split, merged at {merged} with {took}, at {look} with {takes}"
            );
        }
        let range = self.close(id);
        assert!(can_be_cut(range, key), "{id} {key}");
        let one_key = self.share_of_one_key(range).unwrap_or(0.0);
        assert!(
            one_key <= ONE_KEY,
            "{id} is split although one key has {one_key} of its traffic"
        );
        for part in parts_at(range, key) {
            self.open(part, vec![id]);
        }
    }

    fn merge(&mut self, look: u64, id: ShardId, adjacent: ShardId) {
        let (low, high) = (self.close(id), self.close(adjacent));
        assert!(low.is_followed_by(&high), "{id} {adjacent}");
        let range = HashKeyRange {
            start: low.start,
            end: high.end,
        };
        let took = |id| {
            self.shards
                .iter()
                .filter(move |shard| shard.id == id)
                .map(|shard| shard.incoming)
                .sum::<f64>()
        };
        let merged = Some((look, took(id) + took(adjacent)));
        self.open(range, vec![id, adjacent]);
        self.shards.last_mut().expect("it was opened").merged = merged;
    }
}
