//! When the shards are listed.

use std::time::Duration;

const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Between two lists, however much they are wanted: a list may be behind the stream for a while.
const GAP: Duration = Duration::from_millis(200);

/// The state of the list of shards.
#[derive(Debug)]
pub(super) struct Listing {
    is_running: bool,
    is_wanted: bool,
    /// Lists begun so far.
    begun: u64,
    not_before: Duration,
    old_at: Duration,
    failures: u32,
}

impl Default for Listing {
    fn default() -> Self {
        Self {
            is_running: false,
            is_wanted: true,
            begun: 0,
            not_before: Duration::ZERO,
            old_at: Duration::MAX,
            failures: 0,
        }
    }
}

impl Listing {
    /// A list that begins from now on is wanted.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Whether the last list is so old that another one should be read.
    pub(super) fn is_old(&self, now: Duration) -> bool {
        now >= self.old_at && !self.is_running && !self.is_wanted
    }

    /// Whether the first list is not answered.
    pub(super) fn is_first(&self) -> bool {
        self.begun == 0 || (self.begun == 1 && self.is_running)
    }

    /// Whether a list is under way.
    pub(super) fn is_running(&self) -> bool {
        self.is_running
    }

    /// The number of the next list that begins.
    pub(super) fn next(&self) -> u64 {
        self.begun + 1
    }

    /// The number of the list that began last.
    pub(super) fn last(&self) -> u64 {
        self.begun
    }

    /// Whether to begin a list now.
    pub(super) fn start(&mut self, now: Duration) -> bool {
        let begins = self.is_wanted && !self.is_running && now >= self.not_before;
        if begins {
            self.is_running = true;
            self.is_wanted = false;
            self.begun += 1;
        }
        begins
    }

    /// When the next list begins; never if none is wanted, or one is under way.
    pub(super) fn starts_at(&self) -> Duration {
        if self.is_wanted && !self.is_running {
            self.not_before
        } else {
            Duration::MAX
        }
    }

    pub(super) fn succeeded(&mut self, now: Duration, max_age: Duration) {
        self.is_running = false;
        self.failures = 0;
        self.not_before = now + GAP;
        self.old_at = now + max_age;
    }

    /// The pause grows by half up to 30 s, as the KPL's.
    pub(super) fn failed(&mut self, now: Duration) {
        self.is_running = false;
        self.is_wanted = true;
        let pause = PAUSE_MIN.mul_f64(1.5f64.powi(self.failures.min(20).cast_signed()));
        self.failures += 1;
        self.not_before = now + pause.min(PAUSE_MAX);
    }
}
