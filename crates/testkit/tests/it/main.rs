//! The kit itself under test, with real processes.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod power_cut;
mod server_process;
