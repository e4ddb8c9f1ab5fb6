//! The process that a worker runs in: it can be made to stand still, and then goes on as if nothing had been.
//!
//! While it stands still, none of its tasks is polled. Clocks run, what it has sent arrives, timers fire and answers come;
//! once it goes on, it finds all of that at once, in any order.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

tokio::task_local! {
    static PROCESS: Process;
}

#[derive(Debug, Clone)]
pub(crate) struct Process(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    stands_still: bool,
    /// Of the tasks that had something to do since then.
    held_up: Vec<Waker>,
    rng: StdRng,
}

impl Process {
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            stands_still: false,
            held_up: Vec::new(),
            rng: StdRng::seed_from_u64(seed),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(crate) fn stands_still(&self) -> bool {
        self.0.lock().unwrap().stands_still
    }

    pub(crate) fn stand_still(&self) {
        self.0.lock().unwrap().stands_still = true;
    }

    pub(crate) fn go_on(&self) {
        let mut state = self.0.lock().unwrap();
        state.stands_still = false;
        let mut held_up = std::mem::take(&mut state.held_up);
        held_up.shuffle(&mut state.rng);
        drop(state);
        held_up.into_iter().for_each(Waker::wake);
    }

    fn holds_up(&self, task: &Waker) -> bool {
        let mut state = self.0.lock().unwrap();
        let stands_still = state.stands_still;
        if stands_still && !state.held_up.iter().any(|held_up| held_up.will_wake(task)) {
            state.held_up.push(task.clone());
        }
        stands_still
    }

    /// Runs `task` in this process, and in it whatever it begins by [`of_this_process`].
    pub(crate) async fn run<F: Future>(self, task: F) -> F::Output {
        let process = self.clone();
        let mut task = pin!(task);
        let held = poll_fn(|cx| match process.holds_up(cx.waker()) {
            true => Poll::Pending,
            false => task.as_mut().poll(cx),
        });
        PROCESS.scope(self, held).await
    }
}

/// The task, as part of the process that calls this, if it is one of a simulation.
pub(crate) fn of_this_process<F: Future>(task: F) -> impl Future<Output = F::Output> {
    let process = PROCESS.try_with(Process::clone).ok();
    async move {
        match process {
            Some(process) => process.run(task).await,
            None => task.await,
        }
    }
}
