//! The catalog: what streams there are, as a state machine over a log of commands.
//!
//! [`Catalog::apply`] is pure and total: no clock, no randomness, no I/O, no map with a random order. A command
//! carries its proposer's time; ids come from counters in the state. Whoever applies the same commands in the same
//! order has the same catalog, so a replay, a snapshot and a second node all agree.
//!
//! A change of a stream that needs work outside (logs to create, to close or to delete) takes two commands: *begin*
//! records what will be done, *finish* that it was done. What stands between them is [`Stream::change`] or the status
//! DELETING, and can be resumed by anybody.
//!
//! What is stored, commands and snapshots, is spelled in this crate alone (`stored.rs`, and beside each type), so that
//! no change of the API's encodings reaches it. Deliberately absent: the log itself, and the API.

mod catalog;
mod closed_shards;
mod command;
mod commitment;
mod consumer;
mod counted_change;
mod decide;
mod decision;
mod open_shards;
mod rejected;
mod resource_policy;
mod salvaged;
mod setting;
mod shard;
mod snapshot;
mod stored;
mod stream;
mod stream_consumers;
mod stream_shards;
#[cfg(test)]
mod tests;
mod token_key;
#[cfg(test)]
mod work;
mod write_peaks;

pub use catalog::{Applied, Catalog};
pub use command::{
    ClosedShard, Command, CommandEntry, ConsumerCommand, CreatedLog, InvalidCommand,
    ServiceCommand, ShardCommand, SplitAt, StreamCommand, StreamSpec, TagCommand, Tagged,
};
pub use commitment::Commitment;
pub use consumer::{Consumer, ConsumerKey};
pub use counted_change::CountedChange;
pub use decision::Decided;
pub use rejected::Rejected;
pub use resource_policy::ResourcePolicy;
pub use salvaged::{InvalidCatalog, SalvagedCatalog, ShardLog};
pub use setting::Setting;
pub use shard::{ENVELOPE_RECORDS_MAX, NewShard, Shard, ShardNumbers, ShardState};
pub use snapshot::InvalidSnapshot;
pub use stream::{Change, Reshard, Stream, StreamId, StreamKey};
pub use token_key::TokenKey;
