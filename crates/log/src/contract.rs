//! The contract of [`LogEngine`](crate::LogEngine) as a test suite that every engine runs.

mod clock;

pub use clock::ManualClock;
