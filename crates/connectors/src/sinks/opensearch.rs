//! `opensearch`: each item becomes a document of an index of OpenSearch or Elasticsearch. Idempotent: the item's id is the
//! document's, and its revision the document's version, so an item that comes again, or late, changes nothing.
//!
//! Items go by the bulk API, which says of each what became of it.

mod answer;
mod bulk;

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use parking_lot::Mutex;

use self::bulk::Bulk;
use super::halves::{NotWritten, in_halves};
use crate::{Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

/// Once it has sent for so long it says what it knows: the caller's deadline is further away.
const SENDING_TIME: Duration = Duration::from_secs(15);
/// A request takes no longer, so that it ends before the caller's deadline.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(40);
/// Longest name of an index, in bytes.
const INDEX_BYTES_MAX: usize = 255;

/// Which index, and how it is written to.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The cluster: `http://` or `https://`, and the path that its own begin with, if it has one.
    pub url: http::Uri,
    /// The index, or an alias of one; see [`is_index`].
    pub index: String,
    /// Who asks.
    pub credentials: Option<Credentials>,
    /// A PEM file of the authorities that the cluster is checked by, instead of those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// Most items of one request, from 1.
    pub batch_max: usize,
    /// How long one request may take; at most [`TIMEOUT_MAX`].
    pub timeout: Duration,
}

/// Who asks: what stands in the header `authorization`.
#[derive(Clone)]
pub struct Credentials(HeaderValue);

impl Credentials {
    /// A user with a password.
    pub fn password(user: &str, password: &str) -> Self {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        Self::of(&format!("Basic {encoded}")).expect("base64 is a header's value")
    }

    /// An API key of Elasticsearch, as its service gives it encoded; none if that is no header's value.
    pub fn api_key(encoded: &str) -> Option<Self> {
        Self::of(&format!("ApiKey {encoded}"))
    }

    fn of(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(Self(value))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

/// Whether an index may be called this: 1 to 255 small letters, digits, `.`, `_` and `-`, the first a letter, a digit or a
/// `.`. Other letters, which some versions allow, are not.
pub fn is_index(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=INDEX_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| is_letter(byte) || b"._-".contains(&byte))
        && !name.starts_with(['_', '-'])
        && !matches!(name, "." | "..")
}

/// Opens sinks that write documents. All of them share the connections.
#[derive(Debug, Clone)]
pub struct OpenSearch {
    bulk: Arc<Bulk>,
    batch_max: usize,
    sending_time: Duration,
}

impl OpenSearch {
    /// Writes documents. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check the cluster's certificate by.
    pub fn new(settings: &Settings) -> Result<Self, SinkError> {
        Ok(Self {
            bulk: Arc::new(Bulk::new(settings)?),
            batch_max: settings.batch_max,
            sending_time: SENDING_TIME,
        })
    }
}

impl Opener for OpenSearch {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(OpenSearchSink(self.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }
}

#[derive(Debug)]
struct OpenSearchSink(OpenSearch);

impl Sink for OpenSearchSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let OpenSearch {
                bulk,
                batch_max,
                sending_time,
            } = &self.0;
            // What is no document is not sent.
            let lines: Vec<Result<String, String>> = items.iter().map(bulk::lines).collect();
            let sent: Vec<usize> = (0..items.len()).filter(|at| lines[*at].is_ok()).collect();
            let told = Mutex::new(Vec::new());
            let write = |part: Range<usize>| {
                let (lines, told, places) = (&lines, &told, &sent[part.clone()]);
                let body = places.iter().filter_map(|at| lines[*at].as_deref().ok());
                let body: String = body.collect();
                async move {
                    let outcomes = bulk.write(body, part.len()).await?;
                    let busy = outcomes.iter().find_map(|outcome| match outcome {
                        Outcome::Again(cause) => Some(cause.clone()),
                        _ => None,
                    });
                    told.lock().extend(places.iter().copied().zip(outcomes));
                    match busy {
                        // It has no room for all of these: more now would make it worse.
                        Some(cause) => Err(NotWritten::OnlyFirst(part.len(), cause)),
                        None => Ok(()),
                    }
                }
            };
            let by_part = in_halves(sent.len(), *batch_max, *sending_time, write).await;
            let mut outcomes: Vec<Outcome> = lines
                .iter()
                .map(|line| match line {
                    Ok(_) => Outcome::Delivered,
                    Err(cause) => Outcome::Rejected(cause.clone()),
                })
                .collect();
            for (at, outcome) in sent.iter().copied().zip(by_part).chain(told.into_inner()) {
                outcomes[at] = outcome;
            }
            Ok(outcomes)
        })
    }
}

#[cfg(test)]
mod tests;
