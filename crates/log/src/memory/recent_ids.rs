//! The append ids that a log remembers.

use std::collections::{HashMap, VecDeque};

use crate::{AppendId, Appended};

/// What remembering one id counts towards the engine's room.
pub(super) const ID_BYTES: usize = 64;

/// The last ids and what was answered for them.
#[derive(Debug, Default)]
pub(super) struct RecentIds {
    answers: HashMap<AppendId, Appended>,
    oldest_first: VecDeque<AppendId>,
}

impl RecentIds {
    pub(super) fn get(&self, id: AppendId) -> Option<Appended> {
        self.answers.get(&id).copied()
    }

    /// Remembers an id that is not yet known and forgets the oldest beyond `kept`.
    pub(super) fn insert(&mut self, id: AppendId, answer: Appended, kept: usize) {
        self.answers.insert(id, answer);
        self.oldest_first.push_back(id);
        while self.oldest_first.len() > kept {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.oldest_first.len() * ID_BYTES
    }
}
