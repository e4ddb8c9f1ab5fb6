//! The in-memory engine keeps the contract, and the contract finds engines that do not.

mod faults;
mod memory;
mod room;
mod sparse;
