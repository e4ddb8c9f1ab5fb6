//! What waits for one owner's database: bounded in bytes, each with a deadline.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use crate::answer::TableAnswer;
use crate::request::TableRequest;

/// What every request costs beside its body.
const REQUEST_BYTES: usize = 512;

/// A request that waits.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: TableRequest,
    pub(super) claim: Arc<Claim>,
    pub(super) reply: oneshot::Sender<TableAnswer>,
}

/// Who has a waiting request: its database, which then does it, or its caller, who has given it up.
#[derive(Debug, Default)]
pub(super) struct Claim(AtomicU8);

const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Claim {
    /// True if the request is to be done.
    pub(super) fn begin(&self) -> bool {
        self.take(BEGUN)
    }

    /// True if the request will not be done; false if it has begun.
    pub(super) fn give_up(&self) -> bool {
        self.take(GIVEN_UP)
    }

    fn take(&self, by: u8) -> bool {
        self.0
            .compare_exchange(0, by, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

/// Gives a request up when its caller goes away.
#[derive(Debug)]
pub(super) struct GiveUpOnDrop(pub(super) Arc<Claim>);

impl Drop for GiveUpOnDrop {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

/// Why a request does not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// Too many bytes wait.
    Full,
    /// The database is closed or closing.
    Closed,
}

/// A queue with one taker.
#[derive(Debug)]
pub(super) struct Queue {
    bytes_max: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    size_bytes: usize,
    is_closed: bool,
}

impl State {
    fn pop(&mut self) -> Option<Job> {
        let job = self.jobs.pop_front()?;
        self.size_bytes -= job.request.size_bytes() + REQUEST_BYTES;
        Some(job)
    }
}

/// What the taker got.
#[derive(Debug)]
pub(super) enum Taken {
    Job(Job),
    /// Nothing came in the time.
    Nothing,
    /// Nothing waits and nothing will.
    Closed,
}

impl Queue {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        }
    }

    /// Puts a request at the end. One that is refused comes back.
    pub(super) fn push(&self, job: Job) -> Result<(), Box<(NotQueued, Job)>> {
        let size_bytes = job.request.size_bytes() + REQUEST_BYTES;
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Box::new((NotQueued::Closed, job)));
        }
        // One request always finds room, however large.
        if state.size_bytes + size_bytes > self.bytes_max && !state.jobs.is_empty() {
            return Err(Box::new((NotQueued::Full, job)));
        }
        state.size_bytes += size_bytes;
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// The oldest request, or what became of waiting for one for `time`.
    pub(super) fn take(&self, time: Duration) -> Taken {
        let deadline = Instant::now() + time;
        let mut state = self.state.lock();
        loop {
            if let Some(job) = state.pop() {
                return Taken::Job(job);
            }
            if state.is_closed {
                return Taken::Closed;
            }
            if time.is_zero() {
                return Taken::Nothing;
            }
            if self.changed.wait_until(&mut state, deadline).timed_out() && state.jobs.is_empty() {
                return Taken::Nothing;
            }
        }
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().jobs.len()
    }

    /// Takes no more. What waits is still done.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// Takes no more if nothing waits; whether that is so.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut state = self.state.lock();
        state.is_closed |= state.jobs.is_empty();
        state.is_closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::TableOperation;
    use crate::owner::TableOwner;

    fn job(size_bytes: usize) -> Job {
        let body = format!("{{{}}}", " ".repeat(size_bytes.saturating_sub(2)));
        let owner = TableOwner {
            account: "111111111111".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
        };
        let request = TableRequest::read(&owner, TableOperation::PutItem, &body.into());
        Job {
            request: request.unwrap(),
            claim: Arc::default(),
            reply: oneshot::channel().0,
        }
    }

    #[test]
    fn a_full_queue_refuses_and_gives_room_back() {
        let queue = Queue::new(10_000);
        queue.push(job(100_000)).unwrap();
        assert_eq!(queue.push(job(1)).unwrap_err().0, NotQueued::Full);
        assert!(matches!(queue.take(Duration::ZERO), Taken::Job(_)));
        queue.push(job(4_000)).unwrap();
        queue.push(job(4_000)).unwrap();
        assert_eq!(queue.push(job(4_000)).unwrap_err().0, NotQueued::Full);
    }

    #[test]
    fn a_closed_queue_hands_out_what_waits() {
        let queue = Queue::new(10_000);
        assert!(matches!(queue.take(Duration::ZERO), Taken::Nothing));
        queue.push(job(1)).unwrap();
        assert!(!queue.close_if_empty());
        queue.close();
        assert_eq!(queue.push(job(1)).unwrap_err().0, NotQueued::Closed);
        assert!(matches!(queue.take(Duration::ZERO), Taken::Job(_)));
        assert!(matches!(queue.take(Duration::ZERO), Taken::Closed));
    }

    #[test]
    fn a_request_is_begun_or_given_up_but_not_both() {
        let begun = Claim::default();
        assert!(begun.begin() && !begun.give_up());
        let left = Arc::new(Claim::default());
        drop(GiveUpOnDrop(Arc::clone(&left)));
        assert!(!left.begin());
    }
}
