//! An engine whose own logs are sealed.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::{
    Append, AppendError, Appended, Bounds, Caps, Counter, EngineError, EngineStatus, GroupId,
    LogEngine, LogFuture, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_types::TimestampMs;
use parking_lot::RwLock;
use tokio::sync::watch;

use crate::key_ring::KeyRing;
use crate::sealed_bytes::{OWN_EXTRA_BYTES, open_own, seal_own};

/// In front of an engine: entries of the command log and of the metrics are sealed on their way in and opened on their way
/// out; those of other logs pass as they are, because whoever writes records seals them himself. Entries from before there
/// was a key are read as they are.
#[derive(Debug)]
pub struct SealedLogs {
    engine: Arc<dyn LogEngine>,
    keys: Arc<KeyRing>,
    /// Where the logs are that are sealed. Whoever uses a log creates it first, which finds one that is there.
    sealed: Arc<RwLock<Vec<Place>>>,
}

impl SealedLogs {
    /// In front of another engine.
    pub fn new(engine: Arc<dyn LogEngine>, keys: Arc<KeyRing>) -> Self {
        Self {
            engine,
            keys,
            sealed: Arc::default(),
        }
    }

    fn is_sealed(&self, place: Place) -> bool {
        self.sealed.read().contains(&place)
    }
}

fn is_own(group: GroupId) -> bool {
    group == GroupId::COMMANDS || group == GroupId::METRICS
}

/// Opens what was read of a sealed log.
fn open(keys: &KeyRing, place: Place, outcome: ReadOutcome) -> ReadOutcome {
    let ReadOutcome::Entries {
        mut entries,
        bounds,
    } = outcome
    else {
        return outcome;
    };
    for at in 0..entries.len() {
        let payload = std::mem::take(&mut entries[at].payload);
        match open_own(keys, payload, &place.to_bytes()) {
            Ok(opened) => entries[at].payload = opened,
            // What comes before is served.
            Err(_) if at > 0 => {
                entries.truncate(at);
                break;
            }
            Err(error) => {
                let offset = entries[at].offset;
                return ReadOutcome::Unreadable {
                    reason: format!("entry {offset}: {error}"),
                    next: Some(offset + 1),
                };
            }
        }
    }
    ReadOutcome::Entries { entries, bounds }
}

impl LogEngine for SealedLogs {
    fn create(
        &self,
        group: GroupId,
        log: LogId,
        spec: LogSpec,
    ) -> LogFuture<Result<Place, EngineError>> {
        let created = self.engine.create(group, log, spec);
        if !is_own(group) {
            return created;
        }
        let sealed = Arc::clone(&self.sealed);
        Box::pin(async move {
            let place = created.await?;
            let mut sealed = sealed.write();
            if !sealed.contains(&place) {
                sealed.push(place);
            }
            Ok(place)
        })
    }

    fn append_many(
        &self,
        mut appends: Vec<Append>,
    ) -> LogFuture<Vec<Result<Appended, AppendError>>> {
        for append in &mut appends {
            if self.is_sealed(append.place) {
                let about = append.place.to_bytes();
                append.payload = seal_own(&self.keys, &append.payload, &about);
            }
        }
        self.engine.append_many(appends)
    }

    fn read_many(&self, reads: Vec<ReadFrom>, wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
        let places: Vec<Option<Place>> = reads
            .iter()
            .map(|read| Some(read.place).filter(|place| self.is_sealed(*place)))
            .collect();
        let outcomes = self.engine.read_many(reads, wait);
        if places.iter().all(Option::is_none) {
            return outcomes;
        }
        let keys = Arc::clone(&self.keys);
        Box::pin(async move {
            let outcomes = outcomes.await.into_iter().zip(places);
            let opened = outcomes.map(|(outcome, place)| match place {
                Some(place) => open(&keys, place, outcome),
                None => outcome,
            });
            opened.collect()
        })
    }

    fn read_now(&self, read: ReadFrom) -> Option<ReadOutcome> {
        let place = read.place;
        let outcome = self.engine.read_now(read)?;
        Some(match self.is_sealed(place) {
            true => open(&self.keys, place, outcome),
            false => outcome,
        })
    }

    fn delete(&self, place: Place) -> LogFuture<Result<(), EngineError>> {
        self.engine.delete(place)
    }

    fn delete_group(&self, group: GroupId) -> LogFuture<Result<(), EngineError>> {
        self.engine.delete_group(group)
    }

    fn bounds(&self, place: Place) -> LogFuture<Result<Bounds, EngineError>> {
        self.engine.bounds(place)
    }

    fn offset_for_time(
        &self,
        place: Place,
        time: TimestampMs,
    ) -> LogFuture<Result<u64, EngineError>> {
        self.engine.offset_for_time(place, time)
    }

    fn trim(&self, place: Place, before: u64) -> LogFuture<Result<(), EngineError>> {
        self.engine.trim(place, before)
    }

    fn barrier(&self, place: Place) -> LogFuture<Result<u64, EngineError>> {
        self.engine.barrier(place)
    }

    fn caps(&self) -> Caps {
        let caps = self.engine.caps();
        Caps {
            entry_bytes_max: caps.entry_bytes_max.saturating_sub(OWN_EXTRA_BYTES),
            ..caps
        }
    }

    fn status(&self) -> watch::Receiver<EngineStatus> {
        self.engine.status()
    }

    fn counters(&self) -> Vec<Counter> {
        self.engine.counters()
    }

    fn verify(&self) -> LogFuture<Result<(), EngineError>> {
        self.engine.verify()
    }

    /// The keys first: once the engine has stopped, the folder may be another server's.
    fn stop(&self) -> LogFuture<Result<(), EngineError>> {
        let (engine, keys) = (Arc::clone(&self.engine), Arc::clone(&self.keys));
        Box::pin(async move {
            let closed = tokio::task::spawn_blocking(move || keys.close());
            closed.await.map_err(|_| EngineError::OutcomeUnknown)?;
            engine.stop().await
        })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use bytes::Bytes;
    use millstream_log::{EntryKind, MemoryEngine, MemorySettings};
    use millstream_types::SystemClock;

    use super::*;
    use crate::MasterKey;

    fn keys() -> Arc<KeyRing> {
        let master = MasterKey::from_base64(&BASE64_STANDARD.encode([1; 32])).unwrap();
        Arc::new(KeyRing::open(None, master, None).unwrap())
    }

    async fn append(engine: &dyn LogEngine, place: Place, payload: &'static str) {
        let append = Append {
            place,
            kind: EntryKind::Data,
            payload: Bytes::from_static(payload.as_bytes()),
            id: None,
        };
        engine.append_many(vec![append]).await[0].unwrap();
    }

    async fn read(engine: &dyn LogEngine, place: Place) -> Result<Vec<Bytes>, String> {
        let read = ReadFrom {
            place,
            from: 0,
            bytes_max: 1 << 20,
        };
        let waited = engine.read_many(vec![read], Duration::ZERO).await.remove(0);
        let payloads = |outcome| match outcome {
            ReadOutcome::Entries { entries, .. } => {
                Ok(entries.into_iter().map(|entry| entry.payload).collect())
            }
            other => Err(format!("{other:?}")),
        };
        let waited = payloads(waited);
        if let Some(now) = engine.read_now(read) {
            assert_eq!(payloads(now).is_ok(), waited.is_ok());
        }
        waited
    }

    #[tokio::test]
    async fn own_logs_are_sealed_below_and_plain_above_and_others_pass() {
        let settings = MemorySettings::default();
        let memory: Arc<dyn LogEngine> =
            Arc::new(MemoryEngine::new(settings, Arc::new(SystemClock)));
        let create = |group| memory.create(group, LogId(0), LogSpec::default());
        let commands = create(GroupId::COMMANDS).await.unwrap();
        append(&*memory, commands, "an old command").await;
        let sealed = SealedLogs::new(Arc::clone(&memory), keys());
        let create = |group| sealed.create(group, LogId(0), LogSpec::default());
        let metrics = create(GroupId::METRICS).await.unwrap();
        let records = create(GroupId(1)).await.unwrap();
        assert_eq!(create(GroupId::COMMANDS).await.unwrap(), commands);
        for place in [commands, metrics, records] {
            append(&sealed, place, "a secret word").await;
        }
        let expected = ["an old command", "a secret word"];
        assert_eq!(read(&sealed, commands).await.unwrap(), expected);
        assert_eq!(read(&sealed, metrics).await.unwrap(), expected[1..]);
        assert_eq!(read(&sealed, records).await.unwrap(), expected[1..]);
        let is_plain = |payload: &Bytes| payload.windows(6).any(|part| part == b"secret");
        for (place, plain) in [(commands, 0), (metrics, 0), (records, 1)] {
            let stored = read(&*memory, place).await.unwrap();
            assert_eq!(
                stored.iter().filter(|payload| is_plain(payload)).count(),
                plain
            );
        }
        // Another key opens nothing, and says so.
        let other = SealedLogs::new(Arc::clone(&memory), keys());
        other
            .create(GroupId::METRICS, LogId(0), LogSpec::default())
            .await
            .unwrap();
        let refused = read(&other, metrics).await.unwrap_err();
        assert!(refused.contains("is not among"), "{refused}");
        // Nor does an entry open in another log's place.
        let stored = read(&*memory, metrics).await.unwrap().remove(0);
        let moved = open_own(&sealed.keys, stored.clone(), &commands.to_bytes());
        assert!(moved.is_err());
        assert!(open_own(&sealed.keys, stored, &metrics.to_bytes()).is_ok());
    }
}
