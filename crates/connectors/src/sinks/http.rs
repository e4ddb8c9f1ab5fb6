//! `http`: items in batches, each a POST of JSON. At least once; every item's id is in the body.
//!
//! A batch that the receiver refuses is sent in halves until it is known which value is refused; a receiver that is busy or
//! broken is asked again. In the shape of a Lambda function's event the answer may name where it failed.

mod answer;
mod body;
mod request;
mod signature;

use std::sync::Arc;
use std::time::Duration;

use millstream_types::WallClock;

use self::request::Requests;
use super::halves::in_halves;
use crate::{Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

pub use self::body::{Lambda, Shape};
pub use self::signature::{InvalidSecret, Secret};

/// Once it has sent for so long it says what it knows: the caller's deadline is further away.
const SENDING_TIME: Duration = Duration::from_secs(15);
/// A request takes no longer, so that it ends before the caller's deadline.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(40);

/// What is sent, and where to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The receiver: `http://` or `https://`.
    pub url: http::Uri,
    /// What the body looks like.
    pub shape: Shape,
    /// Sent with each request.
    pub headers: http::HeaderMap,
    /// Signs each request.
    pub secret: Option<Secret>,
    /// Most items of one request, from 1.
    pub batch_max: usize,
    /// How long one request may take; at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
    /// How often an item may be named as the one that failed before it is rejected, from 1.
    pub attempts_max: u32,
}

/// Opens sinks that send requests. All of them share the connections.
#[derive(Debug, Clone)]
pub struct Http {
    requests: Arc<Requests>,
    settings: Arc<Settings>,
    sending_time: Duration,
}

impl Http {
    /// Sends requests, dated by this clock. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check a server's certificate by.
    pub fn new(settings: Settings, clock: Arc<dyn WallClock>) -> Result<Self, SinkError> {
        let settings = Arc::new(settings);
        let requests = Requests::new(Arc::clone(&settings), clock)?;
        Ok(Self {
            requests: Arc::new(requests),
            settings,
            sending_time: SENDING_TIME,
        })
    }
}

impl Opener for Http {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(HttpSink {
            to: self.clone(),
            failed: None,
        })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::AtLeastOnce
    }
}

#[derive(Debug)]
struct HttpSink {
    to: Http,
    /// The item that was named last as the one that failed, and how often in a row.
    failed: Option<(Arc<str>, u32)>,
}

impl HttpSink {
    /// Counts an item that the receiver named; after the last attempt it is rejected, and those behind it may come.
    fn count(&mut self, item: &Item, outcome: &mut Outcome) {
        let item_id = item.id();
        let so_far = match &self.failed {
            Some((id, times)) if *id == item_id => *times,
            _ => 0,
        };
        let times = so_far + 1;
        if times < self.to.settings.attempts_max {
            self.failed = Some((item_id, times));
            return;
        }
        self.failed = None;
        *outcome = Outcome::Rejected(format!("the receiver failed on it {times} times"));
    }
}

impl Sink for HttpSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let named = parking_lot::Mutex::new(None);
            let write = |part: std::ops::Range<usize>| {
                let (requests, named) = (&self.to.requests, &named);
                async move {
                    let answer = requests.send(&items[part.clone()]).await;
                    if let Err(answer::NotTaken::Named(index)) = answer {
                        *named.lock() = Some(part.start + index);
                    }
                    answer.map_err(Into::into)
                }
            };
            let (batch_max, time) = (self.to.settings.batch_max, self.to.sending_time);
            let mut outcomes = in_halves(items.len(), batch_max, time, write).await;
            if let Some(index) = named.into_inner() {
                self.count(&items[index], &mut outcomes[index]);
            }
            Ok(outcomes)
        })
    }
}

#[cfg(test)]
mod tests;
