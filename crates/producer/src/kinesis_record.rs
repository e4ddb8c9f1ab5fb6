//! A record as the stream gets it, and the user records that wait for what becomes of it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_aggregation::{Aggregate, Aggregator, StreamRecord, UserRecord};
use millstream_types::HashKey;

use crate::outcome::History;
use crate::{Attempt, PutEntry};

/// A user record that was accepted and has no outcome yet.
#[derive(Debug)]
pub(crate) struct Pending<T> {
    /// Whoever waits for the outcome.
    pub(crate) ticket: T,
    /// The order of acceptance.
    pub(crate) number: u64,
    pub(crate) arrived: Duration,
    /// What it takes of the bound on buffered bytes.
    pub(crate) held_bytes: u32,
    /// Attempts in other company.
    pub(crate) history: Option<Arc<History>>,
}

/// One record of the stream: a user record alone, or an aggregate.
#[derive(Debug)]
pub(crate) struct KinesisRecord<T> {
    partition_key: String,
    explicit_hash_key: HashKey,
    data: Bytes,
    /// The explicit hash key of a user record that travels alone.
    own_hash_key: Option<HashKey>,
    /// Those in it, in their order; never empty.
    pub(crate) users: Vec<Pending<T>>,
    pub(crate) attempts: Vec<Attempt>,
    /// The end of the last attempt, or the oldest arrival.
    pub(crate) last_ended: Duration,
    /// An attempt may have stored it.
    pub(crate) may_be_stored: bool,
    /// When it is to be sent, whatever else waits.
    pub(crate) due_at: Duration,
    /// It is sent in a call of its own: one of a call was invalid, and nobody knows which.
    pub(crate) is_alone: bool,
}

impl<T> KinesisRecord<T> {
    fn new(record: StreamRecord, own_hash_key: Option<HashKey>, users: Vec<Pending<T>>) -> Self {
        let oldest = users
            .iter()
            .map(|user| user.arrived)
            .min()
            .unwrap_or_default();
        Self {
            partition_key: record.partition_key,
            explicit_hash_key: record.explicit_hash_key,
            data: record.data,
            own_hash_key,
            users,
            attempts: Vec::new(),
            last_ended: oldest,
            may_be_stored: false,
            due_at: Duration::ZERO,
            is_alone: false,
        }
    }

    /// A user record that travels alone.
    pub(crate) fn single(user: UserRecord, pending: Pending<T>) -> Self {
        let record = StreamRecord {
            explicit_hash_key: user.hash_key(),
            partition_key: user.partition_key,
            data: user.data,
            user_records: 1,
        };
        Self::new(record, user.explicit_hash_key, vec![pending])
    }

    /// Bytes as the service counts them.
    pub(crate) fn size_bytes(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }

    /// Bytes of data.
    pub(crate) fn data_bytes(&self) -> usize {
        self.data.len()
    }

    /// When the first attempt began.
    pub(crate) fn first_sent(&self) -> Duration {
        let delay = self
            .attempts
            .first()
            .map_or(Duration::ZERO, |first| first.delay);
        self.oldest_arrival() + delay
    }

    pub(crate) fn is_aggregate(&self) -> bool {
        self.users.len() > 1
    }

    pub(crate) fn entry(&self) -> PutEntry {
        PutEntry {
            partition_key: self.partition_key.clone(),
            explicit_hash_key: self.explicit_hash_key,
            data: self.data.clone(),
        }
    }

    pub(crate) fn oldest_arrival(&self) -> Duration {
        let arrivals = self.users.iter().map(|user| user.arrived);
        arrivals.min().unwrap_or_default()
    }

    /// The user records in it, without who waits for them.
    pub(crate) fn user_records(&self) -> Vec<UserRecord> {
        if !self.is_aggregate() {
            return vec![UserRecord {
                partition_key: self.partition_key.clone(),
                explicit_hash_key: self.own_hash_key,
                data: self.data.clone(),
            }];
        }
        let aggregate = Aggregate::parse(&self.data).expect("an aggregate made here can be read");
        aggregate
            .user_records()
            .map(|user| user.expect("a user record written here can be read"))
            .collect()
    }

    /// Takes it apart: each user record keeps the attempts so far as its history.
    pub(crate) fn take_apart(mut self) -> Vec<(UserRecord, Pending<T>)> {
        let records = self.user_records();
        if !self.attempts.is_empty() || self.may_be_stored {
            let attempts = std::mem::take(&mut self.attempts);
            let shared = Arc::new(History {
                attempts,
                may_be_stored: self.may_be_stored,
                before: None,
            });
            for user in &mut self.users {
                user.history = Some(match user.history.take() {
                    None => Arc::clone(&shared),
                    Some(before) => Arc::new(History {
                        attempts: shared.attempts.clone(),
                        may_be_stored: shared.may_be_stored || before.may_be_stored,
                        before: Some(before),
                    }),
                });
            }
        }
        records.into_iter().zip(self.users).collect()
    }
}

/// An aggregate that still grows.
#[derive(Debug)]
pub(crate) struct Growing<T> {
    aggregator: Aggregator,
    /// The first one's, in case it stays alone.
    own_hash_key: Option<HashKey>,
    users: Vec<Pending<T>>,
    /// When it is full or not.
    pub(crate) deadline: Duration,
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self {
            aggregator: Aggregator::default(),
            own_hash_key: None,
            users: Vec::new(),
            deadline: Duration::MAX,
        }
    }
}

impl<T> Growing<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    pub(crate) fn count(&self) -> usize {
        self.users.len()
    }

    #[cfg(test)]
    pub(crate) fn users(&self) -> &[Pending<T>] {
        &self.users
    }

    /// Takes a user record that fits; gives it back if it does not.
    pub(crate) fn push(
        &mut self,
        user: UserRecord,
        pending: Pending<T>,
        size_bytes_max: usize,
    ) -> Option<(UserRecord, Pending<T>)> {
        if !self.aggregator.push_within(&user, size_bytes_max) {
            return Some((user, pending));
        }
        if self.users.is_empty() {
            self.own_hash_key = user.explicit_hash_key;
        }
        self.users.push(pending);
        None
    }

    /// The record of the stream, and an empty one again; `None` if it was empty.
    pub(crate) fn finish(&mut self) -> Option<KinesisRecord<T>> {
        let record = self.aggregator.finish()?;
        let done = std::mem::take(self);
        let mut record = KinesisRecord::new(record, done.own_hash_key, done.users);
        record.due_at = done.deadline;
        Some(record)
    }
}

/// Records of the stream from user records of one shard, in their order, to be sent at once.
pub(crate) fn group<T>(
    users: Vec<(UserRecord, Pending<T>)>,
    users_max: usize,
    size_bytes_max: usize,
) -> Vec<KinesisRecord<T>> {
    let mut records = Vec::new();
    let mut growing = Growing::default();
    for (user, pending) in users {
        if growing.count() >= users_max {
            records.extend(growing.finish());
        }
        if let Some((user, pending)) = growing.push(user, pending, size_bytes_max) {
            records.extend(growing.finish());
            // Whatever its size: alone it travels as it is.
            if let Some((user, pending)) = growing.push(user, pending, size_bytes_max) {
                records.push(KinesisRecord::single(user, pending));
            }
        }
    }
    records.extend(growing.finish());
    for record in &mut records {
        record.due_at = Duration::ZERO;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(number: u64) -> Pending<u64> {
        Pending {
            ticket: number,
            number,
            arrived: Duration::from_millis(number),
            held_bytes: 1,
            history: None,
        }
    }

    #[test]
    fn what_was_put_in_comes_out_alone_or_in_company() {
        for count in [1, 5] {
            let users: Vec<UserRecord> = (0..count)
                .map(|number| UserRecord {
                    explicit_hash_key: (number % 2 == 0).then_some(HashKey(7)),
                    ..UserRecord::new(format!("key-{number}"), format!("data {number}"))
                })
                .collect();
            let mut growing = Growing::default();
            for (number, user) in (0..).zip(&users) {
                assert!(
                    growing
                        .push(user.clone(), pending(number), 51_200)
                        .is_none()
                );
            }
            let mut record = growing.finish().unwrap();
            assert!(growing.finish().is_none());
            assert_eq!(record.is_aggregate(), count > 1);
            assert_eq!(record.user_records(), users);
            record.may_be_stored = true;
            let apart = record.take_apart();
            let back: Vec<_> = apart.iter().map(|(user, _)| user.clone()).collect();
            assert_eq!(back, users);
            let histories = apart
                .iter()
                .filter_map(|(_, pending)| pending.history.as_ref());
            assert!(histories.filter(|history| history.may_be_stored).count() == users.len());
        }
    }
}
