//! The handle that records are put with.

#[cfg(test)]
mod tests;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use millstream_types::limits::PARTITION_KEY_CHARS_MAX;
use tokio::sync::{TryAcquireError, oneshot};
use tokio::time::timeout;

use crate::runner::Shared;
use crate::settings::RECORD_OVERHEAD_BYTES;
use crate::{Outcome, ProducerBuilder, PutError, UserRecord};

/// Puts records on one stream. Clones put through the same queues.
///
/// When the last clone is dropped, what was accepted is still sent, as long as the runtime lives;
/// [`close`](Self::close) waits for it.
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    record_bytes_max: usize,
}

impl Drop for Handle {
    fn drop(&mut self) {
        begin_to_close(&self.shared);
    }
}

fn begin_to_close(shared: &Shared) {
    shared.room.close();
    let mut pipeline = shared.pipeline();
    pipeline.close();
    pipeline.flush();
    drop(pipeline);
    shared.wake.notify_one();
}

/// Why a record was not accepted. It was not and will not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAccepted {
    /// The partition key must have 1 to 256 characters.
    #[error("a partition key has 1 to {PARTITION_KEY_CHARS_MAX} characters, and this one {0}")]
    PartitionKey(usize),
    /// Data and partition key are larger than `max_user_record_size_bytes`.
    #[error(
        "the record takes {bytes} bytes with its partition key, and at most {bytes_max} are allowed: split it, or raise max_user_record_size_bytes if the stream takes larger records"
    )]
    TooLarge {
        /// What it takes.
        bytes: usize,
        /// The setting.
        bytes_max: usize,
    },
    /// `buffered_bytes_max` is reached. Only of [`try_put`](Producer::try_put).
    #[error("no room: the records that wait take buffered_bytes_max")]
    Full,
    /// The producer was closed.
    #[error("the producer is closed")]
    Closed,
}

/// A record that [`try_put`](Producer::try_put) did not accept, and why.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct TryPutError {
    /// The record, to be put again.
    pub record: Box<UserRecord>,
    /// Why not.
    pub reason: NotAccepted,
}

/// The outcome of a record that was accepted, once it is there. Dropped, it changes nothing: the record is sent.
#[derive(Debug)]
#[must_use = "a record may fail; drop it on purpose if that does not matter"]
pub struct Delivery(oneshot::Receiver<Result<Outcome, PutError>>);

impl Future for Delivery {
    type Output = Result<Outcome, PutError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(context)
            .map(|received| received.unwrap_or_else(|_| Err(PutError::abandoned())))
    }
}

/// [`close`](Producer::close) did not wait for all records.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{records} records had no outcome within {within:?}, and failed: their errors say which may be stored"
)]
#[non_exhaustive]
pub struct CloseTimedOut {
    /// How many.
    pub records: usize,
    /// The deadline.
    pub within: Duration,
}

impl Producer {
    /// A producer for a stream of this name or ARN.
    pub fn builder(stream: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(stream.into())
    }

    pub(crate) fn new(shared: Arc<Shared>, record_bytes_max: usize) -> Self {
        Self {
            handle: Arc::new(Handle {
                shared,
                record_bytes_max,
            }),
        }
    }

    /// Accepts a record, and waits for room first if `buffered_bytes_max` is reached; whoever waits longest comes first.
    ///
    /// Dropped while it waits, the record is not accepted. What is returned tells the outcome later.
    ///
    /// # Errors
    /// If the record breaks a rule of the API or of the settings, or the producer is closed.
    pub async fn put(&self, record: UserRecord) -> Result<Delivery, NotAccepted> {
        let held_bytes = self.held_bytes(&record)?;
        let shared = &self.handle.shared;
        match shared.room.try_acquire_many(held_bytes) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::Closed) => return Err(NotAccepted::Closed),
            Err(TryAcquireError::NoPermits) => {
                let _waits = Waits::begin(shared);
                let permit = shared.room.acquire_many(held_bytes).await;
                permit.map_err(|_| NotAccepted::Closed)?.forget();
            }
        }
        self.accept(record, held_bytes)
            .map_err(|(_, reason)| reason)
    }

    /// Accepts a record if there is room now. Needs no `await`.
    ///
    /// # Errors
    /// The record comes back with the reason.
    pub fn try_put(&self, record: UserRecord) -> Result<Delivery, TryPutError> {
        let held_bytes = match self.held_bytes(&record) {
            Ok(held_bytes) => held_bytes,
            Err(reason) => {
                let record = Box::new(record);
                return Err(TryPutError { record, reason });
            }
        };
        match self.handle.shared.room.try_acquire_many(held_bytes) {
            Ok(permit) => permit.forget(),
            Err(error) => {
                let reason = match error {
                    TryAcquireError::Closed => NotAccepted::Closed,
                    TryAcquireError::NoPermits => NotAccepted::Full,
                };
                let record = Box::new(record);
                return Err(TryPutError { record, reason });
            }
        }
        self.accept(record, held_bytes)
            .map_err(|(record, reason)| TryPutError {
                record: Box::new(record),
                reason,
            })
    }

    /// Sends what waits without waiting for company, and returns once every record that was accepted before has its
    /// outcome: within the time to live and one request's timeout.
    ///
    /// Dropped, it changes nothing.
    pub async fn flush(&self) {
        let mut progress = self.handle.shared.progress.subscribe();
        let flush = self.handle.shared.pipeline().flush();
        self.handle.shared.wake.notify_one();
        // The sender lives as long as this handle.
        drop(
            progress
                .wait_for(|progress| progress.flushes_done >= flush || progress.is_over)
                .await,
        );
    }

    /// Accepts no more records, for all clones; sends what waits, and returns once every record has its outcome.
    ///
    /// # Errors
    /// After `within`, the records without an outcome fail as [`Closed`](crate::PutErrorKind::Closed) and calls under way
    /// are dropped.
    pub async fn close(self, within: Duration) -> Result<(), CloseTimedOut> {
        let shared = &self.handle.shared;
        begin_to_close(shared);
        let mut progress = shared.progress.subscribe();
        let over = progress.wait_for(|progress| progress.is_over);
        if timeout(within, over).await.is_ok() {
            return Ok(());
        }
        let records = {
            let mut pipeline = shared.pipeline();
            let records = pipeline.user_records_pending();
            pipeline.abandon();
            records
        };
        shared.wake.notify_one();
        // The task hands out what is settled and ends; it waits for nothing any more.
        drop(progress.wait_for(|progress| progress.is_over).await);
        if records == 0 {
            Ok(())
        } else {
            Err(CloseTimedOut { records, within })
        }
    }

    /// User records that were accepted and have no outcome yet.
    pub fn user_records_pending(&self) -> usize {
        self.handle.shared.pipeline().user_records_pending()
    }

    #[cfg(test)]
    pub(crate) fn buffered_bytes(&self) -> usize {
        self.handle.shared.pipeline().held_bytes()
    }

    /// What the record takes of the bound on buffered bytes.
    fn held_bytes(&self, record: &UserRecord) -> Result<u32, NotAccepted> {
        let key = &record.partition_key;
        // A character takes at most 4 bytes, and at least one: only long keys are counted.
        if key.is_empty() || key.len() > PARTITION_KEY_CHARS_MAX {
            let characters = key.chars().count();
            if !(1..=PARTITION_KEY_CHARS_MAX).contains(&characters) {
                return Err(NotAccepted::PartitionKey(characters));
            }
        }
        let bytes = key.len() + record.data.len();
        let bytes_max = self.handle.record_bytes_max;
        if bytes > bytes_max {
            return Err(NotAccepted::TooLarge { bytes, bytes_max });
        }
        let held_bytes = bytes + RECORD_OVERHEAD_BYTES;
        Ok(u32::try_from(held_bytes).expect("a record is at most 10 MiB"))
    }

    /// Takes a record for which there is room.
    #[expect(clippy::result_large_err, reason = "inlined where it is called")]
    fn accept(
        &self,
        record: UserRecord,
        held_bytes: u32,
    ) -> Result<Delivery, (UserRecord, NotAccepted)> {
        let shared = &self.handle.shared;
        let hash_key = record.hash_key();
        let (ticket, delivery) = oneshot::channel();
        let now = shared.now();
        let accepted = shared
            .pipeline()
            .put(now, record, hash_key, held_bytes, ticket);
        match accepted {
            Ok(wake) => {
                if wake {
                    shared.wake.notify_one();
                }
                Ok(Delivery(delivery))
            }
            Err(record) => {
                shared.room.add_permits(held_bytes as usize);
                Err((record, NotAccepted::Closed))
            }
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("user_records_pending", &self.user_records_pending())
            .finish_non_exhaustive()
    }
}

/// Counts a put that waits for room.
struct Waits<'a>(&'a Shared);

impl<'a> Waits<'a> {
    fn begin(shared: &'a Shared) -> Self {
        shared.waiting.fetch_add(1, Ordering::Relaxed);
        shared.wake.notify_one();
        Self(shared)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
