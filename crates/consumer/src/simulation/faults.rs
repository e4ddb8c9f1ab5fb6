//! A worker's connection to table, stream and dead letters: slow, failing, throttled, or cut off. What a worker has sent to
//! the table arrives, also if it has stopped waiting for it or died since.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};

use super::audit::Audit;
use crate::source::sealed::Sealed;
use crate::testing::MemoryLeaseTable;
use crate::{
    Conditional, DeadLetters, Lease, LeaseTable, LeaseTableError, NextRead, OpenShard, ParkFuture,
    ParkedRecord, ReadError, ReadFuture, Shard, ShardReads, Source, StartingPosition, TableFuture,
};

#[derive(Debug, Clone)]
pub(super) struct Faulty {
    table: MemoryLeaseTable,
    source: Arc<dyn Source>,
    audit: Audit,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    cut_off_until: Instant,
    throttled_until: Instant,
    failures_percent: u32,
    table_calls: u64,
    renewals: u64,
    shards_listed_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeeds,
    /// The request never arrives.
    Unsent,
    /// The request takes effect, its answer never arrives.
    Unanswered,
    /// The service says that it will not.
    Throttled,
}

impl Faulty {
    pub(super) fn new(
        table: MemoryLeaseTable,
        source: Arc<dyn Source>,
        audit: Audit,
        seed: u64,
    ) -> Self {
        let state = State {
            rng: StdRng::seed_from_u64(seed),
            cut_off_until: Instant::now(),
            throttled_until: Instant::now(),
            failures_percent: 5,
            table_calls: 0,
            renewals: 0,
            shards_listed_at: None,
        };
        Self {
            table,
            source,
            audit,
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(super) fn cut_off_for(&self, pause: Duration) {
        self.state.lock().unwrap().cut_off_until = Instant::now() + pause;
    }

    /// Most calls are refused that begin before then.
    pub(super) fn throttled_for(&self, pause: Duration) {
        self.state.lock().unwrap().throttled_until = Instant::now() + pause;
    }

    pub(super) fn table_calls(&self) -> u64 {
        self.state.lock().unwrap().table_calls
    }

    pub(super) fn renewals(&self) -> u64 {
        self.state.lock().unwrap().renewals
    }

    /// When it last heard which shards there are.
    pub(super) fn shards_listed_at(&self) -> Option<Instant> {
        self.state.lock().unwrap().shards_listed_at
    }

    pub(super) fn calm(&self) {
        let mut state = self.state.lock().unwrap();
        state.failures_percent = 0;
        state.cut_off_until = Instant::now();
        state.throttled_until = Instant::now();
    }

    fn draw(&self) -> (Fate, Duration, Duration) {
        let mut state = self.state.lock().unwrap();
        let fails = state.rng.random_range(0..100) < state.failures_percent;
        let is_throttled =
            Instant::now() < state.throttled_until && state.rng.random_range(0..10) >= 3;
        let fate = match (fails, state.rng.random()) {
            _ if is_throttled => Fate::Throttled,
            (false, _) => Fate::Succeeds,
            (true, false) => Fate::Unsent,
            (true, true) => Fate::Unanswered,
        };
        let is_calm = state.failures_percent == 0;
        let mut latency = || {
            // Now and then an answer takes longer than callers wait.
            let ms = if state.rng.random_range(0..200) == 0 && !is_calm {
                6000
            } else {
                60
            };
            Duration::from_millis(state.rng.random_range(1..ms))
        };
        (fate, latency(), latency())
    }

    async fn until_connected(&self) {
        loop {
            let until = self.state.lock().unwrap().cut_off_until;
            if Instant::now() >= until {
                return;
            }
            // It may be earlier: once all is calm.
            sleep_until(until.min(Instant::now() + Duration::from_millis(250))).await;
        }
    }

    fn on_table<T: Send + 'static>(
        &self,
        call: impl FnOnce(&MemoryLeaseTable, Audit) -> TableFuture<T> + Send + 'static,
    ) -> TableFuture<T> {
        let this = self.clone();
        let (fate, before, after) = this.draw();
        this.state.lock().unwrap().table_calls += 1;
        let in_calm = this.audit.is_calm();
        let under_way = async move {
            let _late = Late::unless(in_calm, &this.audit);
            this.until_connected().await;
            sleep(before).await;
            let lost = || LeaseTableError::Unavailable {
                table: "simulated".into(),
                source: "cut off".into(),
            };
            match fate {
                Fate::Unsent => return Err(lost()),
                Fate::Throttled => return Err(LeaseTableError::Throttled("simulated".into())),
                Fate::Succeeds | Fate::Unanswered => {}
            }
            let answer = call(&this.table, this.audit.clone()).await;
            sleep(after).await;
            this.until_connected().await;
            if fate == Fate::Unanswered {
                return Err(lost());
            }
            answer
        };
        // A task of its own: it goes on without whoever sent it.
        async move { tokio::spawn(under_way).await.unwrap() }.boxed()
    }

    fn on_stream<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> ReadFuture<T> + Send + 'static,
    ) -> ReadFuture<T> {
        let this = self.clone();
        async move {
            let _late = Late::unless(this.audit.is_calm(), &this.audit);
            let (fate, before, after) = this.draw();
            this.until_connected().await;
            sleep(before).await;
            let answer = call().await;
            this.answer(fate, before, after, answer).await
        }
        .boxed()
    }

    /// What becomes of an answer on its way back.
    async fn answer<T>(
        &self,
        fate: Fate,
        before: Duration,
        after: Duration,
        answer: Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        sleep(after).await;
        match fate {
            Fate::Succeeds => answer,
            Fate::Throttled => Err(ReadError::Throttled),
            Fate::Unsent if before.as_millis().is_multiple_of(2) => Err(ReadError::Throttled),
            Fate::Unsent => Err(ReadError::Expired),
            Fate::Unanswered => Err(ReadError::Unavailable("cut off".into())),
        }
    }
}

/// A call that began while not all was calm is a fault of the moment in which it ends.
struct Late(Option<Audit>);

impl Late {
    fn unless(in_calm: bool, audit: &Audit) -> Self {
        Self((!in_calm).then(|| audit.clone()))
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        if let Some(audit) = &self.0 {
            audit.note_fault();
        }
    }
}

impl LeaseTable for Faulty {
    fn ensure_exists(&self) -> TableFuture<()> {
        self.on_table(|table, _audit| table.ensure_exists())
    }

    fn list(&self) -> TableFuture<Vec<Lease>> {
        self.on_table(|table, _audit| table.list())
    }

    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>> {
        let lease_key = lease_key.to_owned();
        self.on_table(move |table, _audit| table.get(&lease_key))
    }

    fn create(&self, lease: Lease) -> TableFuture<bool> {
        self.on_table(move |table, audit| {
            audit.note_created(&table.rows(), &lease);
            table.create(lease)
        })
    }

    fn renew(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.state.lock().unwrap().renewals += 1;
        let lease = lease.clone();
        self.on_table(move |table, _audit| table.renew(&lease))
    }

    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        let (lease, worker_id) = (lease.clone(), worker_id.to_owned());
        self.on_table(move |table, _audit| table.hand_over(&lease, &worker_id))
    }

    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        let (lease, worker_id) = (lease.clone(), worker_id.to_owned());
        self.on_table(move |table, audit| {
            let taking = table.take(&lease, &worker_id);
            async move {
                let taken = taking.await;
                if let Ok(Conditional::Done(row)) = &taken {
                    audit.note_taken(row, &worker_id);
                }
                taken
            }
            .boxed()
        })
    }

    fn update(&self, lease: &Lease) -> TableFuture<Conditional> {
        let lease = lease.clone();
        self.on_table(move |table, audit| {
            let before = table.rows();
            let answer = table.update(&lease);
            audit.note_update(&before, &table.rows(), &lease);
            answer
        })
    }

    fn release(&self, lease: &Lease) -> TableFuture<Conditional> {
        let lease = lease.clone();
        self.on_table(move |table, _audit| table.release(&lease))
    }

    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional> {
        let seen = seen.clone();
        self.on_table(move |table, audit| {
            audit.note_restarted(&table.rows(), &seen, Some(&fresh));
            table.restart(&seen, fresh)
        })
    }

    fn remove(&self, seen: &Lease) -> TableFuture<bool> {
        let seen = seen.clone();
        self.on_table(move |table, audit| {
            audit.note_restarted(&table.rows(), &seen, None);
            table.remove(&seen)
        })
    }

    fn delete_finished(&self, seen: &Lease) -> TableFuture<()> {
        let seen = seen.clone();
        self.on_table(move |table, _audit| table.delete_finished(&seen))
    }
}

impl DeadLetters for Faulty {
    fn park(&self, parked: ParkedRecord) -> ParkFuture {
        let this = self.clone();
        async move {
            let (fate, before, after) = this.draw();
            this.until_connected().await;
            sleep(before).await;
            if matches!(fate, Fate::Unsent | Fate::Throttled) {
                return Err("the dead letters are cut off".into());
            }
            this.audit.note_parked(&parked);
            sleep(after).await;
            if fate == Fate::Unanswered {
                return Err("the answer of the dead letters is lost".into());
            }
            Ok(())
        }
        .boxed()
    }
}

impl Sealed for Faulty {}

impl Source for Faulty {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        let (this, source) = (self.clone(), Arc::clone(&self.source));
        let listing = self.on_stream(move || source.list_shards());
        async move {
            let listed = listing.await;
            if listed.is_ok() {
                this.state.lock().unwrap().shards_listed_at = Some(Instant::now());
            }
            listed
        }
        .boxed()
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let (this, shard_id) = (self.clone(), shard_id.to_owned());
        let source = Arc::clone(&self.source);
        let opening = self.on_stream(move || source.open(&shard_id, position));
        async move {
            let opened = opening.await?;
            let reads = FaultyReads {
                reads: opened.reads,
                faulty: this,
            };
            Ok(OpenShard {
                reads: Box::new(reads),
                ..opened
            })
        }
        .boxed()
    }
}

#[derive(Debug)]
struct FaultyReads {
    reads: Box<dyn ShardReads>,
    faulty: Faulty,
}

impl Sealed for FaultyReads {}

impl ShardReads for FaultyReads {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        async move {
            let (fate, before, after) = self.faulty.draw();
            self.faulty.until_connected().await;
            sleep(before).await;
            if self.is_pushed() {
                // What was pushed is gone with its answer.
                let pushed = self.reads.next(records_max).await;
                return self.faulty.answer(fate, before, after, pushed).await;
            }
            match fate {
                Fate::Succeeds => {
                    let read = self.reads.next(records_max).await;
                    self.faulty.answer(fate, before, after, read).await
                }
                // A read has no effect: whether it was made cannot be told.
                _ => {
                    let lost = Err(ReadError::TimedOut);
                    self.faulty.answer(fate, before, after, lost).await
                }
            }
        }
        .boxed()
    }

    fn is_pushed(&self) -> bool {
        self.reads.is_pushed()
    }
}
