//! Why records are not stored.

use millstream_catalog::StreamKey;
use millstream_log::NotWritten;
use millstream_types::ShardId;
use millstream_wire::ErrorCode;

use crate::{Failure, refusals};

/// Why the records of an envelope are not known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutFailure {
    /// Not written: over the shard's limits, or too much waits for the disk, or the shard's children did not open in time.
    Busy,
    /// Not written: the server's disk has no room. No shard is to blame.
    NoRoom,
    /// Not written: the stream is being deleted.
    StreamGone,
    /// Written or not.
    Unknown,
    /// Not written: the engine takes no more writes.
    Failed,
}

impl From<NotWritten> for PutFailure {
    fn from(reason: NotWritten) -> Self {
        match reason {
            NotWritten::Closed | NotWritten::Overloaded => Self::Busy,
            NotWritten::NoRoom => Self::NoRoom,
            NotWritten::NoSuchLog => Self::StreamGone,
            NotWritten::Stopped | NotWritten::TooLarge => Self::Failed,
        }
    }
}

impl PutFailure {
    /// How a call fails whose only record failed so.
    pub(crate) fn of_call(self, shard: ShardId, stream: &StreamKey) -> Failure {
        match self {
            Self::Busy => Failure::new(
                ErrorCode::ProvisionedThroughputExceeded,
                refusals::shard_throttled(shard, stream),
            ),
            Self::NoRoom => refusals::no_room(),
            Self::StreamGone => refusals::stream_gone(stream),
            Self::Unknown | Self::Failed => refusals::failed(),
        }
    }

    /// Code and text of one record among several.
    ///
    /// # Errors
    /// Where the stream is gone the call as a whole fails.
    pub(crate) fn of_record(
        self,
        shard: ShardId,
        stream: &StreamKey,
    ) -> Result<(ErrorCode, String), Failure> {
        match self {
            Self::Busy => Ok((
                ErrorCode::ProvisionedThroughputExceeded,
                refusals::shard_throttled(shard, stream),
            )),
            Self::NoRoom => Ok((ErrorCode::InternalFailure, refusals::NO_ROOM.to_owned())),
            Self::StreamGone => Err(refusals::stream_gone(stream)),
            Self::Unknown | Self::Failed => {
                Ok((ErrorCode::InternalFailure, refusals::FAILED.to_owned()))
            }
        }
    }
}
