//! How many refusals are written: whoever causes them can cause thousands a second.

use std::collections::HashMap;

use millstream_types::TimestampMs;
use parking_lot::Mutex;

/// Refusals of each second: those of everybody who is not known together, and those of each who is, so that no flood
/// hides another's.
#[derive(Debug)]
pub(super) struct Refusals {
    per_s_max: u64,
    second: Mutex<Second>,
}

#[derive(Debug, Default)]
struct Second {
    /// Which second it is, of the wall clock; one that jumps begins another.
    number: u64,
    strangers: Tally,
    /// By the principal's ARN: as many as there are keys, at most, and of one second.
    known: HashMap<String, Tally>,
    /// What was only counted in seconds before and is not told yet.
    left: Vec<Counted>,
}

#[derive(Debug, Default)]
struct Tally {
    written: u64,
    counted: u64,
}

/// Refusals that were counted only.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Whose; `None` for those who are not known.
    pub(super) of: Option<String>,
    pub(super) refusals: u64,
}

impl Tally {
    fn is_written(&mut self, max: u64) -> bool {
        let is_written = self.written < max;
        if is_written {
            self.written += 1;
        } else {
            self.counted += 1;
        }
        is_written
    }
}

impl Second {
    /// Closes the tallies of this second.
    fn end(&mut self) {
        let strangers = std::mem::take(&mut self.strangers);
        let known = std::mem::take(&mut self.known).into_iter();
        let known = known.map(|(of, tally)| (Some(of), tally));
        for (of, tally) in std::iter::once((None, strangers)).chain(known) {
            if tally.counted == 0 {
                continue;
            }
            let refusals = tally.counted;
            match self.left.iter_mut().find(|left| left.of == of) {
                Some(left) => left.refusals += refusals,
                None => self.left.push(Counted { of, refusals }),
            }
        }
    }
}

impl Refusals {
    /// Takes up at most so many of each second to be written.
    pub(super) fn new(per_s_max: u64) -> Self {
        Self {
            per_s_max,
            second: Mutex::default(),
        }
    }

    /// Takes up one more refusal; false if it is to be counted only.
    pub(super) fn is_written(&self, now: TimestampMs, principal: Option<&str>) -> bool {
        let mut second = self.second.lock();
        let number = now.0 / 1000;
        if second.number != number {
            second.end();
            second.number = number;
        }
        let Some(principal) = principal else {
            return second.strangers.is_written(self.per_s_max);
        };
        if let Some(tally) = second.known.get_mut(principal) {
            return tally.is_written(self.per_s_max);
        }
        let tally = second.known.entry(principal.to_owned()).or_default();
        tally.is_written(self.per_s_max)
    }

    /// What was counted only, since this was asked last, in seconds that are over by `now`; or in all without a time.
    pub(super) fn take_counted(&self, now: Option<TimestampMs>) -> Vec<Counted> {
        let mut second = self.second.lock();
        if now.is_none_or(|now| now.0 / 1000 != second.number) {
            second.end();
        }
        std::mem::take(&mut second.left)
    }
}
