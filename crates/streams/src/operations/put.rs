//! What PutRecord and PutRecords share: routing, envelopes, and puts that meet a closing shard.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_log::{Append, AppendError, Appended, EntryKind, LogEngine, LogFuture, NotWritten};
use millstream_types::{HashKey, SequenceNumber};
use millstream_wire::shapes::{EncryptionType, InvalidRecordData, RecordData, RecordToPut};
use tokio::time::Instant;

use crate::envelope::{EnvelopeReader, EnvelopeWriter};
use crate::view::View;
use millstream_catalog::{ShardNumbers, Stream};

/// How long a put that meets a closing shard waits for the children.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);
/// Slots of the table that finds a shard's envelope; a power of two, and twice the records of a request at least.
const TARGET_SLOTS: usize = 1024;

/// Key and data of a record as they are stored; a record without a key has an empty one.
pub(super) fn stored<'a>(record: &'a RecordToPut<'_>) -> (&'a [u8], &'a RecordData<'a>) {
    let key = record.partition_key.as_deref().unwrap_or_default();
    (key.as_bytes(), &record.data)
}

/// Bytes of key and data together.
pub(super) fn size_bytes(record: &RecordToPut<'_>) -> usize {
    let (key, data) = stored(record);
    key.len() + data.decoded_len()
}

/// Why the records of an envelope are not known to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PutFailure {
    /// Not written: too much waits for the disk, or the shard's children did not open in time.
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

/// Records on the way to their shards, before anything is written.
pub(super) struct Routing {
    stream: Arc<Stream>,
    routed: Vec<Routed>,
    targets: Vec<Target>,
    /// For a slot, the number of a target plus one; 0 if it is free.
    slots: [u16; TARGET_SLOTS],
}

/// Where a record goes.
#[derive(Debug, Clone, Copy)]
struct Routed {
    hash: HashKey,
    /// Number of the envelope.
    envelope: u16,
    /// Index in the envelope.
    index: u16,
}

/// What goes to one shard.
struct Target {
    /// Position of the shard among the stream's open ones.
    position: usize,
    records: usize,
    bytes: usize,
}

impl Routing {
    /// `count` is the number of records to come; at most half of [`TARGET_SLOTS`].
    pub(super) fn new(stream: Arc<Stream>, count: usize) -> Self {
        Self {
            stream,
            routed: Vec::with_capacity(count),
            targets: Vec::new(),
            slots: [0; TARGET_SLOTS],
        }
    }

    /// Routes the next record, whose key and data have `bytes`; false if no shard takes it.
    pub(super) fn add(&mut self, hash: HashKey, bytes: usize) -> bool {
        let Some(position) = self.stream.route(hash) else {
            return false;
        };
        let envelope = self.target(position);
        let target = &mut self.targets[usize::from(envelope)];
        target.records += 1;
        target.bytes += bytes;
        self.routed.push(Routed {
            hash,
            envelope,
            index: 0,
        });
        true
    }

    fn target(&mut self, position: usize) -> u16 {
        let mut slot = position % TARGET_SLOTS;
        loop {
            match self.slots[slot].checked_sub(1) {
                Some(target) if self.targets[usize::from(target)].position == position => {
                    return target;
                }
                Some(_) => slot = (slot + 1) % TARGET_SLOTS,
                None => break,
            }
        }
        let target = u16::try_from(self.targets.len()).expect("at most one for each record");
        assert!(
            self.targets.len() < TARGET_SLOTS / 2,
            "the table never fills up"
        );
        self.slots[slot] = target + 1;
        self.targets.push(Target {
            position,
            records: 0,
            bytes: 0,
        });
        target
    }

    /// Writes the envelopes and submits them. `records` yields the records in the order in which they were added.
    ///
    /// # Errors
    /// If data is not base64 although it should have been checked; nothing is submitted then.
    pub(super) fn submit<'a>(
        mut self,
        records: impl Iterator<Item = (&'a [u8], &'a RecordData<'a>)>,
        view: &Arc<View>,
        engine: &Arc<dyn LogEngine>,
    ) -> Result<Submitted, InvalidRecordData> {
        let encryption_type = self.stream.encryption_type();
        let writer = |target: &Target| {
            EnvelopeWriter::with_room(target.records, target.bytes).encrypted(encryption_type)
        };
        let mut writers: Vec<EnvelopeWriter> = self.targets.iter().map(writer).collect();
        for (routed, (key, data)) in self.routed.iter_mut().zip(records) {
            routed.index = writers[usize::from(routed.envelope)].push(key, data)?;
        }
        let mut submitted = Submitted {
            view: Arc::clone(view),
            engine: Arc::clone(engine),
            envelopes: Vec::with_capacity(writers.len()),
            routed: self.routed,
            answered: 0,
            answers: Box::pin(std::future::ready(Vec::new())),
            encryption_type,
            stream: self.stream,
        };
        let positions = self.targets.iter().map(|target| target.position);
        submitted.append(positions.zip(writers));
        Ok(submitted)
    }
}

/// Records whose envelopes the engine has.
pub(super) struct Submitted {
    view: Arc<View>,
    engine: Arc<dyn LogEngine>,
    pub(super) stream: Arc<Stream>,
    routed: Vec<Routed>,
    /// As the stream was when the records came.
    encryption_type: EncryptionType,
    envelopes: Vec<Envelope>,
    /// How many envelopes are answered; `answers` is about the rest.
    answered: usize,
    answers: LogFuture<Vec<Result<Appended, AppendError>>>,
}

struct Envelope {
    shard: ShardNumbers,
    /// Kept for the children, if the shard turns out to be closed.
    payload: Bytes,
    answer: Answer,
}

#[derive(Clone, Copy)]
enum Answer {
    Stored(Appended),
    Closed,
    Failed(PutFailure),
}

/// What became of the records.
pub(super) struct Put {
    pub(super) stream: Arc<Stream>,
    pub(super) encryption_type: EncryptionType,
    routed: Vec<Routed>,
    envelopes: Vec<Envelope>,
}

impl Put {
    /// One result for each record, in the order of the request.
    pub(super) fn results(
        &self,
    ) -> impl Iterator<Item = (ShardNumbers, Result<SequenceNumber, PutFailure>)> {
        self.routed.iter().map(|routed| {
            let Envelope { shard, answer, .. } = &self.envelopes[usize::from(routed.envelope)];
            let result = match answer {
                Answer::Stored(Appended { offset, time }) => {
                    Ok(shard.sequence_number(*offset, routed.index, *time))
                }
                Answer::Closed => Err(PutFailure::Busy),
                Answer::Failed(failure) => Err(*failure),
            };
            (*shard, result)
        })
    }
}

impl Submitted {
    fn append(&mut self, envelopes: impl Iterator<Item = (usize, EnvelopeWriter)>) {
        let mut appends = Vec::with_capacity(envelopes.size_hint().0);
        for (position, writer) in envelopes {
            let shard = &self.stream.open_shards()[position];
            let payload = writer.finish();
            appends.push(Append {
                place: shard.place,
                kind: EntryKind::Data,
                payload: payload.clone(),
                id: None,
            });
            self.envelopes.push(Envelope {
                shard: shard.numbers(),
                payload,
                // Stands if the engine should not answer for the entry.
                answer: Answer::Failed(PutFailure::Unknown),
            });
        }
        self.answers = self.engine.append_many(appends);
    }

    /// Waits for the answers, and sends what a closed shard did not take to its children.
    ///
    /// If the future is dropped, the records may still be stored.
    pub(super) async fn finish(mut self) -> Put {
        let mut deadline = None;
        loop {
            let answers = (&mut self.answers).await;
            let mut met_closed = false;
            for (envelope, answer) in self.envelopes[self.answered..].iter_mut().zip(answers) {
                envelope.answer = match answer {
                    Ok(appended) => Answer::Stored(appended),
                    Err(AppendError::NotWritten(NotWritten::Closed)) => {
                        met_closed = true;
                        Answer::Closed
                    }
                    Err(AppendError::NotWritten(reason)) => Answer::Failed(reason.into()),
                    Err(AppendError::OutcomeUnknown) => Answer::Failed(PutFailure::Unknown),
                };
            }
            self.answered = self.envelopes.len();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + CLOSING_PATIENCE);
            if !met_closed || !self.reroute(deadline).await {
                return Put {
                    stream: self.stream,
                    encryption_type: self.encryption_type,
                    routed: self.routed,
                    envelopes: self.envelopes,
                };
            }
        }
    }

    /// Waits for the children of the shards that are closed and submits to them; false if there is nothing more to
    /// wait for.
    async fn reroute(&mut self, deadline: Instant) -> bool {
        let closed: Vec<_> = self
            .envelopes
            .iter()
            .filter(|envelope| matches!(envelope.answer, Answer::Closed))
            .map(|envelope| envelope.shard.id)
            .collect();
        let patience = deadline.saturating_duration_since(Instant::now());
        let found = self.view.wait_for(patience, |catalog| {
            let stream = catalog
                .get(self.stream.id)
                .filter(|stream| stream.is_usable());
            let Some(stream) = stream else {
                return Some(None);
            };
            let is_finished = |id| stream.shard(id).is_none_or(|shard| shard.is_closed());
            let are_finished = closed.iter().all(|id| is_finished(*id));
            are_finished.then(|| Some(Arc::clone(stream)))
        });
        match found.await {
            Some(Some(stream)) => {
                self.stream = stream;
                self.resubmit();
                true
            }
            Some(None) => {
                for envelope in &mut self.envelopes {
                    if matches!(envelope.answer, Answer::Closed) {
                        envelope.answer = Answer::Failed(PutFailure::StreamGone);
                    }
                }
                false
            }
            None => false,
        }
    }

    /// Sends the records of closed envelopes, in their order, to the shards that take them now.
    fn resubmit(&mut self) {
        let first = self.envelopes.len();
        let mut readers: Vec<Option<EnvelopeReader<'_>>> = self
            .envelopes
            .iter()
            .map(|envelope| match envelope.answer {
                Answer::Closed => EnvelopeReader::new(&envelope.payload).ok(),
                Answer::Stored(_) | Answer::Failed(_) => None,
            })
            .collect();
        let mut targets: Vec<(usize, EnvelopeWriter)> = Vec::new();
        for routed in &mut self.routed {
            let from = usize::from(routed.envelope);
            let Some(reader) = readers.get_mut(from).and_then(Option::as_mut) else {
                continue;
            };
            let record = reader.next().ok().flatten().expect("as it was written");
            let position = self.stream.route(routed.hash);
            let position = position.expect("a usable stream takes every hash key");
            let known = targets.iter().position(|(one, _)| *one == position);
            let number = known.unwrap_or_else(|| {
                // Grows with what comes: the children share what the parent had.
                let writer = EnvelopeWriter::with_room(0, 0);
                targets.push((position, writer.encrypted(self.encryption_type)));
                targets.len() - 1
            });
            let payload = &self.envelopes[from].payload;
            let data = RecordData::Raw((&payload[record.data]).into());
            let index = targets[number].1.push(&payload[record.key], &data);
            routed.index = index.expect("raw data needs no decoding");
            routed.envelope = u16::try_from(first + number).expect("few rounds of few envelopes");
        }
        drop(readers);
        for envelope in &mut self.envelopes {
            if matches!(envelope.answer, Answer::Closed) {
                // Its records are in other envelopes now.
                envelope.payload = Bytes::new();
                envelope.answer = Answer::Failed(PutFailure::Busy);
            }
        }
        self.append(targets.into_iter());
    }
}
