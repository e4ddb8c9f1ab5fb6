//! SubscribeToShard: an answer that goes on for minutes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, stream};
use http::StatusCode;
use millstream_streams::{Lifetime, Subscription};
use millstream_types::AccountId;
use millstream_wire::event_stream::{
    EVENT_STREAM_CONTENT_TYPE, event_frame, exception_frame, initial_response_frame,
};
use millstream_wire::{ApiError, Encoding, decode};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::dispatch::Call;
use super::{Kinesis, held};
use crate::edge::Answer;
use crate::http::{AnswerBody, ByteBudget, Guard, Verdict};

/// A frame goes out in parts of at most so many bytes, so that it shows whether a client takes any.
const PART_BYTES_MAX: usize = 64 * 1024;
/// How long a subscription that is over may take to say so to its client.
const END_GRACE: Duration = Duration::from_secs(1);

impl Kinesis {
    /// Errors are answered here as long as there is no stream of events; later ones are frames of the stream.
    pub(super) async fn subscribe_to_shard(&self, call: Call<'_>) -> Result<Answer, ApiError> {
        let request = decode(call.operation, call.encoding, &call.body.bytes)?;
        let subscribed = self.streams.subscribe_to_shard(call.caller, request).await;
        let subscription = subscribed?;
        let progress = Arc::new(Progress::default());
        let lifetime = subscription.lifetime();
        let watch = watch(Arc::clone(&progress), lifetime, self.subscriber_timeout);
        Guard::current().set(watch);
        let sending = Sending {
            _gone: progress.gone.clone().drop_guard(),
            progress,
            encoding: call.encoding,
            subscription,
            answers: Arc::clone(&self.answers),
            account: call.caller.account.clone(),
            rest: initial_response_frame(call.encoding).into(),
            is_over: false,
        };
        Ok(Answer {
            body: AnswerBody::parts(sending.parts()),
            ..Answer::plain(StatusCode::OK, EVENT_STREAM_CONTENT_TYPE, Bytes::new())
        })
    }
}

/// How far the client has come, for the watch beside the answer.
#[derive(Debug, Default)]
struct Progress {
    /// Since when the client has a part to take; `None` while the next one is being made or waited for.
    waiting_since: Mutex<Option<Instant>>,
    /// Cancelled when the answer is dropped.
    gone: CancellationToken,
}

/// An answer that is being sent: at most one event is in memory, besides what the socket holds.
struct Sending {
    subscription: Subscription,
    encoding: Encoding,
    /// Of the present frame, what is not sent.
    rest: Bytes,
    answers: Arc<ByteBudget>,
    account: AccountId,
    progress: Arc<Progress>,
    is_over: bool,
    /// Tells the watch when this is dropped.
    _gone: DropGuard,
}

impl Sending {
    fn parts(self) -> impl Stream<Item = Bytes> + Send {
        stream::unfold(self, async |mut sending| {
            *sending.progress.waiting_since.lock() = None;
            let part = sending.part().await?;
            *sending.progress.waiting_since.lock() = Some(Instant::now());
            Some((part, sending))
        })
    }

    async fn part(&mut self) -> Option<Bytes> {
        if self.rest.is_empty() {
            self.rest = self.frame().await?;
        }
        Some(self.rest.split_to(self.rest.len().min(PART_BYTES_MAX)))
    }

    /// The next frame; `None` at the end.
    async fn frame(&mut self) -> Option<Bytes> {
        while !self.is_over {
            self.subscription.readable().await;
            let Some(next) = self.subscription.next_now().await else {
                continue;
            };
            // Nothing waits between the records and here, where their bytes begin to count.
            return match next? {
                Ok(event) => {
                    let frame = event_frame(self.encoding, &event);
                    let held = held(&self.answers, &self.account, frame);
                    // Without room the stream ends before the event, and the client subscribes again from there.
                    held.inspect_err(|error| tracing::warn!(%error, "a subscription ended early"))
                        .ok()
                }
                Err(error) => {
                    self.is_over = true;
                    Some(exception_frame(self.encoding, &error.into()).into())
                }
            };
        }
        None
    }
}

/// Watches over an answer, also while nobody asks for its next part: cuts off a client that takes nothing for `timeout`,
/// and one that does not take the end of its subscription.
async fn watch(progress: Arc<Progress>, lifetime: Lifetime, timeout: Duration) -> Verdict {
    let mut cut_off_at: Option<Instant> = None;
    loop {
        let waiting_since = *progress.waiting_since.lock();
        let stalled_at = waiting_since.unwrap_or_else(Instant::now) + timeout;
        let deadline = cut_off_at.map_or(stalled_at, |end| end.min(stalled_at));
        tokio::select! {
            biased;
            () = progress.gone.cancelled() => return Verdict::Done,
            () = lifetime.over(), if cut_off_at.is_none() => {
                cut_off_at = Some(Instant::now() + END_GRACE);
            }
            () = sleep_until(deadline) => {
                let has_stalled =
                    waiting_since.is_some() && *progress.waiting_since.lock() == waiting_since;
                if has_stalled || cut_off_at.is_some_and(|end| end <= Instant::now()) {
                    tracing::debug!(has_stalled, "a subscriber was cut off");
                    return Verdict::CutOff;
                }
            }
        }
    }
}
