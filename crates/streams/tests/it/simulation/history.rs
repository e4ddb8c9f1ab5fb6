//! What the clients of a run did and were told, and what must be true of the stream in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use millstream_types::{SequenceNumber, ShardId};

use super::settings::Settings;

/// How a put ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nobody learned: there at most once.
    Unknown,
    /// Certainly not there.
    Refused,
    /// There, under this number, since the moment of the second.
    Stored(SequenceNumber, u64),
}

/// One record that somebody wanted to put.
#[derive(Debug)]
pub(super) struct Put {
    pub(super) key: String,
    /// Records of one call with one key stand in one entry: all are there or none.
    call: u64,
    /// When it began.
    began: u64,
    outcome: Outcome,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) number: SequenceNumber,
    /// The index of its put.
    pub(super) put: usize,
    pub(super) arrived_ms: u64,
}

/// Where a reader began.
#[derive(Debug, Clone, Copy)]
pub(super) enum Began {
    TrimHorizon,
    /// Asked for at the first moment, given at the second.
    Latest(u64, u64),
    After(SequenceNumber),
    TimeMs(u64),
}

/// What one reader saw of one shard.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) shard: ShardId,
    pub(super) began: Began,
    /// `None` at the end of the shard.
    pub(super) iterator: Option<String>,
    pub(super) read: Vec<Read>,
}

/// Whether a stream that comes and goes is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    There,
    Gone,
    Unknown,
}

#[derive(Debug, Default)]
pub(super) struct History {
    /// Rises with each thing that happens.
    moment: u64,
    pub(super) puts: Vec<Put>,
    /// Of these, from the first on, so many are past retention.
    expired: usize,
    pub(super) readers: Vec<Reader>,
    pub(super) brief_streams: BTreeMap<String, Presence>,
    pub(super) settings: Settings,
}

impl History {
    pub(super) fn now(&mut self) -> u64 {
        self.moment += 1;
        self.moment
    }

    /// A put begins; its index is what the record holds.
    pub(super) fn begin_put(&mut self, key: &str) -> usize {
        self.begin_call(&[key]).start
    }

    /// A call with a record of each of these keys begins.
    pub(super) fn begin_call(&mut self, keys: &[&str]) -> Range<usize> {
        let (first, call) = (self.puts.len(), self.now());
        for key in keys {
            let put = Put {
                key: (*key).to_owned(),
                call,
                began: self.now(),
                outcome: Outcome::Unknown,
            };
            self.puts.push(put);
        }
        first..self.puts.len()
    }

    /// All that was put is older than any retention period; nobody reads on from there.
    pub(super) fn expire(&mut self) {
        self.expired = self.puts.len();
        self.readers.clear();
    }

    pub(super) fn stored(&mut self, put: usize, number: SequenceNumber) {
        let now = self.now();
        self.puts[put].outcome = Outcome::Stored(number, now);
    }

    pub(super) fn refused(&mut self, put: usize) {
        self.puts[put].outcome = Outcome::Refused;
    }

    /// How many puts were acknowledged.
    pub(super) fn stored_count(&self) -> usize {
        let is_stored = |put: &&Put| matches!(put.outcome, Outcome::Stored(..));
        self.puts.iter().filter(is_stored).count()
    }

    /// What nobody learned is learned from what the stream holds: from here on it stays as it is.
    pub(super) fn resolve(&mut self, shards: &BTreeMap<ShardId, Vec<Read>>) {
        let records = shards.values().flatten();
        let there: BTreeMap<_, _> = records.map(|record| (record.put, record.number)).collect();
        let now = self.now();
        for (index, put) in self.puts.iter_mut().enumerate() {
            if put.outcome == Outcome::Unknown {
                put.outcome = match there.get(&index) {
                    Some(number) => Outcome::Stored(*number, now),
                    None => Outcome::Refused,
                };
            }
        }
    }

    /// Compares with all that the stream holds, shard by shard, while nobody puts anything.
    pub(super) fn check(&self, shards: &BTreeMap<ShardId, Vec<Read>>) {
        self.each_record_once(shards);
        for (shard, records) in shards {
            assert!(
                records.is_sorted_by(|one, next| one.number < next.number),
                "{shard}: numbers rise"
            );
            assert!(records.is_sorted_by_key(|record| record.arrived_ms));
        }
        self.keys_in_order(shards);
        self.calls_whole(shards);
        for reader in &self.readers {
            // A shard that is closed and empty is forgotten in the end.
            let shard = shards.get(&reader.shard).map_or(&[][..], Vec::as_slice);
            self.check_reader(reader, shard);
        }
    }

    fn each_record_once(&self, shards: &BTreeMap<ShardId, Vec<Read>>) {
        let mut found = BTreeMap::new();
        for (shard, records) in shards {
            for record in records {
                let twice = found.insert(record.put, (shard.index(), record.number));
                assert_eq!(twice, None, "{record:?} is there twice");
            }
        }
        for (index, put) in self.puts.iter().enumerate() {
            let place = found.get(&index);
            if index < self.expired {
                assert_eq!(place, None, "{put:?} is past retention");
                continue;
            }
            match put.outcome {
                Outcome::Unknown => {}
                Outcome::Refused => assert_eq!(place, None, "{put:?} was refused"),
                Outcome::Stored(number, _) => {
                    let expected = (number.shard_index(), number);
                    assert_eq!(place, Some(&expected), "{put:?} was acknowledged");
                }
            }
        }
    }

    /// Each key has one writer, who waits for an answer before the next put: its records follow each other from parent
    /// to child, whatever became of them.
    fn keys_in_order(&self, shards: &BTreeMap<ShardId, Vec<Read>>) {
        let mut by_key: BTreeMap<&str, BTreeMap<SequenceNumber, usize>> = BTreeMap::new();
        for record in shards.values().flatten() {
            let key = &self.puts[record.put].key;
            by_key
                .entry(key)
                .or_default()
                .insert(record.number, record.put);
        }
        for (key, records) in by_key {
            let puts: Vec<_> = records.into_values().collect();
            assert!(puts.is_sorted(), "{key}: {puts:?}");
        }
    }

    fn calls_whole(&self, shards: &BTreeMap<ShardId, Vec<Read>>) {
        let there: BTreeSet<_> = shards.values().flatten().map(|read| read.put).collect();
        let mut calls: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, put) in self.puts.iter().enumerate() {
            let records = calls.entry((put.call, &put.key)).or_default();
            records.push(there.contains(&index));
        }
        for ((_, key), records) in calls {
            let is_whole = records.iter().all(|there| *there == records[0]);
            assert!(is_whole, "a part of a call is there: {key}, {records:?}");
        }
    }

    /// Where a reader began, everything from there on came to it, once and in order, and nothing before.
    fn check_reader(&self, reader: &Reader, shard: &[Read]) {
        let first = match reader.read.first() {
            None => shard.len(),
            Some(first) => {
                let place = shard.iter().position(|record| record == first);
                place.expect("a record that was read is there in the end")
            }
        };
        let (before, after) = shard.split_at(first);
        assert_eq!(reader.read, after, "{:?} of {}", reader.began, reader.shard);
        match reader.began {
            Began::TrimHorizon => assert!(before.is_empty()),
            Began::After(number) => {
                assert!(before.iter().all(|record| record.number <= number));
                assert!(after.iter().all(|record| record.number > number));
            }
            Began::TimeMs(time_ms) => {
                assert!(before.iter().all(|record| record.arrived_ms < time_ms));
                assert!(after.iter().all(|record| record.arrived_ms >= time_ms));
            }
            Began::Latest(asked, given) => {
                for record in before {
                    let put = &self.puts[record.put];
                    assert!(put.began < given, "{put:?} came after LATEST was given");
                }
                for record in after {
                    let put = &self.puts[record.put];
                    let was_there = matches!(put.outcome, Outcome::Stored(_, at) if at < asked);
                    assert!(!was_there, "{put:?} was there before LATEST was asked for");
                }
            }
        }
    }

    /// Compares the streams that came and went with those that are there. What nobody learned is known then.
    pub(super) fn check_brief_streams(&mut self, there: &BTreeSet<String>) {
        for (name, presence) in &mut self.brief_streams {
            let is_there = there.contains(name);
            match presence {
                Presence::There => assert!(is_there, "{name} was created"),
                Presence::Gone => assert!(!is_there, "{name} was deleted"),
                Presence::Unknown if is_there => *presence = Presence::There,
                Presence::Unknown => *presence = Presence::Gone,
            }
        }
    }
}
