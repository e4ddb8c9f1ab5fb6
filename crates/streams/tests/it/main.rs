//! The stream service over the in-memory log engine and a clock that the tests set.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod behind;
mod consumers;
mod control_plane;
mod damage;
mod encryption;
mod faults;
mod faulty_engine;
mod gateways;
mod hooks;
mod hot_keys;
mod iterators;
mod limits;
mod list_shards;
mod no_room;
mod on_demand;
mod put_and_get;
mod put_errors;
mod read_turns;
mod reshard;
mod retention;
mod settings;
mod simulation;
mod stopping;
mod subscriptions;
mod tags;
mod under;
mod world;
