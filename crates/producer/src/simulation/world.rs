//! The stream and the way to it: slow, throttled, failing, changing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use super::POISON;
use super::audit::Audit;
use crate::{
    CallError, CallErrorKind, MemoryStream, OpenShard, PutAnswer, PutEntry, Settings, Transport,
    TransportFuture,
};

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) stream: MemoryStream,
    audit: Audit,
    settings: Settings,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    rng: StdRng,
    is_calm: bool,
    away_until: Instant,
    throttled_until: BTreeMap<String, Instant>,
    /// Lists as they were, until the moment that each is seen.
    lists: Vec<(Instant, Vec<OpenShard>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Succeeds,
    /// The request never arrives.
    Unsent,
    /// The request takes effect, its answer never arrives.
    Unanswered,
    /// The request takes effect long after its sender gave up.
    Late,
    /// It takes effect, and the answer holds too few records.
    CutShort,
    /// The service throttles the whole call.
    Throttled,
}

impl World {
    pub(super) fn new(shards: u32, seed: u64, audit: Audit, settings: Settings) -> Self {
        let stream = MemoryStream::new(shards);
        let state = State {
            rng: StdRng::seed_from_u64(seed),
            is_calm: false,
            away_until: Instant::now(),
            throttled_until: BTreeMap::new(),
            lists: vec![(Instant::now(), stream.open_shards())],
        };
        Self {
            stream,
            audit,
            settings,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// One random thing happens.
    pub(super) fn act(&self, rng: &mut StdRng) {
        let open = self.stream.open_shards();
        let index = rng.random_range(0..open.len());
        match rng.random_range(0..10) {
            0..3 => {
                let changed = if open.len() < 8 && rng.random() {
                    self.stream.split(index)
                } else {
                    self.stream.merge(index)
                };
                // Writers hear of it late.
                let delay = Duration::from_millis(rng.random_range(0..3000));
                self.audit
                    .log(format!("reshard {index} {changed}, listed after {delay:?}"));
                let list = (Instant::now() + delay, self.stream.open_shards());
                self.state().lists.push(list);
            }
            3..6 => {
                let pause = Duration::from_millis(rng.random_range(100..8000));
                self.audit
                    .log(format!("throttle {} for {pause:?}", open[index].shard_id));
                let until = Instant::now() + pause;
                self.state()
                    .throttled_until
                    .insert(open[index].shard_id.clone(), until);
            }
            6 => {
                let pause = Duration::from_millis(rng.random_range(100..12_000));
                self.audit.log(format!("away for {pause:?}"));
                self.state().away_until = Instant::now() + pause;
            }
            _ => {}
        }
    }

    pub(super) fn calm(&self) {
        let mut state = self.state();
        state.is_calm = true;
        state.away_until = Instant::now();
        state.throttled_until.clear();
        state.lists = vec![(Instant::now(), self.stream.open_shards())];
    }

    fn draw(&self) -> (Fate, Duration, Duration) {
        let mut state = self.state();
        let is_calm = state.is_calm;
        let fate = match state.rng.random_range(0..100) {
            0..3 => Fate::Unsent,
            3..6 => Fate::Unanswered,
            6 => Fate::Late,
            7 => Fate::CutShort,
            8..10 => Fate::Throttled,
            _ => Fate::Succeeds,
        };
        let fate = if is_calm { Fate::Succeeds } else { fate };
        let mut latency = || Duration::from_millis(state.rng.random_range(0..40));
        (fate, latency(), latency())
    }

    fn is_away(&self) -> bool {
        Instant::now() < self.state().away_until
    }

    /// Stores what it takes, entry by entry.
    fn apply(&self, entries: &[PutEntry]) -> Vec<PutAnswer> {
        let answers: Vec<PutAnswer> = entries
            .iter()
            .map(|entry| self.refusal(entry).unwrap_or_else(|| self.store(entry)))
            .collect();
        self.audit.log(format!("{answers:?}"));
        answers
    }

    fn store(&self, entry: &PutEntry) -> PutAnswer {
        self.stream
            .put(std::slice::from_ref(entry))
            .pop()
            .expect("an answer for the entry")
    }

    fn refusal(&self, entry: &PutEntry) -> Option<PutAnswer> {
        let mut state = self.state();
        if state.is_calm {
            return None;
        }
        let open = self.stream.open_shards();
        let shard = open
            .iter()
            .find(|shard| shard.hash_key_range.contains(entry.explicit_hash_key))?;
        let until = state.throttled_until.get(&shard.shard_id);
        let is_throttled = until.is_some_and(|until| Instant::now() < *until);
        let code = match state.rng.random_range(0..100) {
            _ if is_throttled => "ProvisionedThroughputExceededException",
            0..4 => "ProvisionedThroughputExceededException",
            4..6 => "InternalFailure",
            _ => return None,
        };
        Some(PutAnswer::Refused {
            code: code.into(),
            message: "simulated".into(),
        })
    }

    fn check_limits(&self, entries: &[PutEntry]) {
        assert!(!entries.is_empty());
        assert!(entries.len() <= self.settings.collection_max_count);
        let size = |entry: &PutEntry| entry.partition_key.len() + entry.data.len();
        let bytes: usize = entries.iter().map(size).sum();
        assert!(entries.len() == 1 || bytes <= self.settings.collection_max_size_bytes);
    }
}

fn lost() -> CallError {
    CallError {
        kind: CallErrorKind::Unknown,
        code: "Exception".into(),
        message: "connection lost".into(),
    }
}

/// An aggregate is never refused for what is in it.
fn is_poisoned(entry: &PutEntry) -> bool {
    entry.data.starts_with(POISON)
}

impl Transport for World {
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        self.check_limits(&entries);
        let this = self.clone();
        Box::pin(async move {
            let (fate, before, after) = this.draw();
            sleep(before).await;
            if fate == Fate::Unsent || this.is_away() {
                return Err(lost());
            }
            if fate == Fate::Throttled || entries.iter().any(is_poisoned) {
                let (kind, code) = if fate == Fate::Throttled {
                    (CallErrorKind::Throttled, "LimitExceededException")
                } else {
                    (CallErrorKind::Invalid, "InvalidArgumentException")
                };
                return Err(CallError {
                    kind,
                    code: code.into(),
                    message: "simulated".into(),
                });
            }
            if fate == Fate::Late {
                let late = this.clone();
                tokio::spawn(async move {
                    sleep(Duration::from_secs(7)).await;
                    late.apply(&entries);
                });
                std::future::pending::<()>().await;
                return Err(lost());
            }
            let mut answers = this.apply(&entries);
            sleep(after).await;
            // A server that was killed meanwhile has stored the records, and answers nobody.
            if fate == Fate::Unanswered || this.is_away() {
                return Err(lost());
            }
            if fate == Fate::CutShort {
                answers.pop();
            }
            Ok(answers)
        })
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        let this = self.clone();
        Box::pin(async move {
            let (fate, before, after) = this.draw();
            sleep(before).await;
            if !matches!(fate, Fate::Succeeds | Fate::CutShort) || this.is_away() {
                return Err(lost());
            }
            let mut shards = {
                let state = this.state();
                let mut seen = state.lists.iter().filter(|(at, _)| *at <= Instant::now());
                seen.next_back()
                    .map(|(_, list)| list.clone())
                    .unwrap_or_default()
            };
            if fate == Fate::CutShort {
                // A list with a hole, as while shards change.
                shards.pop();
            }
            sleep(after).await;
            Ok(shards)
        })
    }
}
