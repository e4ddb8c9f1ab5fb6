//! The contract of [`LogEngine`](crate::LogEngine) as a test suite that every engine runs.
//!
//! A case is an async function over a [`Trial`]: a fresh engine, its clock and short words for what cases do. The
//! macros turn every case into one test:
//!
//! ```text
//! async fn open(clock: Arc<dyn WallClock>) -> Subject {
//!     Subject::new(Arc::new(MemoryEngine::new(MemorySettings::default(), clock)))
//! }
//!
//! log_engine_contract!(memory, open);
//! ```
//!
//! * [`log_engine_contract!`](crate::log_engine_contract): what every engine owes.
//! * [`log_engine_reopen_contract!`](crate::log_engine_reopen_contract): what an engine owes across a stop and a
//!   start; its subject needs [`with_reopen`](Subject::with_reopen).
//! * [`log_engine_room_contract!`](crate::log_engine_room_contract): what an engine says that can run out of room.
//! * [`log_engine_failure_contract!`](crate::log_engine_failure_contract): what an engine says whose writes can fail
//!   for good; its subject needs [`with_failing_writes`](Subject::with_failing_writes).
//! * [`snapshot_store_contract!`](crate::snapshot_store_contract): what a [`SnapshotStore`](crate::SnapshotStore) owes.
//!
//! Cases take the offsets that the engine gives: what they say holds with gaps too. Two cases are chosen by what the
//! engine says that it can: [`dense`] by [`Caps::dense_offsets`](crate::Caps::dense_offsets), [`in_place`] by
//! [`Caps::closes_in_place`](crate::Caps::closes_in_place).
//!
//! The random case takes its number of runs from `MILLSTREAM_CASES` (default 64) and its seed from
//! `MILLSTREAM_SEED` (default: a new one each time), and prints both.
//!
//! Deliberately absent: kill -9, power cuts, damaged files, and what a full disk still takes. They need to know how the engine keeps
//! its logs, so they are the engine's own tests.

pub mod append_id;
pub mod barrier;
pub mod bounds;
mod clock;
pub mod close;
pub mod concurrent;
pub mod create;
pub mod delete;
pub mod dense;
pub mod dropped;
pub mod durability;
pub mod gaps;
pub mod in_place;
mod macros;
pub mod offsets;
pub mod order;
pub mod random;
pub mod reads;
pub mod reopen;
mod run;
mod seeds;
pub mod snapshots;
mod sparse;
pub mod status;
pub mod stop;
mod subject;
pub mod time;
mod trial;
pub mod trim;
pub mod unknown_place;
pub mod waiting;

pub use clock::ManualClock;
pub use random::run_random;
pub use run::{
    run, run_on_threads, run_store, run_to_failure, run_where_dense, run_where_in_place,
};
pub use seeds::{CountedRandomness, for_each_seed};
pub use sparse::SparseEngine;
pub use subject::Subject;
pub use trial::{Trial, close, data};
