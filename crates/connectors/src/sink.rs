//! What a sink is.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::Item;

/// What the operations of a sink return.
pub type SinkFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is delivered; with [`Guarantee::ExactlyOnce`], taken for the next flush.
    Delivered,
    /// It will never be taken, for this reason.
    Rejected(String),
    /// It was not taken this time, for this reason; it is to come again.
    Again(String),
    /// Nothing will be taken until somebody mends this: the pipeline is to stop and say so, unless the sink is optional.
    Stop(String),
}

/// A whole batch, or a flush, failed; it may have arrived in part, and is to come again.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    /// What is wrong, and what to do.
    pub message: String,
}

impl SinkError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }

    /// An error with all its causes, in one line.
    pub fn of(what: &str, error: &dyn std::error::Error) -> Self {
        let mut message = format!("{what}: {error}");
        let mut cause = error.source();
        while let Some(deeper) = cause {
            message.push_str(": ");
            message.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        Self { message }
    }
}

/// What is there under the name of a cut is not that cut. Nothing is written over; nothing is taken as delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} is there with other contents: another pipeline delivers to this place, or its lease table was deleted or its file \
     changed while a cut was prepared. Give this pipeline a place of its own, or take that away"
)]
pub struct OtherContents(pub String);

/// What a sink makes of items that come more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// It shows them each time; their ids tell.
    AtLeastOnce,
    /// It recognises them by their ids.
    Idempotent,
    /// It delivers by whole cuts, and recognises a cut that comes again. Only what is flushed is delivered.
    ExactlyOnce,
}

/// A range of records that is delivered as a whole. The same items come with a cut of the same name, always.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// The shard, or the stage that made the items.
    pub shard_id: String,
    /// The sequence number of the first record, padded with zeros so that names sort; with the index among joined ones.
    pub first: String,
}

/// Delivers the items of one shard. Methods are never called at the same time; a future that is dropped may have
/// delivered.
pub trait Sink: Send + fmt::Debug {
    /// Delivers the items; one outcome for each, in their order. A sink that delivers by cuts takes them for the next
    /// flush, and if it fails it has taken none of them.
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>>;

    /// Bytes that it has taken and not flushed, as they will be delivered but for their compression.
    fn unflushed_bytes(&self) -> usize {
        0
    }

    /// Delivers all items since the last flush as one whole. Called again if it fails, with the same cut.
    fn flush<'a>(&'a mut self, cut: &'a Cut) -> SinkFuture<'a, Result<(), SinkError>> {
        let _ = cut;
        Box::pin(std::future::ready(Ok(())))
    }

    /// Gives everything back. What is not flushed is not delivered.
    fn close(&mut self) -> SinkFuture<'_, Result<(), SinkError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Opens sinks of one kind and destination, one for each shard.
pub trait Opener: Send + Sync + fmt::Debug {
    /// A sink for the items of a shard. Nothing is sent yet.
    fn open(&self, shard_id: &str) -> Box<dyn Sink>;

    /// What it makes of items that come more than once.
    fn guarantee(&self) -> Guarantee;
}
