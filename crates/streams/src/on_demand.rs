//! On-demand streams grow and shrink by their traffic.
//!
//! [`traffic`] counts what each shard takes, and where in its range, since the last look; [`decide`] is a pure function
//! from loads, history and limits to splits and merges; [`keeper`] looks once a minute, proposes and tells. What must
//! outlive a restart, the peaks of the last thirty days, is in the catalog. `docs/on-demand.md` has the rules.

mod decide;
mod keeper;
mod key_sample;
mod traffic;

pub(crate) use keeper::Keeper;
pub(crate) use traffic::Traffic;
