//! What must be true of every record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::{POISON, REQUEST_TIMEOUT};
use crate::{
    Delivery, HashKey, MemoryStream, Outcome, PutError, PutErrorKind, Settings, UserRecord,
};

/// Partition key and explicit hash key.
type Key = (String, Option<HashKey>);

#[derive(Debug, Clone)]
pub(super) struct Audit {
    settings: Settings,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    log: Vec<String>,
    ids: u64,
    records: BTreeMap<u64, Watched>,
    /// From now on every record must be stored.
    expects_success: bool,
}

#[derive(Debug)]
struct Watched {
    key: Key,
    is_poison: bool,
    must_succeed: bool,
    is_accepted: bool,
    /// Somebody waits for the outcome.
    is_watched: bool,
    outcome: Option<Result<Outcome, PutError>>,
}

impl Audit {
    pub(super) fn new(settings: Settings) -> Self {
        let state = State {
            began: Instant::now(),
            log: Vec::new(),
            ids: 0,
            records: BTreeMap::new(),
            expects_success: false,
        };
        Self {
            settings,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn log(&self, event: String) {
        let mut state = self.state();
        let at = state.began.elapsed();
        state.log.push(format!("{at:?} {event}"));
    }

    pub(super) fn into_log(self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    pub(super) fn next_id(&self) -> u64 {
        let mut state = self.state();
        state.ids += 1;
        state.ids
    }

    pub(super) fn expect_success(&self) {
        self.state().expects_success = true;
    }

    pub(super) fn offered(&self, id: u64, key: Key, is_poison: bool) {
        let mut state = self.state();
        let watched = Watched {
            key,
            is_poison,
            must_succeed: state.expects_success && !is_poison,
            is_accepted: false,
            is_watched: false,
            outcome: None,
        };
        state.records.insert(id, watched);
    }

    pub(super) fn accepted(&self, id: u64) {
        self.state().records.get_mut(&id).unwrap().is_accepted = true;
    }

    /// Records that somebody waits for.
    pub(super) fn open_records(&self) -> Vec<u64> {
        let state = self.state();
        let is_open = |watched: &Watched| watched.is_watched && watched.outcome.is_none();
        let open = state.records.iter().filter(|(_, watched)| is_open(watched));
        open.map(|(id, _)| *id).collect()
    }

    /// Waits for an outcome, which has a deadline.
    pub(super) fn watch(&self, id: u64, delivery: Delivery) {
        self.state().records.get_mut(&id).unwrap().is_watched = true;
        let audit = self.clone();
        let accepted_at = Instant::now();
        tokio::spawn(async move {
            let outcome = delivery.await;
            let took = accepted_at.elapsed();
            let limit = audit.settings.record_ttl + REQUEST_TIMEOUT + Duration::from_millis(50);
            if took > limit {
                audit.log(format!("BROKEN: the outcome of {id} took {took:?}"));
            }
            let mut state = audit.state();
            let watched = state.records.get_mut(&id).unwrap();
            watched.outcome = Some(outcome);
        });
    }

    pub(super) fn assert_settled(&self, ids: &[u64]) {
        let state = self.state();
        for id in ids {
            let watched = &state.records[id];
            assert!(watched.outcome.is_some(), "record {id} has no outcome");
        }
    }

    /// Checks everything against what the stream holds in the end. `is_clean` says that no record was given up.
    pub(super) fn assert_true(&self, stream: &MemoryStream, is_clean: bool) {
        let found = Found::read(stream);
        let state = self.state();
        let broken: Vec<_> = state
            .log
            .iter()
            .filter(|line| line.contains("BROKEN"))
            .collect();
        assert!(broken.is_empty(), "{broken:?}");
        for (id, watched) in &state.records {
            if !watched.is_accepted {
                assert!(
                    !found.anywhere.contains(id),
                    "{id} was not accepted, yet it is stored"
                );
                continue;
            }
            if watched.must_succeed {
                assert!(
                    found.delivered.contains_key(id),
                    "{id} is not on the stream"
                );
            }
            match &watched.outcome {
                Some(Ok(outcome)) => found.assert_there(*id, outcome),
                Some(Err(error)) => {
                    assert!(!watched.must_succeed, "{id} must succeed: {error}");
                    let is_refused = error.kind() == PutErrorKind::Refused;
                    assert!(!is_refused || watched.is_poison, "{id}: {error}");
                    assert!(!is_clean || error.kind() != PutErrorKind::Closed);
                    if !error.may_be_stored() {
                        assert!(!found.anywhere.contains(id), "{id} is stored, yet {error}");
                    }
                }
                None => assert!(!watched.is_watched),
            }
        }
        if self.settings.keep_order_per_key {
            found.assert_order(&state.records);
        }
    }
}

/// What readers find.
struct Found {
    /// Records by place: user records, and whether the KCL delivers them.
    by_place: BTreeMap<(String, String), (Vec<UserRecord>, bool)>,
    /// The first place of each in what the KCL delivers.
    delivered: BTreeMap<u64, usize>,
    anywhere: BTreeSet<u64>,
}

impl Found {
    fn read(stream: &MemoryStream) -> Self {
        let mut found = Self {
            by_place: BTreeMap::new(),
            delivered: BTreeMap::new(),
            anywhere: BTreeSet::new(),
        };
        for (place, stored) in stream.records().into_iter().enumerate() {
            let users = stored.user_records();
            let range = stream.range(&stored.shard_id).unwrap();
            let is_aggregate = users.len() > 1;
            let is_delivered =
                !is_aggregate || users.iter().all(|user| range.contains(user.hash_key()));
            for (index, user) in users.iter().enumerate() {
                let id = id_of(user);
                found.anywhere.insert(id);
                if is_delivered {
                    found
                        .delivered
                        .entry(id)
                        .or_insert(place * 1_000_000 + index);
                }
            }
            let at = (stored.shard_id, stored.sequence_number);
            found.by_place.insert(at, (users, is_delivered));
        }
        found
    }

    fn assert_there(&self, id: u64, outcome: &Outcome) {
        let at = (
            outcome.shard_id().to_owned(),
            outcome.sequence_number().to_owned(),
        );
        let (users, is_delivered) = self.by_place.get(&at).expect("a record at that place");
        assert!(is_delivered, "the KCL passes over {id} at {at:?}");
        let index = usize::try_from(outcome.sub_sequence_number()).unwrap();
        assert_eq!(id_of(&users[index]), id, "another record is at {at:?}");
        let attempts = outcome.attempts();
        let (last, before) = attempts.split_last().expect("an attempt");
        assert!(last.error.is_none());
        assert!(before.iter().all(|attempt| attempt.error.is_some()));
    }

    /// Of each key, what succeeded is there in the order of its puts.
    fn assert_order(&self, records: &BTreeMap<u64, Watched>) {
        let mut last: BTreeMap<&Key, (u64, usize)> = BTreeMap::new();
        for (id, watched) in records {
            if !matches!(watched.outcome, Some(Ok(_))) {
                continue;
            }
            let place = self.delivered[id];
            if let Some((earlier, earlier_place)) = last.insert(&watched.key, (*id, place)) {
                assert!(
                    earlier_place < place,
                    "{id} of {:?} stands before {earlier}",
                    watched.key
                );
            }
        }
    }
}

fn id_of(user: &UserRecord) -> u64 {
    let data = user.data.strip_prefix(POISON).unwrap_or(&user.data);
    u64::from_be_bytes(data[..8].try_into().unwrap())
}
