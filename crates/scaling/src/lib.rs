//! How many workers, and which shards, the processing of a stream needs.
//!
//! One loop for both. It looks at what each shard takes, what its reader has done of it and what is left, and asks how
//! long the rest will take: **drain time** is the backlog divided by the read rate less the ingest rate. CPU cannot see a
//! worker that waits for a slow sink; drain time sees nothing else.
//!
//! [`decide`] is a pure function of a [`Window`] of [`Observation`]s and of [`Rules`]: no clock, no I/O, no randomness. A
//! [`Decision`] says what is to be done and why, each [`Reason`] in numbers, and why nothing is done otherwise.
//!
//! To read the code, start with `decide.rs`. What is promised is in `simulation.rs`, day by simulated day.
//!
//! [`lag`] looks at an application, through the public APIs alone; [`Usage`] says what a stream costs.
//!
//! An [`actuator`] starts and stops workers. [`finish`] ends what an application has made.
//!
//! Deliberately absent: anything of Millstream's server (the crate works against AWS too).

pub mod actuator;
mod capacity;
mod cloudwatch;
mod connections;
mod cost;
mod decide;
mod decision;
mod figures;
pub mod finish;
pub mod lag;
mod observation;
mod prices;
mod query;
mod requests;
mod rules;
mod schedule;
#[cfg(test)]
mod simulation;
mod window;

pub use capacity::Capacity;
pub use cloudwatch::CloudWatch;
pub use cost::{Bill, BillLine, Mode, Usage};
pub use decide::decide;
pub use decision::{Decision, Reason, ShardChange, What, WorkerChange};
pub use figures::{Figures, drain_time_ms};
pub use observation::{
    Cut, HotKey, Middle, Observation, ShardObservation, Traffic, WorkerObservation, middle_of,
};
pub use prices::{
    InvalidPrices, LongTermPrices, MetricPrices, OnDemandPrices, Prices, ProvisionedPrices,
    TablePrices,
};
pub use requests::CallError;
pub use rules::{Bounds, InvalidRules, RuleTime, Rules};
pub use schedule::{InvalidSchedule, Schedule};
pub use window::{Change, Window};
