//! AWS's limits on rates, for who wants to meet them before production does.
//!
//! Everything here is a state machine over a time that it is given: [`bucket`](self::bucket) is one rate,
//! [`shard`](self::shard) what a shard admits, [`control_plane`](self::control_plane) how often an operation may be
//! called, and [`allowances`](self::allowances) keeps the state of what was used a moment ago, and of nothing else.
//! [`AwsLimits`] puts them behind [`Admission`](crate::Admission). `docs/limits.md` says where AWS documents what.

mod allowances;
mod aws;
mod bucket;
mod control_plane;
mod shard;
mod values;

pub use aws::AwsLimits;
pub use values::{InvalidLimit, LimitOverride, LimitOverrides};
