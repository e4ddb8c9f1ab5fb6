//! How commands ended, for whoever proposed them and waits.

use std::collections::BTreeMap;

use millstream_catalog::{Applied, Rejected};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Outcomes by offset, kept as long as somebody may ask for them: only those behind the oldest proposal that is on its
/// way, which has a deadline.
#[derive(Debug)]
pub(super) struct Outcomes {
    state: Mutex<State>,
    /// Rung when more is applied: whoever waits is woken in the order of its coming.
    told: Notify,
    /// How many proposals are on their way.
    watched: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// Everything below is applied.
    next: u64,
    known: BTreeMap<u64, Result<Applied, Rejected>>,
    /// Where each proposal that is on its way began, and how many began there.
    began: BTreeMap<u64, usize>,
}

/// A proposal on its way.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    outcomes: &'a Outcomes,
    began: u64,
}

impl Outcomes {
    pub(super) fn new(next: u64) -> Self {
        let state = State {
            next,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            told: Notify::new(),
            watched: watch::Sender::new(0),
        }
    }

    /// The command at `offset` was applied or rejected.
    pub(super) fn tell(&self, offset: u64, outcome: Result<Applied, Rejected>) {
        let mut state = self.state.lock();
        if !state.began.is_empty() {
            state.known.insert(offset, outcome);
        }
        state.next = offset + 1;
        drop(state);
        self.told.notify_waiters();
    }

    /// What is below `next` is in a snapshot that was taken over: how its commands ended nobody knows here.
    pub(super) fn skip_to(&self, next: u64) {
        self.state.lock().next = next;
        self.told.notify_waiters();
    }

    /// Everything below is applied.
    pub(super) fn next(&self) -> u64 {
        self.state.lock().next
    }

    /// Begins to keep outcomes.
    pub(super) fn watch(&self) -> Watch<'_> {
        let mut state = self.state.lock();
        let began = state.next;
        *state.began.entry(began).or_insert(0) += 1;
        self.watched.send_modify(|count| *count += 1);
        Watch {
            outcomes: self,
            began,
        }
    }

    /// Waits until no proposal is on its way. Safe to drop.
    pub(super) async fn unwatched(&self) {
        let mut watched = self.watched.subscribe();
        // The sender is in `self`, so that this cannot fail.
        drop(watched.wait_for(|count| *count == 0).await);
    }
}

impl Watch<'_> {
    /// Everything below was applied here when this began.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// Waits for the outcome of the command at `offset`; `None` if it is not known by `deadline`. Safe to drop.
    pub(super) async fn outcome(
        &self,
        offset: u64,
        deadline: Instant,
    ) -> Option<Result<Applied, Rejected>> {
        let Outcomes { state, told, .. } = self.outcomes;
        let outcome = async {
            loop {
                // Asked for before the look: what is told between the two rings too.
                let told = told.notified();
                let known = {
                    let state = state.lock();
                    (state.next > offset).then(|| state.known.get(&offset).copied())
                };
                match known {
                    Some(outcome) => return outcome,
                    None => told.await,
                }
            }
        };
        tokio::time::timeout_at(deadline, outcome).await.ok()?
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut state = self.outcomes.state.lock();
        if let Some(count) = state.began.get_mut(&self.began) {
            *count -= 1;
            if *count == 0 {
                state.began.remove(&self.began);
            }
        }
        let oldest = state.began.first_key_value().map(|(began, _)| *began);
        state.known = match oldest {
            Some(oldest) => state.known.split_off(&oldest),
            None => BTreeMap::new(),
        };
        self.outcomes.watched.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DONE: Result<Applied, Rejected> = Ok(Applied { stream: None });

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(1)
    }

    #[tokio::test(start_paused = true)]
    async fn an_outcome_that_comes_before_its_offset_is_known_is_kept() {
        let outcomes = Outcomes::new(5);
        let watch = outcomes.watch();
        outcomes.tell(7, Err(Rejected::StreamExists));
        outcomes.tell(9, DONE);
        assert_eq!(watch.began(), 5);
        let rejected = Some(Err(Rejected::StreamExists));
        assert_eq!(watch.outcome(7, soon()).await, rejected);
        assert_eq!(watch.outcome(9, soon()).await, Some(DONE));
        // Not there by the deadline, and not there at all.
        assert_eq!(watch.outcome(11, soon()).await, None);
        outcomes.skip_to(20);
        assert_eq!(watch.outcome(11, soon()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn outcomes_are_kept_no_longer_than_somebody_may_ask() {
        let outcomes = Outcomes::new(0);
        outcomes.tell(0, DONE);
        assert!(outcomes.state.lock().known.is_empty());
        let first = outcomes.watch();
        outcomes.tell(1, DONE);
        let second = outcomes.watch();
        outcomes.tell(2, DONE);
        drop(first);
        assert!(outcomes.state.lock().known.keys().eq(&[2]));
        drop(second);
        assert!(outcomes.state.lock().known.is_empty());
        outcomes.unwatched().await;
    }
}
