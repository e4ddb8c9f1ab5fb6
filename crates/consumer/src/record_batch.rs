//! Records of one shard, handed out together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{ExtendedSequenceNumber, Failure, Record};

/// Records of one shard, in order; never empty. Clones are the same batch.
///
/// What a handler returns holds for the whole batch. A handler that knows better says it record by record, by
/// [`done`](Self::done) and [`failed`](Self::failed); then its result holds for the records of which it said nothing.
#[derive(Debug, Clone)]
pub struct RecordBatch(Arc<Batch>);

#[derive(Debug)]
struct Batch {
    shard_id: Arc<str>,
    records: Vec<Record>,
    behind_latest: Duration,
    /// By index; shorter than `records` until something is said.
    notes: Mutex<Vec<Option<Note>>>,
    stopping: CancellationToken,
}

/// What a handler said of one record.
#[derive(Debug)]
pub(crate) enum Note {
    Done,
    Failed(Failure),
    /// Not tried; comes again.
    Later,
}

impl RecordBatch {
    /// A batch for tests of handlers.
    ///
    /// # Panics
    /// If `records` is empty or not in order.
    pub fn new(shard_id: &str, records: Vec<Record>, behind_latest: Duration) -> Self {
        let in_order = records.windows(2).all(|pair| pair[0].place < pair[1].place);
        assert!(
            !records.is_empty() && in_order,
            "a batch holds at least one record, and its records are in order"
        );
        Self::of(
            shard_id.into(),
            records,
            behind_latest,
            CancellationToken::new(),
        )
    }

    pub(crate) fn of(
        shard_id: Arc<str>,
        records: Vec<Record>,
        behind_latest: Duration,
        stopping: CancellationToken,
    ) -> Self {
        Self(Arc::new(Batch {
            shard_id,
            records,
            behind_latest,
            notes: Mutex::default(),
            stopping,
        }))
    }

    /// Some of the records as a batch of their own, of which nothing is said yet.
    pub(crate) fn part(&self, indices: &[usize]) -> Self {
        let records = indices.iter().map(|index| self.0.records[*index].clone());
        Self::of(
            Arc::clone(&self.0.shard_id),
            records.collect(),
            self.0.behind_latest,
            self.0.stopping.clone(),
        )
    }

    /// The shard.
    pub fn shard_id(&self) -> &str {
        &self.0.shard_id
    }

    /// The records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.0.records
    }

    /// How far the end of the batch was behind the tip of the shard when it was read; zero at the tip.
    pub fn behind_latest(&self) -> Duration {
        self.0.behind_latest
    }

    /// Whether the worker is stopping or handing the shard over. A handler that is long at a batch may return early
    /// then: what it has noted as done is kept, the rest goes to whoever comes next.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Waits until the worker is stopping or handing the shard over.
    pub async fn stopping(&self) {
        self.0.stopping.cancelled().await;
    }

    /// Notes that the record is done, whatever becomes of the batch.
    ///
    /// # Panics
    /// If the record is not of this batch.
    pub fn done(&self, record: &Record) {
        self.note(self.index_of(record), Note::Done);
    }

    /// Notes that the record failed, whatever becomes of the batch.
    ///
    /// # Panics
    /// If the record is not of this batch.
    pub fn failed(&self, record: &Record, failure: impl Into<Failure>) {
        self.note(self.index_of(record), Note::Failed(failure.into()));
    }

    /// Notes that the record was not tried and comes again, whatever becomes of the batch.
    ///
    /// # Panics
    /// If the record is not of this batch.
    pub fn later(&self, record: &Record) {
        self.note(self.index_of(record), Note::Later);
    }

    fn index_of(&self, record: &Record) -> usize {
        let found = self
            .0
            .records
            .binary_search_by(|other| other.place.cmp(&record.place));
        found.expect("the record is of this batch")
    }

    pub(crate) fn note(&self, index: usize, note: Note) {
        let mut notes = self.notes();
        if notes.len() < self.0.records.len() {
            notes.resize_with(self.0.records.len(), || None);
        }
        notes[index] = Some(note);
    }

    pub(crate) fn take_notes(&self) -> Vec<Option<Note>> {
        std::mem::take(&mut *self.notes())
    }

    /// The first record that was noted as not done.
    pub(crate) fn first_unfinished(&self) -> Option<&ExtendedSequenceNumber> {
        let notes = self.notes();
        let index = notes
            .iter()
            .position(|note| matches!(note, Some(Note::Failed(_) | Note::Later)))?;
        Some(&self.0.records[index].place)
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Option<Note>>> {
        self.0.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
