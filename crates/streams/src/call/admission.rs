//! Asking whether a call is let in.

use std::sync::Arc;

use millstream_catalog::{ConsumerKey, Stream};
use millstream_types::ShardId;

use super::Call;
use crate::{Asking, AtShard, Failure, Quotas};

impl Call<'_> {
    /// Asks whether a call is let in that is about no stream that is there.
    pub(crate) fn admit_new(&self) -> Result<(), Failure> {
        self.admit(None)
    }

    /// Asks whether the call is let in, now that access was asked.
    pub(super) fn admit(&self, stream: Option<&Arc<Stream>>) -> Result<(), Failure> {
        if let (Some(recording), Some(stream)) = (&self.served.recording, stream) {
            recording.note_stream(stream);
        }
        let Some(admission) = &self.inner().admission else {
            return Ok(());
        };
        admission.admit(&self.asking(stream.map(|stream| &**stream)))
    }

    /// Asks whether the call is let in at a shard, for those that are asked there too.
    pub(crate) fn admit_at_shard(
        &self,
        stream: &Stream,
        shard: ShardId,
        consumer: Option<&ConsumerKey>,
    ) -> Result<(), Failure> {
        match &self.inner().admission {
            None => Ok(()),
            Some(admission) => admission.admit_at_shard(&AtShard {
                operation: self.operation,
                stream,
                shard,
                consumer,
            }),
        }
    }

    /// Counts what the call gives of a shard.
    pub(crate) fn count_read(&self, stream: &Stream, shard: ShardId, bytes: u64) {
        if let Some(admission) = &self.inner().admission {
            let at = AtShard {
                operation: self.operation,
                stream,
                shard,
                consumer: None,
            };
            admission.note_read(&at, bytes);
        }
    }

    /// How much there may be in the caller's account, and of the stream if the call is about one.
    pub(crate) fn quotas(&self, stream: Option<&Stream>) -> Quotas {
        let inner = self.inner();
        let admission = inner.admission.as_ref();
        let quotas = admission.map(|admission| admission.quotas(&self.asking(stream)));
        let quotas = quotas.unwrap_or_default();
        Quotas {
            shards_max: inner.settings.account_shards_max.or(quotas.shards_max),
            ..quotas
        }
    }

    fn asking<'b>(&'b self, stream: Option<&'b Stream>) -> Asking<'b> {
        Asking {
            operation: self.operation,
            account: &self.caller.account,
            region: &self.caller.region,
            stream,
        }
    }
}
