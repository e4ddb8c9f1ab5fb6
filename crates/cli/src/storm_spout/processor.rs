//! One shard's records: emitted, and done when Storm says so.

use millstream_consumer::{Checkpointer, Failure, RecordBatch, RecordProcessor};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use super::tuple::{Layout, id_of};

/// A tuple on its way to Storm. Its shard is given away once nobody waits for the answer.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) id: String,
    pub(super) values: Vec<Value>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What Storm says of a tuple.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Acked,
    Failed,
}

/// Emits the records of one shard. Those of a batch are under way together; the library checkpoints up to the first that is
/// not done, hands out again what failed, and parks what failed too often.
pub(super) struct TupleProcessor {
    layout: Layout,
    to_storm: mpsc::Sender<Tuple>,
}

impl TupleProcessor {
    pub(super) fn new(layout: Layout, to_storm: mpsc::Sender<Tuple>) -> Self {
        Self { layout, to_storm }
    }

    /// Emits a record; none if it will never be a tuple, which the batch is told.
    async fn emit(
        &self,
        batch: &RecordBatch,
        index: usize,
    ) -> Option<Result<oneshot::Receiver<Answer>, mpsc::error::SendError<Tuple>>> {
        let record = &batch.records()[index];
        let values = match self.layout.values(batch.shard_id(), record) {
            Ok(values) => values,
            Err(cause) => {
                batch.failed(record, Failure::park(cause));
                return None;
            }
        };
        let (answer, answered) = oneshot::channel();
        let tuple = Tuple {
            id: id_of(batch.shard_id(), record),
            values,
            answer,
        };
        Some(self.to_storm.send(tuple).await.map(|()| answered))
    }

    /// Notes what Storm says of each record, until it has said it of all.
    async fn all(&self, batch: &RecordBatch) {
        let mut under_way = Vec::with_capacity(batch.records().len());
        for index in 0..batch.records().len() {
            match self.emit(batch, index).await {
                None => {}
                Some(Ok(answered)) => under_way.push((index, answered)),
                // Storm has gone; the worker is about to stop.
                Some(Err(_)) => break,
            }
        }
        for (index, answered) in under_way {
            let record = &batch.records()[index];
            match answered.await {
                Ok(Answer::Acked) => batch.done(record),
                Ok(Answer::Failed) => batch.failed(record, "Storm failed the tuple"),
                Err(_) => batch.later(record),
            }
        }
        if self.to_storm.is_closed() {
            batch.stopping().await;
        }
    }
}

impl RecordProcessor for TupleProcessor {
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        // What nothing is said of below comes again.
        for record in batch.records() {
            batch.later(record);
        }
        tokio::select! {
            biased;
            () = self.all(batch) => {}
            () = batch.stopping() => {}
        }
        Ok(())
    }
}
