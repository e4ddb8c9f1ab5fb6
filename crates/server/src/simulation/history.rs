//! What the clients did and were told, and what must be true of the stream in the end.

use std::collections::BTreeMap;

/// How a put ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nobody learned: there at most once.
    Unknown,
    /// Certainly not there.
    Refused,
    /// There, in this shard and under this number.
    Stored { shard: String, number: String },
}

#[derive(Debug)]
struct Put {
    key: String,
    outcome: Outcome,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) shard: String,
    pub(super) number: String,
    /// The index of its put.
    pub(super) put: usize,
}

#[derive(Debug, Default)]
pub(super) struct History {
    puts: Vec<Put>,
    /// What was there in the end.
    pub(super) stream: Vec<Read>,
}

impl History {
    /// A put begins; its index is what the record holds.
    pub(super) fn begin(&mut self, key: &str) -> usize {
        self.puts.push(Put {
            key: key.to_owned(),
            outcome: Outcome::Unknown,
        });
        self.puts.len() - 1
    }

    pub(super) fn ended(&mut self, put: usize, outcome: Outcome) {
        self.puts[put].outcome = outcome;
    }

    /// How many puts were acknowledged.
    pub(super) fn stored_count(&self) -> usize {
        let is_stored = |put: &&Put| matches!(put.outcome, Outcome::Stored { .. });
        self.puts.iter().filter(is_stored).count()
    }

    /// Compares with all that the stream holds, shard by shard in the order of numbers.
    pub(super) fn check(&self, stream: &[Read]) {
        let mut found = BTreeMap::new();
        for read in stream {
            let twice = found.insert(read.put, read);
            assert_eq!(twice, None, "{read:?} is there twice");
        }
        for (index, put) in self.puts.iter().enumerate() {
            let read = found.get(&index);
            match &put.outcome {
                Outcome::Unknown => {}
                Outcome::Refused => assert_eq!(read, None, "{put:?} was refused"),
                Outcome::Stored { shard, number } => {
                    let read = read.unwrap_or_else(|| panic!("{put:?} was acknowledged"));
                    assert_eq!((&read.shard, &read.number), (shard, number));
                }
            }
        }
        self.keys_in_order(stream);
    }

    /// A writer waits for an answer before the next put of a key: those that were acknowledged follow each other. One that
    /// the client gave up may still be on its way when the next comes.
    fn keys_in_order(&self, stream: &[Read]) {
        let mut last: BTreeMap<&str, usize> = BTreeMap::new();
        for read in stream {
            let put = &self.puts[read.put];
            if put.outcome == Outcome::Unknown {
                continue;
            }
            let before = last.insert(&put.key, read.put);
            assert!(
                before.is_none_or(|before| before < read.put),
                "{put:?} is too early"
            );
        }
    }
}
