//! A sound engine behind a layer that breaks one promise.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::ready;
use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, Counter, CounterValue, EngineError, EngineStatus,
    EntryKind, GroupId, LogEngine, LogFuture, LogId, LogSpec, MemoryEngine, MemorySettings, Place,
    ReadFrom, ReadOutcome,
};
use millstream_types::{TimestampMs, WallClock};
use tokio::sync::watch;

/// The promise that is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    AcknowledgesWithoutWriting,
    WritesTwice,
    ChangesLongPayloads,
    ReversesCalls,
    SubmitsWhenPolled,
    ForgetsIds,
    ForgetsCloses,
    LooksUpLate,
    TrimsTooMuch,
    AnswersOtherTimes,
    BarrierTooLow,
    BarrierTooHigh,
    IgnoresPageLimit,
    GivesEmptyPages,
    ShowsNextTooHigh,
    NeverWakes,
    NeverWaits,
    KeepsDeleted,
    KeepsDeletedGroups,
    NeverStops,
    HidesWantOfRoom,
    ForgetsWhatItCounted,
}

/// The layer.
#[derive(Debug)]
pub(crate) struct Faulty {
    sound: Arc<MemoryEngine>,
    fault: Fault,
}

impl Faulty {
    pub(crate) fn new(fault: Fault, clock: Arc<dyn WallClock>) -> Self {
        Self::with_settings(fault, MemorySettings::default(), clock)
    }

    pub(crate) fn with_settings(
        fault: Fault,
        settings: MemorySettings,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let sound = MemoryEngine::new(settings, clock);
        Self {
            sound: Arc::new(sound),
            fault,
        }
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn spoil(&self, mut append: Append) -> Append {
        if self.has(Fault::ForgetsIds) {
            append.id = None;
        }
        if self.has(Fault::ForgetsCloses) {
            append.kind = EntryKind::Data;
        }
        if self.has(Fault::ChangesLongPayloads) && append.payload.len() > 150 {
            let mut payload = append.payload.to_vec();
            payload[149] ^= 1;
            append.payload = Bytes::from(payload);
        }
        append
    }
}

impl LogEngine for Faulty {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        self.sound.create(group, log, spec)
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        if self.has(Fault::KeepsDeleted) {
            return ready(Ok(())).boxed();
        }
        self.sound.delete(place)
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        if self.has(Fault::KeepsDeletedGroups) {
            return ready(Ok(())).boxed();
        }
        self.sound.delete_group(group)
    }

    fn append_many(&self, appends: Vec<Append>) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        let mut appends: Vec<_> = appends
            .into_iter()
            .map(|append| self.spoil(append))
            .collect();
        let (sound, fault) = (Arc::clone(&self.sound), self.fault);
        match fault {
            Fault::SubmitsWhenPolled => async move { sound.append_many(appends).await }.boxed(),
            Fault::WritesTwice => {
                let again = sound.append_many(appends.clone());
                async move {
                    again.await;
                    sound.append_many(appends).await
                }
                .boxed()
            }
            Fault::ReversesCalls => {
                appends.reverse();
                let answers = sound.append_many(appends);
                answers
                    .map(|answers| answers.into_iter().rev().collect())
                    .boxed()
            }
            Fault::AcknowledgesWithoutWriting => {
                let lost = appends.pop();
                let written = sound.append_many(appends);
                async move {
                    let mut answers = written.await;
                    if let Some(lost) = lost {
                        let bounds = sound.bounds(lost.place).await;
                        let guess = |bounds: Bounds| Appended {
                            offset: bounds.next,
                            time: bounds.last_time,
                        };
                        answers.push(Ok(bounds.map_or(
                            Appended {
                                offset: 0,
                                time: TimestampMs(0),
                            },
                            guess,
                        )));
                    }
                    answers
                }
                .boxed()
            }
            Fault::AnswersOtherTimes => {
                let answers = sound.append_many(appends);
                let earlier = |answer: Appended| Appended {
                    time: TimestampMs(answer.time.0 - 1),
                    ..answer
                };
                async move {
                    answers
                        .await
                        .into_iter()
                        .map(|answer| answer.map(earlier))
                        .collect()
                }
                .boxed()
            }
            _ => sound.append_many(appends),
        }
    }

    fn read_many(&self, mut reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        if self.has(Fault::IgnoresPageLimit) {
            reads
                .iter_mut()
                .for_each(|read| read.bytes_max = usize::MAX);
        }
        let sound = Arc::clone(&self.sound);
        match self.fault {
            Fault::NeverWaits => sound.read_many(reads, Duration::ZERO),
            Fault::NeverWakes => async move {
                tokio::time::sleep(wait).await;
                sound.read_many(reads, Duration::ZERO).await
            }
            .boxed(),
            Fault::GivesEmptyPages => {
                let limits: Vec<usize> = reads.iter().map(|read| read.bytes_max).collect();
                let outcomes = sound.read_many(reads, wait);
                async move {
                    let mut outcomes = outcomes.await;
                    for (outcome, limit) in outcomes.iter_mut().zip(limits) {
                        if let ReadOutcome::Entries { entries, .. } = outcome {
                            entries.retain(|entry| entry.payload.len() <= limit);
                        }
                    }
                    outcomes
                }
                .boxed()
            }
            _ => sound.read_many(reads, wait),
        }
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        let surplus = u64::from(self.has(Fault::ShowsNextTooHigh));
        let raise = move |bounds: Bounds| Bounds {
            next: bounds.next + surplus,
            ..bounds
        };
        self.sound
            .bounds(place)
            .map(move |bounds| bounds.map(raise))
            .boxed()
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        let later = TimestampMs(
            time.0
                .saturating_add(u64::from(self.has(Fault::LooksUpLate))),
        );
        self.sound.offset_for_time(place, later)
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        let surplus = u64::from(self.has(Fault::TrimsTooMuch));
        self.sound.trim(place, before.saturating_add(surplus))
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        let fault = self.fault;
        let spoil = move |offset: u64| match fault {
            Fault::BarrierTooLow => offset.saturating_sub(1),
            Fault::BarrierTooHigh => offset + 1,
            _ => offset,
        };
        self.sound
            .barrier(place)
            .map(move |offset| offset.map(spoil))
            .boxed()
    }

    fn caps(&self) -> Caps {
        self.sound.caps()
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        if self.has(Fault::HidesWantOfRoom) {
            return watch::Sender::new(EngineStatus::Serving).subscribe();
        }
        self.sound.status()
    }

    fn counters(&self) -> Vec<Counter> {
        let mut counters = self.sound.counters();
        if self.has(Fault::ForgetsWhatItCounted) {
            counters[0].value = CounterValue::Total(0);
        }
        counters
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        self.sound.verify()
    }

    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        if self.has(Fault::NeverStops) {
            return ready(Ok(())).boxed();
        }
        self.sound.stop()
    }
}
