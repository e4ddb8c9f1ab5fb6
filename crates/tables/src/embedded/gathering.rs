//! How long a group of writes waits for more before it is made durable.
//!
//! A sync costs the same for one write as for many. Callers who wait for their answers send nothing meanwhile, so it makes
//! no sense to wait for more of them than there are; but as many as waited last time, in the group and behind it, are
//! likely to come again. Who is alone never waits.

use std::time::Duration;

/// How long a group waits for those who were there last time, from its beginning.
const GATHER_TIME: Duration = Duration::from_millis(4);

/// What is known of the callers from the last group.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    expected: usize,
}

impl Gathering {
    /// How long a group of this age with so many requests may wait for the next one.
    pub(super) fn patience(&self, count: usize, age: Duration) -> Duration {
        match count < self.expected {
            true => GATHER_TIME.saturating_sub(age),
            false => Duration::ZERO,
        }
    }

    /// A group has ended with so many requests, and so many wait behind it, whose callers can be none of its own.
    pub(super) fn ended(&mut self, count: usize, behind: usize) {
        self.expected = count + behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Duration = Duration::from_millis(1);

    #[test]
    fn who_is_alone_does_not_wait() {
        let mut gathering = Gathering::default();
        for _ in 0..3 {
            assert_eq!(gathering.patience(1, Duration::ZERO), Duration::ZERO);
            gathering.ended(1, 0);
        }
    }

    #[test]
    fn a_group_waits_for_as_many_as_last_time_but_not_for_long() {
        let mut gathering = Gathering::default();
        gathering.ended(2, 3);
        assert_eq!(gathering.patience(4, ONE), GATHER_TIME - ONE);
        assert_eq!(gathering.patience(5, ONE), Duration::ZERO);
        assert_eq!(gathering.patience(1, GATHER_TIME + ONE), Duration::ZERO);
        // They have gone: it waits in vain once.
        gathering.ended(1, 0);
        assert_eq!(gathering.patience(1, Duration::ZERO), Duration::ZERO);
    }
}
