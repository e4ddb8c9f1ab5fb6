//! A closure for one record.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::record::Note;
use crate::{Checkpointer, Failure, Record, RecordBatch, RecordProcessor};

/// Calls a closure with each record of a shard.
pub(crate) struct ForEach<F> {
    handler: Arc<F>,
    parallel_max: usize,
}

impl<F, Done> ForEach<F>
where
    F: Fn(Record) -> Done + Send + Sync + 'static,
    Done: Future<Output = Result<(), Failure>> + Send + 'static,
{
    pub(crate) fn new(handler: Arc<F>, parallel_max: usize) -> Self {
        Self {
            handler,
            parallel_max,
        }
    }

    /// A panic is a failure of the record.
    async fn handle(&self, record: &Record) -> Result<(), Failure> {
        let call = AssertUnwindSafe(async { (self.handler)(record.clone()).await });
        call.catch_unwind()
            .await
            .unwrap_or_else(|panic| Err(Failure::new(format!("panic: {}", said(&*panic)))))
    }

    async fn one_by_one(&self, batch: &RecordBatch) -> Result<(), Failure> {
        for (index, record) in batch.records().iter().enumerate() {
            if batch.is_stopping() {
                (index..batch.records().len()).for_each(|index| batch.note(index, Note::Later));
                return Ok(());
            }
            self.handle(record)
                .await
                .map_err(|failure| failure.at(record))?;
            batch.note(index, Note::Done);
        }
        Ok(())
    }

    /// At most one record of a key at a time, in order. Behind one that failed, those of its key wait for its next try.
    async fn by_key(&self, batch: &RecordBatch) {
        let records = batch.records();
        let mut waiting: VecDeque<usize> = (0..records.len()).collect();
        // By key, what waits for the one under way.
        let mut busy: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        let mut failed: BTreeSet<&str> = BTreeSet::new();
        let mut running = FuturesUnordered::new();
        let run = |index: usize| async move { (index, self.handle(&records[index]).await) };
        loop {
            while running.len() < self.parallel_max
                && let Some(index) = waiting.pop_front()
            {
                let key = records[index].partition_key.as_str();
                if batch.is_stopping() || failed.contains(key) {
                    batch.note(index, Note::Later);
                } else if let Some(behind) = busy.get_mut(key) {
                    behind.push_back(index);
                } else {
                    busy.insert(key, VecDeque::new());
                    running.push(run(index));
                }
            }
            let Some((index, result)) = running.next().await else {
                return;
            };
            let key = records[index].partition_key.as_str();
            let mut behind = busy.remove(key).unwrap_or_default();
            match result {
                Ok(()) => batch.note(index, Note::Done),
                Err(failure) => {
                    batch.note(index, Note::Failed(failure));
                    failed.insert(key);
                }
            }
            if failed.contains(key) || batch.is_stopping() {
                behind
                    .into_iter()
                    .for_each(|index| batch.note(index, Note::Later));
            } else if let Some(next) = behind.pop_front() {
                busy.insert(key, behind);
                running.push(run(next));
            }
        }
    }
}

impl<F, Done> RecordProcessor for ForEach<F>
where
    F: Fn(Record) -> Done + Send + Sync + 'static,
    Done: Future<Output = Result<(), Failure>> + Send + 'static,
{
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        if self.parallel_max > 1 {
            self.by_key(batch).await;
            Ok(())
        } else {
            self.one_by_one(batch).await
        }
    }
}

/// What a panic said, if it was text.
fn said(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
