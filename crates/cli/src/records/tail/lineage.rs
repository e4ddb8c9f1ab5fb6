//! Which shard is read when: a child after all its parents.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kinesis::types::{ChildShard, Shard};

use crate::streams::shards::is_open;

/// The family tree of a stream's shards, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct Lineage {
    /// Shards that are not to be waited for: read to their end, or never to be read.
    settled: BTreeSet<String>,
    /// Children that wait for parents.
    waiting: BTreeMap<String, Vec<String>>,
    /// Shards that were listed at the start.
    listed: BTreeSet<String>,
}

impl Lineage {
    /// Reading starts at the shards that are open; closed ones are past.
    pub(super) fn start_at_open_shards(&mut self, shards: &[Shard]) -> Vec<String> {
        self.listed = shards.iter().map(|shard| shard.shard_id.clone()).collect();
        let (open, closed): (Vec<&Shard>, Vec<&Shard>) =
            shards.iter().partition(|shard| is_open(shard));
        self.settled = closed.iter().map(|shard| shard.shard_id.clone()).collect();
        open.iter().map(|shard| shard.shard_id.clone()).collect()
    }

    /// Reading starts at the shards whose parents are no longer listed.
    pub(super) fn start_at_oldest_shards(&mut self, shards: &[Shard]) -> Vec<String> {
        self.listed = shards.iter().map(|shard| shard.shard_id.clone()).collect();
        let is_listed = |parent: &Option<String>| {
            parent
                .as_ref()
                .is_some_and(|parent| self.listed.contains(parent))
        };
        shards
            .iter()
            .filter(|shard| {
                !is_listed(&shard.parent_shard_id) && !is_listed(&shard.adjacent_parent_shard_id)
            })
            .map(|shard| shard.shard_id.clone())
            .collect()
    }

    /// Children that the end of a shard named.
    pub(super) fn add_children(&mut self, children: &[ChildShard]) {
        for child in children {
            if !self.settled.contains(&child.shard_id) {
                self.waiting
                    .insert(child.shard_id.clone(), child.parent_shards.clone());
            }
        }
    }

    /// Marks a shard as read to its end; returns the children that may be read now.
    pub(super) fn finished(&mut self, shard: &str) -> Vec<String> {
        self.settled.insert(shard.to_owned());
        let ready: Vec<String> = self
            .waiting
            .iter()
            .filter(|(_, parents)| parents.iter().all(|parent| self.is_settled(parent)))
            .map(|(child, _)| child.clone())
            .collect();
        for child in &ready {
            self.waiting.remove(child);
        }
        ready
    }

    /// Ids grow: a shard older than the newest listed one, but not listed itself, has been dropped with its records.
    fn is_settled(&self, shard: &str) -> bool {
        let is_dropped = !self.listed.contains(shard)
            && self
                .listed
                .last()
                .is_some_and(|newest| shard < newest.as_str());
        is_dropped || self.settled.contains(shard)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::types::{HashKeyRange, SequenceNumberRange};

    use super::*;

    fn shard(id: &str, parents: &[&str], is_closed: bool) -> Shard {
        Shard::builder()
            .shard_id(id)
            .set_parent_shard_id(parents.first().map(|&id| id.to_owned()))
            .set_adjacent_parent_shard_id(parents.get(1).map(|&id| id.to_owned()))
            .sequence_number_range(
                SequenceNumberRange::builder()
                    .starting_sequence_number("1")
                    .set_ending_sequence_number(is_closed.then(|| "2".to_owned()))
                    .build()
                    .unwrap(),
            )
            .build()
            .unwrap()
    }

    fn child(id: &str, parents: &[&str]) -> ChildShard {
        ChildShard::builder()
            .shard_id(id)
            .set_parent_shards(Some(parents.iter().map(|&id| id.to_owned()).collect()))
            .hash_key_range(
                HashKeyRange::builder()
                    .starting_hash_key("0")
                    .ending_hash_key("1")
                    .build()
                    .unwrap(),
            )
            .build()
            .unwrap()
    }

    #[test]
    fn a_merged_shard_waits_for_both_parents() {
        let mut lineage = Lineage::default();
        let listed = [shard("s0", &[], false), shard("s1", &[], false)];
        assert_eq!(lineage.start_at_open_shards(&listed), ["s0", "s1"]);
        lineage.add_children(&[child("s2", &["s0", "s1"])]);
        assert!(lineage.finished("s0").is_empty());
        lineage.add_children(&[child("s2", &["s0", "s1"])]);
        assert_eq!(lineage.finished("s1"), ["s2"]);
    }

    #[test]
    fn a_merged_shard_waits_for_a_parent_that_is_not_known_yet() {
        let mut lineage = Lineage::default();
        lineage.start_at_open_shards(&[shard("s0", &[], false), shard("s1", &[], false)]);
        // s0 was split into s2 and s3, then s3 and s1 were merged into s4; the end of s1 is read first.
        lineage.add_children(&[child("s4", &["s3", "s1"])]);
        assert!(lineage.finished("s1").is_empty());
        lineage.add_children(&[child("s2", &["s0"]), child("s3", &["s0"])]);
        assert_eq!(lineage.finished("s0"), ["s2", "s3"]);
        lineage.add_children(&[child("s4", &["s3", "s1"])]);
        assert_eq!(lineage.finished("s3"), ["s4"]);
    }

    #[test]
    fn shards_that_ended_before_the_start_are_not_waited_for() {
        let listed = [
            shard("s1", &["s0"], true),
            shard("s2", &["s0"], false),
            shard("s3", &["s1"], false),
        ];
        let mut lineage = Lineage::default();
        assert_eq!(lineage.start_at_open_shards(&listed), ["s2", "s3"]);
        lineage.add_children(&[child("s4", &["s2", "s1"])]);
        assert_eq!(lineage.finished("s2"), ["s4"]);
        let mut lineage = Lineage::default();
        assert_eq!(lineage.start_at_oldest_shards(&listed), ["s1", "s2"]);
        lineage.add_children(&[child("s3", &["s1", "s0"])]);
        assert_eq!(lineage.finished("s1"), ["s3"], "s0 is no longer listed");
    }
}
