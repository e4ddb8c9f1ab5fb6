//! How many refusals of senders that are not known are written: whoever causes them can cause thousands a second.

use millstream_types::TimestampMs;
use parking_lot::Mutex;

/// Most refusals of senders that are not known that are written of each second; the others are counted.
const WRITTEN_MAX_PER_S: u64 = 100;

/// Refusals of senders that are not known.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<Second>);

#[derive(Debug, Default)]
struct Second {
    /// Which second it is, of the wall clock; one that jumps begins another.
    number: u64,
    written: u64,
    counted: u64,
}

impl Strangers {
    /// Takes up one more refusal; false if it is to be counted only.
    pub(super) fn is_written(&self, now: TimestampMs) -> bool {
        let mut second = self.0.lock();
        let number = now.0 / 1000;
        if second.number != number {
            second.number = number;
            second.written = 0;
        }
        let is_written = second.written < WRITTEN_MAX_PER_S;
        if is_written {
            second.written += 1;
        } else {
            second.counted += 1;
        }
        is_written
    }

    /// How many were counted only, since this was asked last, if the second in which they were is over by `now`; or in
    /// any case without a time.
    pub(super) fn take_counted(&self, now: Option<TimestampMs>) -> Option<u64> {
        let mut second = self.0.lock();
        if now.is_some_and(|now| now.0 / 1000 == second.number) {
            return None;
        }
        let counted = std::mem::take(&mut second.counted);
        (counted > 0).then_some(counted)
    }
}
