//! Consumers come and go: what a registration or a deregistration begins is finished after the transition time.
//! Subscriptions of consumers that go end at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Consumer, ConsumerCommand, ConsumerKey, StreamId};
use millstream_wire::shapes::ConsumerStatus;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::{PAUSE_MAX, PAUSE_MIN};
use crate::changing::Changing;
use crate::command_log::{CommandLog, ProposeError};
use crate::subscriptions::Subscriptions;
use crate::tasks::Tasks;
use crate::view::View;

/// One transition of one consumer; true if it is being deleted.
type Transition = (StreamId, ConsumerKey, bool);

/// Sees to it that consumers do not stay CREATING or DELETING, and that those that go have no subscriptions.
#[derive(Debug)]
pub(crate) struct ConsumerLifeCycle {
    view: Arc<View>,
    commands: CommandLog,
    changing: Arc<Changing>,
    subscriptions: Arc<Subscriptions>,
    transition: Duration,
    /// Transitions that have a task; at most two for each consumer there is.
    running: Mutex<BTreeSet<Transition>>,
}

impl ConsumerLifeCycle {
    pub(crate) fn new(
        view: Arc<View>,
        commands: CommandLog,
        changing: Arc<Changing>,
        subscriptions: Arc<Subscriptions>,
        transition: Duration,
    ) -> Self {
        Self {
            view,
            commands,
            changing,
            subscriptions,
            transition,
            running: Mutex::default(),
        }
    }

    /// Starts a task for each consumer that is changing, until `stop`.
    pub(crate) async fn supervise(self: Arc<Self>, tasks: Arc<Tasks>, stop: CancellationToken) {
        loop {
            // Who is asked to stop begins nothing any more.
            let (id, was_interrupted) = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                next = self.changing.next_with_consumers() => next,
            };
            let Some(stream) = self.view.get(id) else {
                self.subscriptions.end_stream(id);
                continue;
            };
            for consumer in stream.consumers.iter().filter(|one| one.is_changing()) {
                if consumer.status == ConsumerStatus::Deleting {
                    self.subscriptions.end_consumer(id, &consumer.key);
                }
                self.start(&tasks, id, consumer, was_interrupted);
            }
        }
    }

    fn start(
        self: &Arc<Self>,
        tasks: &Tasks,
        id: StreamId,
        consumer: &Consumer,
        was_interrupted: bool,
    ) {
        let is_deletion = consumer.status == ConsumerStatus::Deleting;
        let transition = (id, consumer.key.clone(), is_deletion);
        if !self.running.lock().insert(transition.clone()) {
            return;
        }
        let (this, status) = (Arc::clone(self), consumer.status);
        tasks.spawn_once("change a consumer", move |stop| async move {
            let (id, key, _) = &transition;
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = this.drive(*id, key, status, was_interrupted) => {}
            }
            this.running.lock().remove(&transition);
        });
    }

    /// Waits for the transition time, then proposes the command that ends the transition until it is decided.
    async fn drive(
        &self,
        id: StreamId,
        key: &ConsumerKey,
        status: ConsumerStatus,
        was_interrupted: bool,
    ) {
        if !was_interrupted && !self.transition.is_zero() {
            let is_over = self.view.wait_for(self.transition, |catalog| {
                let stream = catalog.get(id);
                let consumer = stream.and_then(|stream| stream.consumer_of(key));
                (consumer.map(|consumer| consumer.status) != Some(status)).then_some(())
            });
            if is_over.await.is_some() {
                return;
            }
        }
        let mut pause = PAUSE_MIN;
        loop {
            let consumer = key.clone();
            let finish = match status {
                ConsumerStatus::Deleting => {
                    ConsumerCommand::FinishDeregisterConsumer { id, consumer }
                }
                ConsumerStatus::Creating | ConsumerStatus::Active => {
                    ConsumerCommand::FinishRegisterConsumer { id, consumer }
                }
            };
            match self.commands.propose(finish).await {
                // Rejected: it went another way meanwhile, or its stream is gone.
                Ok(_) | Err(ProposeError::Rejected(_)) => return,
                Err(error) => {
                    tracing::warn!(consumer = %key.name, %error, "a change of a consumer is tried again");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }
}
