//! Windows in two stages, exact: partial results per shard, merged over all shards.
//!
//! [`Tally`] is the first stage of one shard, [`Merger`] the second of all; [`Piece`] is what goes from one to the
//! other. Nothing here does I/O or reads a clock.

mod exact_sum;
mod function;
mod merger;
mod order;
mod partial;
mod piece;
mod plan;
mod sampling;
mod sketches;
mod tally;
mod top;

pub use exact_sum::ExactSum;
pub use function::Function;
pub use merger::{Merged, Merger, NotMerged, OpenShard, WindowResult};
pub use partial::{Moment, NotAggregated, Partial};
pub use piece::{Group, InvalidPiece, Piece};
pub use plan::{Aggregate, Plan};
pub use sampling::{NotSampled, Sampler};
pub use tally::{PIECE_BYTES_MAX, Sample, Tally};
pub use top::Top;
