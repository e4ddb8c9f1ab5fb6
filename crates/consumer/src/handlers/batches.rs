//! Batches that an application takes and acknowledges.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use crate::{Checkpointer, Consumer, ConsumerError, Failure, RecordBatch, RecordProcessor, Run};

impl Consumer {
    /// The records as a stream of [`Batch`](crate::Batch)es, at most one of each shard at a time. A batch that is
    /// acknowledged is done; one that is dropped comes again.
    ///
    /// ```
    /// # use millstream_consumer::*;
    /// # use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let stream = MemoryStream::new(1);
    /// # stream.put("key", "data");
    /// # let consumer = Consumer::builder("application", "orders").source(stream).lease_table(MemoryLeaseTable::default()).build()?;
    /// # let stop = tokio::time::sleep(std::time::Duration::from_secs(30));
    /// let mut batches = consumer.batches().until(stop);
    /// while let Some(batch) = batches.next().await {
    ///     let batch = batch?;
    ///     println!("{} records of {}", batch.records().len(), batch.shard_id());
    ///     batch.ack();
    /// }
    /// # Ok(()) }
    /// ```
    pub fn batches(self) -> Batches {
        Batches::of(self)
    }
}

/// Records of one shard, handed to the application until it says what became of them.
///
/// A batch that is dropped without a word has failed as a whole, and comes again as the
/// [`FailurePolicy`](crate::FailurePolicy) says. Single records are noted through [`RecordBatch::done`] and
/// [`RecordBatch::failed`].
#[must_use = "a batch that is dropped counts as failed"]
pub struct Batch {
    batch: RecordBatch,
    checkpointer: Checkpointer,
    answer: Option<oneshot::Sender<Result<(), Failure>>>,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Deref for Batch {
    type Target = RecordBatch;

    fn deref(&self) -> &RecordBatch {
        &self.batch
    }
}

impl Batch {
    /// All records are done, but for those that were noted as failed. The next batch of the shard follows.
    pub fn ack(self) {
        self.answer(Ok(()));
    }

    /// The records failed, but for those that were noted as done.
    pub fn fail(self, failure: impl Into<Failure>) {
        self.answer(Err(failure.into()));
    }

    /// For [`CheckpointPolicy::Manual`](crate::CheckpointPolicy::Manual).
    pub fn checkpointer(&self) -> &Checkpointer {
        &self.checkpointer
    }

    /// Whether another worker has the shard now, or may have it: stop processing the batch, its outcome changes
    /// nothing any more.
    pub fn is_lost(&self) -> bool {
        self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn answer(mut self, result: Result<(), Failure>) {
        if let Some(answer) = self.answer.take() {
            // Nobody listens once the lease is lost.
            drop(answer.send(result));
        }
    }
}

/// Hands the batches of one shard to the application.
struct ToStream {
    batches: mpsc::Sender<Batch>,
}

impl RecordProcessor for ToStream {
    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        let (answer, answered) = oneshot::channel();
        let room = tokio::select! {
            biased;
            () = batch.stopping() => {
                batch.records().iter().for_each(|record| batch.later(record));
                return Ok(());
            }
            room = self.batches.reserve() => room,
        };
        let Ok(room) = room else {
            return Err(Failure::new("nobody takes the batches any more"));
        };
        room.send(Batch {
            batch: batch.clone(),
            checkpointer: checkpointer.clone(),
            answer: Some(answer),
        });
        answered
            .await
            .unwrap_or_else(|_| Err(Failure::new("the batch was dropped without an outcome")))
    }
}

/// A stream of batches; [`Consumer::batches`] makes it.
///
/// The worker starts with the first call of [`next`](Self::next), as a task of its own: leases are kept however long the
/// application takes. The last item is the worker's error, if it has one. It implements `futures::Stream`. Dropping it
/// stops all work at its next await; the leases then expire after the failover time.
#[must_use = "a stream does nothing until it is asked for a batch"]
pub struct Batches {
    run: State,
    batches: mpsc::Receiver<Batch>,
}

enum State {
    New(Run),
    Running(AbortOnDropHandle<Result<(), ConsumerError>>),
    Ended,
}

impl fmt::Debug for Batches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches").finish_non_exhaustive()
    }
}

impl Batches {
    fn of(consumer: Consumer) -> Self {
        let (to_application, batches) = mpsc::channel(1);
        let run = consumer.process(move |_| ToStream {
            batches: to_application.clone(),
        });
        Self {
            run: State::New(run),
            batches,
        }
    }

    /// Stops in good order when `stop` is ready, as [`Run::until`] does: batches that are out are waited for, and the
    /// stream ends after them.
    pub fn until<S>(mut self, stop: S) -> Self
    where
        S: Future + Send + 'static,
    {
        self.run = match self.run {
            State::New(run) => State::New(run.until(stop)),
            begun => begun,
        };
        self
    }

    /// The next batch of any shard; the worker's error if it ended by itself; `None` once it has stopped.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Batch, ConsumerError>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Batches {
    type Item = Result<Batch, ConsumerError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::New(_) = self.run
            && let State::New(run) = std::mem::replace(&mut self.run, State::Ended)
        {
            let task = tokio::spawn(run.into_future());
            self.run = State::Running(AbortOnDropHandle::new(task));
        }
        if let State::Running(run) = &mut self.run
            && let Poll::Ready(ended) = Pin::new(run).poll(context)
        {
            self.run = State::Ended;
            let ended = ended.unwrap_or_else(|panic| Err(ConsumerError::TaskFailed(panic.into())));
            if let Err(error) = ended {
                self.batches.close();
                return Poll::Ready(Some(Err(error)));
            }
        }
        match (self.batches.poll_recv(context), &self.run) {
            (Poll::Ready(Some(batch)), _) => Poll::Ready(Some(Ok(batch))),
            (Poll::Ready(None), _) | (Poll::Pending, State::Ended) => Poll::Ready(None),
            (Poll::Pending, _) => Poll::Pending,
        }
    }
}
