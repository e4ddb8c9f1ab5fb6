//! What tests of several crates need: a clock that stands still, the real binary as a child process, power cuts.
//!
//! * [`ManualClock`]: a wall clock that is set and stepped by hand.
//! * [`ServerProcess`]: starts the `millstream` binary on a free port, ends it by SIGTERM or SIGKILL, always reaps it.
//! * [`PostgresServer`]: a real PostgreSQL, where the machine has one.
//! * [`PowerCut`]: makes SIGKILL of an unmodified program lose what it did not sync.
//!
//! For tests only: everything here panics, with what the child process said, where a product would return an error.
//! Deliberately absent: temporary folders; `tempfile` is enough.

mod output;
mod postgres_server;
mod power_cut;
mod server_process;

pub use millstream_log::contract::ManualClock;
pub use postgres_server::PostgresServer;
pub use power_cut::PowerCut;
pub use server_process::ServerProcess;
