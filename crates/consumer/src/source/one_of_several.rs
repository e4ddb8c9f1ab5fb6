//! A stream among several that one application reads: its shards bear its identifier in front of their ids.

use std::sync::Arc;

use super::sealed::Sealed;
use super::{
    NextRead, OpenShard, ReadError, ReadFuture, Shard, ShardReads, Source, StartingPosition,
};
use crate::StreamIdentifier;

/// The stream below, under names that no other stream's shards have.
#[derive(Debug)]
pub(crate) struct OneOfSeveral {
    names: Names,
    below: Arc<dyn Source>,
}

impl OneOfSeveral {
    pub(crate) fn new(stream: Arc<StreamIdentifier>, below: Arc<dyn Source>) -> Self {
        let names = Names {
            prefix: format!("{stream}:").into(),
            stream,
        };
        Self { names, below }
    }
}

#[derive(Debug, Clone)]
struct Names {
    stream: Arc<StreamIdentifier>,
    prefix: Arc<str>,
}

impl Names {
    fn of_shard(&self, shard_id: &str) -> String {
        format!("{}{shard_id}", self.prefix)
    }

    fn of(&self, shard: Shard) -> Shard {
        let parents = shard.parent_shard_ids.iter();
        Shard {
            shard_id: self.of_shard(&shard.shard_id),
            parent_shard_ids: parents.map(|id| self.of_shard(id)).collect(),
            ..shard
        }
    }
}

impl Sealed for OneOfSeveral {}

impl Source for OneOfSeveral {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        let (names, listed) = (self.names.clone(), self.below.list_shards());
        Box::pin(async move {
            let shards = listed.await?.into_iter();
            Ok(shards.map(|shard| names.of(shard)).collect())
        })
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let Some(own_id) = shard_id.strip_prefix(&*self.names.prefix) else {
            let error = format!("shard {shard_id} in stream {}", self.names.stream);
            return Box::pin(std::future::ready(Err(ReadError::NotFound(error))));
        };
        let (names, opened) = (self.names.clone(), self.below.open(own_id, position));
        Box::pin(async move {
            let OpenShard { reads, opened_at } = opened.await?;
            let reads = Box::new(Reads { names, reads });
            Ok(OpenShard { reads, opened_at })
        })
    }
}

#[derive(Debug)]
struct Reads {
    names: Names,
    reads: Box<dyn ShardReads>,
}

impl Sealed for Reads {}

impl ShardReads for Reads {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        Box::pin(async move {
            let mut read = self.reads.next(records_max).await?;
            for record in &mut read.records {
                record.stream = Some(Arc::clone(&self.names.stream));
            }
            let end = read.end.map(IntoIterator::into_iter);
            read.end = end.map(|children| children.map(|shard| self.names.of(shard)).collect());
            Ok(read)
        })
    }

    fn is_pushed(&self) -> bool {
        self.reads.is_pushed()
    }
}
