//! What was seen and done lately.

use std::collections::VecDeque;

use millstream_types::TimestampMs;
use serde::{Deserialize, Serialize};

use crate::{Capacity, Observation, Rules};

/// A change that was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When it was begun.
    pub at: TimestampMs,
    /// Workers before.
    pub workers_before: u32,
    /// Workers that were asked for.
    pub workers_after: u32,
    /// Open shards before.
    pub shards_before: u32,
    /// Open shards that were asked for.
    pub shards_after: u32,
    /// Records a second that the application read before.
    pub read_records_per_s: f64,
}

/// Looks and changes, as far back as the decision asks; bounded by the rules' quiet time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Window {
    looks: VecDeque<Observation>,
    last_change: Option<Change>,
    capacity: Option<Capacity>,
}

/// Rates are means of so many looks.
pub(crate) const RECENT: usize = 3;

impl Window {
    /// A window that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a look. One that is not later than the last is left out: the clock was set back.
    pub fn observe(&mut self, rules: &Rules, look: Observation) {
        if let Some(last) = self.looks.back() {
            if look.at <= last.at {
                return;
            }
            // Rates of what is moving are no measure of anybody.
            if self.settles_ms(rules, last.at) == 0 {
                self.capacity = Capacity::after(self.capacity, last, &look, rules);
            }
        }
        let now = look.at;
        self.looks.push_back(look);
        // One look stays that is as old as the quiet time, so that it is seen to be covered.
        while self.looks.len() > RECENT && now.ms_since(self.looks[1].at) >= rules.quiet_ms {
            self.looks.pop_front();
        }
    }

    /// Notes that a change was begun.
    pub fn note(&mut self, change: Change) {
        self.last_change = Some(change);
    }

    /// The last look.
    pub fn now(&self) -> Option<&Observation> {
        self.looks.back()
    }

    /// The change that was made last.
    pub fn last_change(&self) -> Option<&Change> {
        self.last_change.as_ref()
    }

    /// What one worker can do, if that was seen.
    pub fn capacity(&self) -> Option<Capacity> {
        self.capacity
    }

    /// Gives what an earlier process had measured.
    pub fn recall(&mut self, capacity: Capacity) {
        self.capacity = Some(capacity);
    }

    /// All looks, the oldest first.
    pub(crate) fn looks(&self) -> impl DoubleEndedIterator<Item = &Observation> {
        self.looks.iter()
    }

    /// The last looks, if there are enough since the last change: the newest first.
    pub(crate) fn recent(&self) -> Option<[&Observation; RECENT]> {
        let mut newest = self.looks.iter().rev();
        let recent = [newest.next()?, newest.next()?, newest.next()?];
        let since = self.last_change.map_or(TimestampMs(0), |change| change.at);
        (recent[RECENT - 1].at >= since).then_some(recent)
    }

    /// Whether the looks go back as far as the quiet time.
    pub(crate) fn covers_quiet(&self, rules: &Rules) -> bool {
        match (self.looks.front(), self.looks.back()) {
            (Some(first), Some(last)) => last.at.ms_since(first.at) >= rules.quiet_ms,
            _ => false,
        }
    }

    /// Milliseconds until what was changed has settled, as seen at a moment.
    pub(crate) fn settles_ms(&self, rules: &Rules, at: TimestampMs) -> u64 {
        self.waits_ms(rules.settling_ms, at)
    }

    /// Milliseconds until so many have passed since the last change.
    pub(crate) fn waits_ms(&self, wait_ms: u64, at: TimestampMs) -> u64 {
        let until = self.last_change.map(|change| change.at.plus_ms(wait_ms));
        until.map_or(0, |until| until.ms_since(at))
    }
}
