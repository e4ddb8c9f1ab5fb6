//! The work that a command begins and another one finishes: creating, closing and deleting logs, and letting consumers
//! come and go.
//!
//! One task for each stream that is changing does the next step, proposes the command that finishes it, and looks
//! again. Every step is idempotent, so a step that failed, or that a crash interrupted, is simply done again.

mod consumers;
mod steps;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Stream, StreamId};
use millstream_log::LogEngine;
use millstream_wire::shapes::StreamStatus;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub(crate) use consumers::ConsumerLifeCycle;

use crate::changing::Changing;
use crate::command_log::{CommandLog, ProposeError};
use crate::record_keys::RecordKeys;
use crate::tasks::Tasks;
use crate::view::View;
use steps::StepError;

/// Pauses after a step that failed.
const PAUSE_MIN: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Sees to it that what has begun is finished.
#[derive(Debug)]
pub(crate) struct LifeCycle {
    pub(crate) engine: Arc<dyn LogEngine>,
    pub(crate) record_keys: RecordKeys,
    pub(crate) view: Arc<View>,
    pub(crate) commands: CommandLog,
    pub(crate) changing: Arc<Changing>,
    pub(crate) transition: Duration,
    pub(crate) running: Mutex<BTreeSet<StreamId>>,
}

impl LifeCycle {
    /// Starts a task for each stream that is changing, until `stop`.
    pub(crate) async fn supervise(self: Arc<Self>, tasks: Arc<Tasks>, stop: CancellationToken) {
        loop {
            // Who is asked to stop begins nothing any more.
            let (id, was_interrupted) = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                next = self.changing.next() => next,
            };
            if !self.running.lock().insert(id) {
                continue;
            }
            let this = Arc::clone(&self);
            tasks.spawn_once("change a stream", move |stop| async move {
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = this.drive(id, was_interrupted) => {}
                }
            });
        }
    }

    /// Does what is due on a stream until nothing is. Dropped at any point, it can be started again.
    async fn drive(&self, id: StreamId, was_interrupted: bool) {
        let mut pause = PAUSE_MIN;
        let mut waited_as = None;
        while let Some(stream) = self.view.get(id).filter(|stream| stream.is_changing()) {
            if !was_interrupted && waited_as != Some(stream.status) {
                waited_as = Some(stream.status);
                self.wait_transition(&stream).await;
                continue;
            }
            match self.step(&stream).await {
                Ok(()) => pause = PAUSE_MIN,
                // Somebody else did it: another node, or an attempt whose outcome was unknown.
                Err(StepError::Propose(ProposeError::Rejected(reason))) => {
                    tracing::debug!(stream = %stream.key, %reason, "a change of a stream is done already");
                    tokio::time::sleep(PAUSE_MIN).await;
                }
                Err(error) => {
                    tracing::warn!(stream = %stream.key, %error, "a change of a stream is tried again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
        self.running.lock().remove(&id);
        // A command that came between the last look and the line above found this task still running.
        if let Some(stream) = self.view.get(id) {
            self.changing.add(&stream);
        }
    }

    /// Lets the stream stay as it is for the time that the operator wishes, or until its status changes.
    async fn wait_transition(&self, stream: &Stream) {
        if self.transition.is_zero() {
            return;
        }
        let status_changed = |status: Option<StreamStatus>| status != Some(stream.status);
        let changed = self.view.wait_for(self.transition, |catalog| {
            let status = catalog.get(stream.id).map(|stream| stream.status);
            status_changed(status).then_some(())
        });
        // Whether the time passed or the status changed: the caller looks again.
        let _ = changed.await;
    }
}
