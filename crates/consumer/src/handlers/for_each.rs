//! A closure for one record.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use crate::record_batch::Note;
use crate::{Checkpointer, Consumer, Failure, Record, RecordBatch, RecordProcessor, Run};

impl Consumer {
    /// Calls `handler` with every record, those of a shard one after the other and in order, those of different shards
    /// at the same time; [`parallel_keys_max`](crate::Settings::parallel_keys_max) allows more.
    ///
    /// `Ok` means that the record is done. A [`Failure`] is handled as it says itself, or as the
    /// [`FailurePolicy`](crate::FailurePolicy) says; a panic is a failure. While a record waits for its next try, the
    /// records behind it wait too (with `parallel_keys_max` those of the same key).
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
    /// consumer
    ///     .for_each(|record| async move {
    ///         println!("{}: {}", record.partition_key, std::str::from_utf8(&record.data)?);
    ///         Ok(())
    ///     })
    ///     .until(stop)
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn for_each<F, Done>(self, handler: F) -> Run
    where
        F: Fn(Record) -> Done + Send + Sync + 'static,
        Done: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let parallel_max = self.settings().parallel_keys_max;
        let handler = Arc::new(handler);
        self.process(move |_| ForEach::new(Arc::clone(&handler), parallel_max))
    }
}

/// Calls a closure with each record of a shard.
struct ForEach<F> {
    handler: Arc<F>,
    parallel_max: usize,
}

impl<F, Done> ForEach<F>
where
    F: Fn(Record) -> Done + Send + Sync + 'static,
    Done: Future<Output = Result<(), Failure>> + Send + 'static,
{
    fn new(handler: Arc<F>, parallel_max: usize) -> Self {
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
