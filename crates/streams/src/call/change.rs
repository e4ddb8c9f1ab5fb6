//! Proposing a change, and waiting until it is done.

use millstream_catalog::{Applied, Command, ConsumerKey, Rejected, Stream, StreamId};

use std::time::Duration;

use super::Call;
use crate::{Failure, refusals};

/// How long a control-plane call waits for its change to be finished before it returns all the same.
const SETTLE_PATIENCE: Duration = Duration::from_secs(10);

impl Call<'_> {
    /// Proposes a command and waits until it is durable and applied, or the catalog has rejected it.
    ///
    /// If the future is dropped, the command may still be applied.
    pub(crate) async fn submit(
        &self,
        command: impl Into<Command>,
    ) -> Result<Result<Applied, Rejected>, Failure> {
        match self.inner().commands.propose(command).await {
            Ok(applied) => Ok(Ok(applied)),
            Err(error) => refusals::unless_rejected(error).map(Err),
        }
    }

    /// Proposes a change of a stream and waits until it is durable and applied.
    ///
    /// `own` says what a rejection means that only this operation can meet; one that is nobody's matter is logged and
    /// an internal failure. If the future is dropped, the change may still be applied.
    pub(crate) async fn change(
        &self,
        stream: &Stream,
        command: impl Into<Command>,
        own: impl FnOnce(Rejected) -> Option<Failure>,
    ) -> Result<Applied, Failure> {
        self.submit(command).await?.map_err(|reason| {
            let shared = refusals::of_any_change(reason, &stream.key);
            match shared.or_else(|| own(reason)) {
                Some(failure) => failure.because(reason),
                None => refusals::unexpected(reason),
            }
        })
    }

    /// Waits for a change that a command began, unless the operator asked for slow transitions.
    pub(crate) async fn settled(&self, id: StreamId) {
        let inner = self.inner();
        if !inner.settings.transition.is_zero() {
            return;
        }
        let settled = inner.view.wait_for(SETTLE_PATIENCE, |catalog| {
            let is_changing = catalog.get(id).is_some_and(|stream| stream.is_changing());
            (!is_changing).then_some(())
        });
        // If it takes longer, the stream's status says so, as on AWS.
        let _ = settled.await;
    }

    /// As [`settled`](Self::settled), of a consumer.
    pub(crate) async fn consumer_settled(&self, id: StreamId, key: &ConsumerKey) {
        let inner = self.inner();
        if !inner.settings.transition.is_zero() {
            return;
        }
        let settled = inner.view.wait_for(SETTLE_PATIENCE, |catalog| {
            let stream = catalog.get(id);
            let consumer = stream.and_then(|stream| stream.consumer_of(key));
            let is_changing = consumer.is_some_and(|consumer| consumer.is_changing());
            (!is_changing).then_some(())
        });
        let _ = settled.await;
    }
}
