//! Nothing acknowledged is ever lost: the real binary, killed, cut from power and stopped under load.
//!
//! Writers put through the AWS SDK with retries off, so that every put is acknowledged or not, and keep a ledger of
//! what was acknowledged. After each end of the server everything is read back and held against the ledger.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod counters;
mod kill;
mod ledger;
mod load;
mod mixed;
mod power_cut;
mod server;
mod terminate;
