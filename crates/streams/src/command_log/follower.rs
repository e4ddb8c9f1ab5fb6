//! The one task that follows the command log and applies what is there.

use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{CommandEntry, StreamId};
use millstream_log::{Bounds, EngineError, Entry, LogEngine, Place, ReadFrom, ReadOutcome};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::error::CommandLogError;
use super::outcomes::Outcomes;
use super::snapshots::{Snapshots, newest_above};
use crate::changing::Changing;
use crate::view::View;

/// Commands are read in pieces of about this many bytes.
const READ_BYTES: usize = 1024 * 1024;
/// How long one read waits at the tail.
const TAIL_PATIENCE: Duration = Duration::from_secs(10);
/// Pauses after a read that failed, or that did not wait although there was nothing.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Follows the command log.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(super) engine: Arc<dyn LogEngine>,
    pub(super) view: Arc<View>,
    pub(super) changing: Arc<Changing>,
    pub(super) place: Place,
    /// Every command below is applied.
    pub(super) next: u64,
    pub(super) outcomes: Arc<Outcomes>,
    /// Closed once no more commands are taken.
    pub(super) in_flight: Arc<Semaphore>,
    pub(super) snapshots: Snapshots,
}

impl Follower {
    /// Follows until `stop` and until the commands that are on their way then have their outcome; then stores the
    /// catalog. Ends earlier if there is something in the log that it does not understand: nothing is ever skipped.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut pause = PAUSE_MIN;
        let outcomes = Arc::clone(&self.outcomes);
        loop {
            let began = Instant::now();
            let read = self.read(TAIL_PATIENCE);
            tokio::select! {
                // What comes seldom first: a log that is always ahead holds up neither a snapshot nor a stop.
                biased;
                saved = self.snapshots.saved() => self.snapshot_saved(saved).await,
                () = stop.cancelled(), if !self.in_flight.is_closed() => self.in_flight.close(),
                () = outcomes.unwatched(), if self.in_flight.is_closed() => break,
                outcome = read => match self.follow(outcome).await {
                    // An engine that stops does not wait at its tail.
                    Ok(0) if began.elapsed() < TAIL_PATIENCE => pause = rested(pause).await,
                    Ok(_) => pause = PAUSE_MIN,
                    Err(error) if error.is_final() => {
                        tracing::error!(?error, "the command log cannot be followed");
                        return;
                    }
                    Err(error) => {
                        tracing::error!(%error, "the command log is followed again after a pause");
                        pause = rested(pause).await;
                    }
                },
            }
            self.snapshots.begin_if_due(&self.view, self.next);
        }
        let saved = self.snapshots.finish(&self.view, self.next).await;
        self.snapshot_saved(saved).await;
    }

    /// Applies every command that is there now.
    pub(super) async fn catch_up(&mut self) -> Result<(), CommandLogError> {
        loop {
            let outcome = self.read(Duration::ZERO).await;
            let entries = entries_of(outcome, self.next)?;
            if entries.is_empty() {
                return Ok(());
            }
            self.apply_all(&entries, |_| {})?;
        }
    }

    /// Reads on; borrows nothing.
    fn read(&self, wait: Duration) -> impl Future<Output = ReadOutcome> + use<> {
        let read = ReadFrom {
            place: self.place,
            from: self.next,
            bytes_max: READ_BYTES,
        };
        let outcomes = self.engine.read_many(vec![read], wait);
        async move { outcomes.await.pop().unwrap_or(ReadOutcome::NoSuchLog) }
    }

    /// Applies what was read, and tells how much it was.
    async fn follow(&mut self, outcome: ReadOutcome) -> Result<usize, CommandLogError> {
        if let ReadOutcome::OutOfRange(bounds) = &outcome
            && bounds.first > self.next
        {
            return self.take_over(*bounds).await;
        }
        let entries = entries_of(outcome, self.next)?;
        let changing = Arc::clone(&self.changing);
        let view = Arc::clone(&self.view);
        self.apply_all(&entries, |id| {
            if let Some(stream) = view.get(id) {
                changing.add(&stream);
            }
        })?;
        Ok(entries.len())
    }

    /// The only place where a command takes effect.
    fn apply_all(
        &mut self,
        entries: &[Entry],
        mut changed: impl FnMut(StreamId),
    ) -> Result<(), CommandLogError> {
        for Entry {
            offset, payload, ..
        } in entries
        {
            let entry = CommandEntry::decode(payload).map_err(|source| {
                let offset = *offset;
                CommandLogError::Command { offset, source }
            })?;
            let outcome = self.view.apply(&entry);
            match &outcome {
                Ok(applied) => applied.stream.into_iter().for_each(&mut changed),
                Err(reason) => {
                    tracing::debug!(%reason, ?entry, "a command in the log has no effect");
                }
            }
            self.next = offset + 1;
            self.outcomes.tell(*offset, outcome);
        }
        Ok(())
    }

    /// Another node has trimmed the log above what is applied here: goes on from its snapshot.
    async fn take_over(&mut self, bounds: Bounds) -> Result<usize, CommandLogError> {
        let snapshots = self.snapshots.load();
        let snapshots = snapshots.await?;
        let (catalog, next) = newest_above(snapshots, bounds.first)?;
        tracing::info!(
            from = self.next,
            next,
            "the catalog is taken from a snapshot"
        );
        let streams: Vec<_> = catalog.streams().cloned().collect();
        self.view.replace(catalog);
        self.next = next;
        self.outcomes.skip_to(next);
        streams.iter().for_each(|stream| self.changing.add(stream));
        Ok(streams.len().max(1))
    }

    async fn snapshot_saved(&mut self, saved: Option<u64>) {
        let Some(older) = saved else { return };
        if let Err(error) = self.engine.trim(self.place, older).await {
            tracing::warn!(%error, "the command log was not trimmed");
        }
    }
}

/// Rests, and tells how long to rest the next time.
async fn rested(pause: Duration) -> Duration {
    tokio::time::sleep(pause).await;
    (pause * 2).min(PAUSE_MAX)
}

/// Entries at or above `from`; none if no entry is there.
fn entries_of(outcome: ReadOutcome, from: u64) -> Result<Vec<Entry>, CommandLogError> {
    match outcome {
        ReadOutcome::Entries { entries, .. } => Ok(entries),
        ReadOutcome::OutOfRange(_) => Err(CommandLogError::Missing(from)),
        ReadOutcome::NoSuchLog => Err(EngineError::NoSuchLog.into()),
        ReadOutcome::Unreadable { reason, .. } => Err(CommandLogError::Unreadable(reason)),
    }
}

#[cfg(test)]
mod tests {
    use millstream_types::{Randomness, SystemRandomness, WallClock};

    use millstream_catalog::{ServiceCommand, StreamCommand, StreamSpec, TokenKey};
    use millstream_log::contract::ManualClock;
    use millstream_log::{
        LogFuture, MemoryEngine, MemorySettings, MemorySnapshots, Snapshot, SnapshotStore,
    };
    use millstream_types::StreamMode;

    use super::super::{CommandLog, open};
    use super::*;
    use crate::StreamSettings;
    use crate::tasks::{Computing, Tasks};

    struct Shared {
        engine: Arc<dyn LogEngine>,
        store: Arc<MemorySnapshots>,
        clock: Arc<ManualClock>,
    }

    impl Shared {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::default());
            let memory = MemoryEngine::new(MemorySettings::default(), clock.clone());
            Self {
                engine: Arc::new(memory),
                store: Arc::new(MemorySnapshots::new()),
                clock,
            }
        }

        async fn open(&self) -> (Arc<View>, Follower, CommandLog) {
            let (engine, store) = (self.engine.clone(), self.store.clone());
            let changing = Arc::new(Changing::default());
            let settings = StreamSettings::default();
            let surroundings = (
                self.clock.clone() as Arc<dyn WallClock>,
                Arc::new(SystemRandomness) as Arc<dyn Randomness>,
            );
            let opened = open(engine, store, surroundings, changing, &settings);
            opened.await.expect("opens")
        }
    }

    fn create(name: &str) -> StreamCommand {
        StreamCommand::BeginCreateStream {
            stream: StreamSpec {
                key: millstream_catalog::StreamKey {
                    account: "210987654321".parse().expect("an account"),
                    region: "eu-west-1".parse().expect("a region"),
                    name: name.parse().expect("a name"),
                },
                mode: StreamMode::Provisioned,
                shard_count: 1,
                retention_hours: 24,
                max_record_size_kib: 1024,
                tags: Default::default(),
                warm_throughput_mibps: None,
                record_distribution: Default::default(),
            },
            account_shards_max: None,
        }
    }

    /// Another node stored the catalog and trimmed the log while this one did not look.
    #[tokio::test(start_paused = true)]
    async fn one_that_fell_behind_a_trimmed_log_goes_on_from_a_snapshot() {
        let shared = Shared::new();
        let (behind, mut follower, _) = shared.open().await;
        let (ahead, other, commands) = shared.open().await;
        let tasks = Tasks::default();
        tasks.spawn("ahead", |stop| other.run(stop));
        let key = TokenKey::new([7; 32]);
        let set = commands.propose(ServiceCommand::SetTokenKey { key }).await;
        set.expect("set");
        for name in ["one", "two", "three"] {
            commands.propose(create(name)).await.expect("begun");
        }
        // Stores the catalog.
        assert!(tasks.stop(Duration::from_secs(5)).await);
        let trimmed = shared.engine.trim(follower.place, 4).await;
        trimmed.expect("trimmed");
        let outcome = follower.read(Duration::ZERO).await;
        follower.follow(outcome).await.expect("followed");
        assert_eq!(follower.next, 4);
        let all = |view: &View| view.read(Clone::clone);
        assert_eq!(all(&behind), all(&ahead));
        // Without the snapshot something would be missing: that is said, and nothing is skipped.
        let (_, mut lost, _) = shared.open().await;
        lost.next = 0;
        lost.snapshots = Snapshots::new(
            Arc::new(MemorySnapshots::new()),
            &[],
            &StreamSettings::default(),
        );
        let outcome = lost.read(Duration::ZERO).await;
        let error = lost.follow(outcome).await.expect_err("missing");
        assert!(error.is_final(), "{error}");
    }

    /// A store on a disk that is full.
    #[derive(Debug)]
    struct Full;

    impl SnapshotStore for Full {
        fn save(&self, _snapshot: Snapshot) -> LogFuture<Result<(), EngineError>> {
            Box::pin(std::future::ready(Err(EngineError::Io("planned".into()))))
        }

        fn load(&self) -> LogFuture<Result<Vec<Snapshot>, EngineError>> {
            Box::pin(std::future::ready(Ok(Vec::new())))
        }
    }

    /// The commands are all that there is of the catalog then.
    #[tokio::test(start_paused = true)]
    async fn where_no_snapshot_can_be_stored_no_command_is_trimmed() {
        let shared = Shared::new();
        let (_, mut follower, commands) = shared.open().await;
        let settings = StreamSettings {
            commands_per_snapshot: 1,
            computing: Computing::InPlace,
            ..StreamSettings::default()
        };
        follower.snapshots = Snapshots::new(Arc::new(Full), &[], &settings);
        let place = follower.place;
        let tasks = Tasks::default();
        tasks.spawn("follower", |stop| follower.run(stop));
        for name in ["one", "two", "three", "four"] {
            commands.propose(create(name)).await.expect("begun");
        }
        assert!(tasks.stop(Duration::from_secs(5)).await);
        let bounds = shared.engine.bounds(place).await.expect("there");
        assert_eq!(bounds.first, 0);
        let (view, ..) = shared.open().await;
        assert_eq!(view.read(|catalog| catalog.streams().count()), 4);
    }

    /// A command of a later version stops the node: it is never skipped.
    #[tokio::test(start_paused = true)]
    async fn a_command_of_a_later_version_ends_the_task() {
        let shared = Shared::new();
        let (view, follower, commands) = shared.open().await;
        let tasks = Tasks::default();
        let place = follower.place;
        tasks.spawn("follower", |stop| follower.run(stop));
        let append = millstream_log::Append {
            place,
            kind: millstream_log::EntryKind::Data,
            payload: r#"{"v":1,"at_ms":1,"command":{"paint_stream":{"id":1}}}"#.into(),
            id: None,
        };
        let answers = shared.engine.append_many(vec![append]).await;
        assert!(answers[0].is_ok());
        let outcome = commands.propose(create("one")).await;
        assert_eq!(outcome, Err(super::super::ProposeError::OutcomeUnknown));
        assert!(tasks.have_failed());
        assert_eq!(view.read(|catalog| catalog.streams().count()), 0);
    }
}
