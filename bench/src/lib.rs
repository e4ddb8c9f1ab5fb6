//! `make bench`: the real server beside a bare one of the same HTTP stack, in turn, on the same machine.
//!
//! The *bare* server (`src/bin/bare.rs`) reads the same requests, parses the same JSON, verifies the same signatures, hashes the partition keys and
//! answers a canned success: what remains of the distance is what the stream service and the disk cost.
//! Ratios are medians of pairs; a pair is one run of each server right after the other.

pub mod callgrind;
pub mod connection;
pub mod fleet;
pub mod keys;
pub mod load;
pub mod object_store;
pub mod process;
pub mod report;
pub mod requests;
pub mod scenarios;
pub mod subscription;
