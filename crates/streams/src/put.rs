//! Putting records: where each goes, the envelopes, and puts that meet a closing shard.

mod failure;
mod placing;
mod routing;
mod spread;
mod submitted;

pub(crate) use failure::PutFailure;
pub(crate) use placing::{Unplaced, hash_key, hash_keys};
pub(crate) use routing::{Routing, size_bytes, stored};
pub(crate) use spread::Spread;
pub(crate) use submitted::{Put, Submitted};
