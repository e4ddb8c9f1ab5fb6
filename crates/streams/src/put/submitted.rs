//! Records whose envelopes the engine has, and what became of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_catalog::{ShardNumbers, Stream};
use millstream_log::{
    Append, AppendError, Appended, EntryKind, LogEngine, LogFuture, NotWritten, Place,
};
use millstream_sealing::DataKey;
use millstream_types::{EncryptionType, HashKey, SequenceNumber, ShardUse};
use millstream_wire::shapes::RecordData;
use tokio::time::Instant;

use super::PutFailure;
use crate::envelope::{EnvelopeReader, EnvelopeWriter, opened_with};
use crate::view::View;

/// How long a put that meets a closing shard waits for the children.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);

/// Where a record goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Routed {
    pub(super) hash: HashKey,
    /// Of key and data.
    pub(super) bytes: u32,
    /// Number of the envelope.
    pub(super) envelope: u16,
    /// Index in the envelope.
    pub(super) index: u16,
}

/// Records whose envelopes the engine has.
pub(crate) struct Submitted {
    view: Arc<View>,
    engine: Arc<dyn LogEngine>,
    pub(crate) stream: Arc<Stream>,
    routed: Vec<Routed>,
    /// As the stream was when the records came.
    encryption_type: EncryptionType,
    /// What they are sealed with.
    key: Option<Arc<DataKey>>,
    envelopes: Vec<Envelope>,
    /// How many envelopes are answered; `answers` is about the rest.
    answered: usize,
    answers: LogFuture<Vec<Result<Appended, AppendError>>>,
}

struct Envelope {
    shard: ShardNumbers,
    /// How many records it has, and the bytes of their keys and data; 0 once they are in others.
    records: usize,
    record_bytes: usize,
    /// Kept for the children, if the shard turns out to be closed. Sealed for this place, if there is a key.
    payload: Bytes,
    place: Place,
    answer: Answer,
}

#[derive(Clone, Copy)]
enum Answer {
    Stored(Appended),
    Closed,
    Failed(PutFailure),
}

/// What became of the records.
pub(crate) struct Put {
    pub(crate) stream: Arc<Stream>,
    pub(crate) encryption_type: EncryptionType,
    routed: Vec<Routed>,
    envelopes: Vec<Envelope>,
}

impl Put {
    /// What became of the records shard by shard, for whoever records the call. A shard that took records of its own
    /// and then those of a closed parent is there twice.
    pub(crate) fn shard_uses(&self) -> impl Iterator<Item = ShardUse> {
        let filled = self.envelopes.iter().filter(|one| one.records > 0);
        filled.map(|envelope| {
            let records = envelope.records as u64;
            let (stored, throttled, failed) = match envelope.answer {
                Answer::Stored(_) => (records, 0, 0),
                Answer::Closed | Answer::Failed(PutFailure::Busy) => (0, records, 0),
                Answer::Failed(_) => (0, 0, records),
            };
            ShardUse {
                shard: envelope.shard.id,
                records: stored,
                bytes: if stored > 0 {
                    envelope.record_bytes as u64
                } else {
                    0
                },
                throttled_records: throttled,
                failed_records: failed,
            }
        })
    }

    /// One result for each record, in the order of the request.
    pub(crate) fn results(
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
    /// Nothing is submitted yet.
    pub(super) fn new(
        stream: Arc<Stream>,
        view: &Arc<View>,
        engine: &Arc<dyn LogEngine>,
        key: Option<Arc<DataKey>>,
        routed: Vec<Routed>,
    ) -> Self {
        Self {
            view: Arc::clone(view),
            engine: Arc::clone(engine),
            encryption_type: stream.encryption_type(),
            key,
            stream,
            envelopes: Vec::new(),
            routed,
            answered: 0,
            answers: Box::pin(std::future::ready(Vec::new())),
        }
    }

    /// So many records for a shard, by its position among the open ones, are not to be written: over its limits. Before
    /// the first envelope that is.
    pub(super) fn refuse(&mut self, position: usize, records: usize) {
        debug_assert_eq!(self.answered, self.envelopes.len(), "nothing was submitted");
        let shard = &self.stream.open_shards()[position];
        self.envelopes.push(Envelope {
            shard: shard.numbers(),
            records,
            record_bytes: 0,
            payload: Bytes::new(),
            place: shard.place,
            answer: Answer::Failed(PutFailure::Busy),
        });
        self.answered += 1;
    }

    /// Submits the envelopes, each with the position of its shard among the open ones.
    pub(super) fn append(&mut self, envelopes: impl Iterator<Item = (usize, EnvelopeWriter)>) {
        let count = envelopes.size_hint().0;
        self.envelopes.reserve(count);
        let mut appends = Vec::with_capacity(count);
        for (position, writer) in envelopes {
            let shard = &self.stream.open_shards()[position];
            let (records, record_bytes) = (writer.records(), writer.record_bytes());
            let key = self.key.as_deref();
            let payload = writer.finish(key.map(|key| (key, shard.place)));
            appends.push(Append {
                place: shard.place,
                kind: EntryKind::Data,
                payload: payload.clone(),
                id: None,
            });
            self.envelopes.push(Envelope {
                shard: shard.numbers(),
                records,
                record_bytes,
                payload,
                place: shard.place,
                // Stands if the engine should not answer for the entry.
                answer: Answer::Failed(PutFailure::Unknown),
            });
        }
        if !appends.is_empty() {
            self.answers = self.engine.append_many(appends);
        }
    }

    /// Waits for the answers, and sends what a closed shard did not take to its children.
    ///
    /// If the future is dropped, the records may still be stored.
    pub(crate) async fn finish(mut self) -> Put {
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

    /// The records of an envelope that a closed shard did not take.
    fn kept(&self, envelope: &Envelope) -> Option<Bytes> {
        match (envelope.answer, &self.key) {
            (Answer::Closed, None) => Some(envelope.payload.clone()),
            (Answer::Closed, Some(key)) => {
                let opened = opened_with(&envelope.payload, key, envelope.place);
                Some(opened.expect("it was sealed here"))
            }
            (Answer::Stored(_) | Answer::Failed(_), _) => None,
        }
    }

    /// Sends the records of closed envelopes, in their order, to the shards that take them now.
    fn resubmit(&mut self) {
        let first = self.envelopes.len();
        let closed: Vec<Option<Bytes>> = self.envelopes.iter().map(|one| self.kept(one)).collect();
        let mut readers: Vec<Option<EnvelopeReader<'_>>> = closed
            .iter()
            .map(|closed| EnvelopeReader::new(closed.as_ref()?).ok())
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
            let payload = closed[from].as_ref().expect("its reader reads it");
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
                (envelope.records, envelope.record_bytes) = (0, 0);
                envelope.answer = Answer::Failed(PutFailure::Busy);
            }
        }
        self.append(targets.into_iter());
    }
}
