//! Rules that several operations share.

pub(crate) mod encryption_key;
pub(crate) mod monitoring;
pub(crate) mod next_token;
pub(crate) mod retention_period;
pub(crate) mod setting;
pub(crate) mod start_position;
pub(crate) mod tags;
