//! What there is, as lists and descriptions show it.

mod account;
mod consumer;
mod shard;
mod stream;

pub(crate) use account::account_settings;
pub(crate) use consumer::{consumer_and_stream, describe_consumer};
pub(crate) use shard::{describe, describe_child, listed_shards};
pub(crate) use stream::{
    creation_timestamp, enhanced_monitoring, mode_details, shard_throughput_mibps, summary,
    warm_throughput,
};
