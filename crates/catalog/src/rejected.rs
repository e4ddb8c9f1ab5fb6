//! Why the catalog does not accept a command.

use millstream_types::{HashKeyRange, ShardId, StreamStatus};

/// A command that the catalog does not accept. It changed nothing; each replay rejects it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The token key is there already.
    #[error("the token key is set already")]
    TokenKeySet,
    /// A stream with this name is there, in whatever state.
    #[error("the stream exists already")]
    StreamExists,
    /// The stream is gone.
    #[error("the stream does not exist")]
    NoSuchStream,
    /// The stream's state forbids it.
    #[error("the stream is in state {0:?}")]
    NotActive(StreamStatus),
    /// Nothing of this kind has begun, or it was something else: the proposer looked at an old state.
    #[error("the change that the command finishes has not begun")]
    NotBegun,
    /// The stream never had the shard, or it is removed.
    #[error("the stream has no {0}")]
    NoSuchShard(ShardId),
    /// The shard takes no records any more.
    #[error("{0} was split or merged already")]
    ShardEnded(ShardId),
    /// The hash key does not cut the shard's range in two.
    #[error("the hash key does not lie inside of the shard's range {0:?}")]
    SplitKeyOutside(HashKeyRange),
    /// The second shard's range does not follow the first one's.
    #[error("the shards are not adjacent")]
    NotAdjacent,
    /// Shards of an on-demand stream are not its owner's to change.
    #[error("the stream is in on-demand mode")]
    OnDemand,
    /// More shards than there may be.
    #[error("{current} shards and {additional} more exceed the limit of {limit}")]
    TooManyShards {
        /// How many there are.
        current: u64,
        /// How many there may be.
        limit: u64,
        /// How many would have come.
        additional: u64,
    },
    /// A count of shards that is out of reach from the present one.
    #[error("{target} shards are out of reach from {current}")]
    ShardCountOutOfReach {
        /// How many take records.
        current: u32,
        /// How many were asked for.
        target: u32,
    },
    /// A shard would have to be split that has too few hash keys.
    #[error("{0} is too narrow to be split")]
    ShardTooNarrow(ShardId),
    /// An increase below the present period, which is given in hours.
    #[error("the retention period of {0} hours is longer")]
    RetentionIsLonger(u32),
    /// A decrease above the present period, which is given in hours.
    #[error("the retention period of {0} hours is shorter")]
    RetentionIsShorter(u32),
    /// Streams of provisioned mode have no such setting.
    #[error("the stream is in provisioned mode")]
    Provisioned,
    /// The account does not commit itself to a least throughput.
    #[error("the account has no minimum throughput billing commitment")]
    NoCommitment,
    /// Provisioned mode needs partition keys, and the stream's records are spread without them.
    #[error("the stream spreads its records by itself")]
    SpreadsRecords,
    /// The change was made as often as it may be within 24 hours.
    #[error("the change was made too often within a day")]
    TooOften,
    /// More tags than a stream or consumer may have.
    #[error("too many tags")]
    TooManyTags,
    /// There is none to take away.
    #[error("there is no resource policy")]
    NoResourcePolicy,
    /// The stream has consumers, and the command does not say that they go with it.
    #[error("the stream has consumers")]
    HasConsumers,
    /// A consumer with this name is there, in whatever state.
    #[error("the consumer exists already")]
    ConsumerExists,
    /// The consumer is gone, or another one has its name.
    #[error("the consumer does not exist")]
    NoSuchConsumer,
    /// The consumer is being deleted.
    #[error("the consumer is being deleted")]
    ConsumerNotActive,
    /// As many consumers as a stream may have.
    #[error("the stream has {0} consumers, as many as it may have")]
    TooManyConsumers(usize),
    /// As many consumers are being created as may be at a time.
    #[error("too many consumers are being created")]
    TooManyConsumersCreating,
    /// Ids or seconds are used up, or the proposer's clock is out of what sequence numbers can hold.
    #[error("there are no more ids, or the clock is out of bounds")]
    OutOfIds,
}
