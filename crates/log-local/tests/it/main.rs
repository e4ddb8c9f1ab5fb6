//! Tests of the engine from outside.
#![allow(clippy::unwrap_used, reason = "in tests a panic is the report")]
#![allow(unreachable_pub, reason = "modules of one binary")]

mod at_hand;
mod contract;
mod crash;
mod damage;
mod failing_disk;
mod folder;
mod frozen;
mod gaps;
mod held_disk;
mod mid_round;
mod names;
mod page_cache;
mod pin;
mod room;
mod salvage;
mod space;
mod stepped;
mod workload;
