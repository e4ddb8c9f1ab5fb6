//! Records that a simulation puts on its stream.

use millstream_aggregation::{Aggregator, UserRecord};
use rand::Rng;

use super::fleet::Simulation;

impl Simulation {
    pub(super) fn put(&mut self, records: u32) {
        for _ in 0..records {
            match self.rng.random_range(0..8) {
                0 => self.put_joined(),
                // Looks joined, and is not.
                1 => self.put_plain(vec![0xF3, 0x89, 0x9A, 0xC2, 1]),
                _ => self.put_plain(Vec::new()),
            }
        }
    }

    fn put_plain(&mut self, data: Vec<u8>) {
        let key: u32 = self.rng.random_range(0..1000);
        let (_, number) = self.stream.put(&format!("key-{key}"), data);
        self.note_put(number, vec![0]);
    }

    /// Some user records in one record of the stream, placed by the first; others may belong to another shard.
    fn put_joined(&mut self) {
        let count = self.rng.random_range(2..6);
        let users: Vec<UserRecord> = (0..count)
            .map(|_| UserRecord::new(format!("key-{}", self.rng.random_range(0..1000)), ""))
            .collect();
        let mut aggregator = Aggregator::default();
        users.iter().for_each(|user| {
            aggregator.push(user);
        });
        let joined = aggregator.finish().unwrap();
        let (shard_id, number) = self.stream.put(&users[0].partition_key, joined.data);
        let range = self.stream.hash_key_range(&shard_id).unwrap();
        let of_shard = users.iter().enumerate();
        let of_shard = of_shard.filter(|(_, user)| range.contains(user.hash_key()));
        self.note_put(number, of_shard.map(|(index, _)| index as u64).collect());
    }

    fn note_put(&mut self, number: u64, indices: Vec<u64>) {
        for index in &indices {
            if self.application.has_poison && self.rng.random_range(0..40) == 0 {
                self.audit.note_poison((number, *index));
            }
        }
        self.audit.note_put(number, indices);
    }
}
