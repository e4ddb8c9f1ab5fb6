//! Where records go: one sink, one module, one feature; and the engine that delivers to them.
//!
//! A [`Sink`] takes batches and says of each item what became of it. A [`Lane`] delivers to one sink: within a bound in
//! bytes, again with growing pauses for as long as it takes, and with rejected items handed to whoever keeps those. The
//! lanes of a shard do not wait for each other; each says how far it is.
//!
//! # What is promised
//! * **Every item is delivered, or rejected to where it can be found**, in the order in which it was sent. A sink that is
//!   down costs time.
//! * **Every item has an [`id`](Item::id())** that is the same however often it comes. What a sink makes of it is its
//!   [`Guarantee`].
//!
//! # What is not promised
//! Nothing is kept over the end of the process: whoever sends remembers what was not delivered, and sends it again.
//!
//! Deliberately absent: streams, leases and checkpoints; those are the pipeline's.

mod field_path;
pub mod format;
mod item;
mod json;
mod lane;
pub mod moment;
mod sink;
pub mod sinks;
mod status;

pub use field_path::{FieldPath, InvalidFieldPath};
pub use item::{Identity, Item, Origin};
pub use json::Json;
pub use lane::{Lane, LaneFailed, LaneSettings, Rejects};
pub use sink::{Cut, Guarantee, Opener, OtherContents, Outcome, Sink, SinkError, SinkFuture};
pub use status::{FlushTimes, SinkCounts, SinkStatus};
