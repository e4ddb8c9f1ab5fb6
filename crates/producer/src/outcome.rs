//! What becomes of a record.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One PutRecords call that carried the record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// From the end of the attempt before to the call; of the first attempt, from the acceptance of the oldest record
    /// that travels along.
    pub delay: Duration,
    /// How long the call took.
    pub duration: Duration,
    /// Why it failed; `None` of the one that succeeded.
    pub error: Option<AttemptError>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttemptError {
    /// The service's error code, or the KPL's word for what is no error of the service: `Wrong Shard`,
    /// `Record Count Mismatch`, `Exception`, `Timeout`.
    pub code: Arc<str>,
    /// The service's message, or what happened.
    pub message: Arc<str>,
}

impl AttemptError {
    pub(crate) fn new(code: impl Into<Arc<str>>, message: impl Into<Arc<str>>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for AttemptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.message {
            "" => f.write_str(&self.code),
            message => write!(f, "{message} ({})", self.code),
        }
    }
}

/// Attempts in the company that a record was in before it was taken out of it.
#[derive(Debug)]
pub(crate) struct History {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) may_be_stored: bool,
    pub(crate) before: Option<Arc<History>>,
}

/// The attempts of a record, oldest first.
fn attempts<'a>(history: Option<&'a Arc<History>>, last: &'a [Attempt]) -> Vec<&'a Attempt> {
    let mut parts = vec![last];
    let mut history = history;
    while let Some(part) = history {
        parts.push(&part.attempts);
        history = part.before.as_ref();
    }
    parts.into_iter().rev().flatten().collect()
}

/// Where a record of the stream is.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) shard_id: Arc<str>,
    pub(crate) sequence_number: String,
    pub(crate) attempts: Vec<Attempt>,
}

/// A record is stored: as durable as the service makes what it answers.
#[derive(Clone)]
pub struct Outcome {
    pub(crate) placed: Arc<Placed>,
    pub(crate) sub_sequence_number: u32,
    pub(crate) history: Option<Arc<History>>,
}

impl Outcome {
    /// The shard that holds it.
    pub fn shard_id(&self) -> &str {
        &self.placed.shard_id
    }

    /// The sequence number, which all user records of one aggregate share.
    pub fn sequence_number(&self) -> &str {
        &self.placed.sequence_number
    }

    /// The place in the aggregate, from 0, as the KCL counts; 0 of a record that travelled alone.
    pub fn sub_sequence_number(&self) -> u64 {
        self.sub_sequence_number.into()
    }

    /// The calls that carried it, oldest first; the last one succeeded. After one that was not answered, or one that
    /// landed in the wrong shard, the stream may hold the record more than once.
    pub fn attempts(&self) -> Vec<&Attempt> {
        attempts(self.history.as_ref(), &self.placed.attempts)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("shard_id", &self.shard_id())
            .field("sequence_number", &self.sequence_number())
            .field("sub_sequence_number", &self.sub_sequence_number)
            .field("attempts", &self.attempts())
            .finish()
    }
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PutErrorKind {
    /// It was not stored within its time to live.
    Expired,
    /// The service throttled it, and `fail_if_throttled` is set.
    Throttled,
    /// The service refuses it, or every call: sending it again would not help.
    Refused,
    /// The producer was closed, and its deadline came first.
    Closed,
    /// The runtime that the producer works on was shut down.
    Abandoned,
}

/// A record was accepted and is not known to be stored.
#[derive(Debug, Clone)]
pub struct PutError(Arc<Failed>);

#[derive(Debug)]
struct Failed {
    kind: PutErrorKind,
    may_be_stored: bool,
    history: Option<Arc<History>>,
    attempts: Arc<[Attempt]>,
}

impl PutError {
    pub(crate) fn new(
        kind: PutErrorKind,
        may_be_stored: bool,
        history: Option<Arc<History>>,
        attempts: Arc<[Attempt]>,
    ) -> Self {
        let may_be_stored = may_be_stored
            || history
                .as_ref()
                .is_some_and(|history| history.may_be_stored);
        Self(Arc::new(Failed {
            kind,
            may_be_stored,
            history,
            attempts,
        }))
    }

    pub(crate) fn abandoned() -> Self {
        Self::new(PutErrorKind::Abandoned, true, None, Arc::new([]))
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> PutErrorKind {
        self.0.kind
    }

    /// Whether the stream may hold the record all the same: a call that carried it was not answered, or it landed in the
    /// wrong shard, where the KCL passes over it. If false, it is not there.
    pub fn may_be_stored(&self) -> bool {
        self.0.may_be_stored
    }

    /// The calls that carried it, oldest first.
    pub fn attempts(&self) -> Vec<&Attempt> {
        attempts(self.0.history.as_ref(), &self.0.attempts)
    }

    /// Why the last attempt failed, if there was one.
    pub fn last_error(&self) -> Option<&AttemptError> {
        self.attempts().last().and_then(|last| last.error.as_ref())
    }

    fn advice(&self) -> &'static str {
        let code = self.last_error().map_or("", |error| &*error.code);
        match (self.0.kind, code) {
            (
                PutErrorKind::Expired | PutErrorKind::Throttled,
                "ProvisionedThroughputExceededException",
            ) => "split the stream's shards, put more slowly, or raise record_ttl",
            (PutErrorKind::Expired, "") => {
                "the records before it fill its shard's rate limit: split the stream's shards, put more slowly, or raise record_ttl"
            }
            (PutErrorKind::Expired, _) => {
                "is the service reachable and healthy? It may be put again once it is"
            }
            (PutErrorKind::Throttled, _) => "put it again later",
            (PutErrorKind::Refused, "ResourceNotFoundException") => {
                "create the stream, or check its name, the account and the region"
            }
            (PutErrorKind::Refused, "AccessDeniedException") => {
                "allow kinesis:PutRecords and kinesis:ListShards"
            }
            (
                PutErrorKind::Refused,
                "UnrecognizedClientException" | "InvalidSignatureException",
            ) => "check the access key and its secret",
            (PutErrorKind::Refused, _) => "mend what the service names, then put it again",
            (PutErrorKind::Closed, _) => {
                "give close more time, or put it again with the next producer"
            }
            (PutErrorKind::Abandoned, _) => "close the producer before the runtime ends",
        }
    }
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0.kind {
            PutErrorKind::Expired => "the record was not stored within its time to live",
            PutErrorKind::Throttled => "the record was throttled",
            PutErrorKind::Refused => "the record was refused",
            PutErrorKind::Closed => "the producer was closed before the record was stored",
            PutErrorKind::Abandoned => {
                "the runtime of the producer ended before the record was stored"
            }
        })?;
        if let Some(error) = self.last_error() {
            write!(f, ": {error}")?;
        }
        if self.0.may_be_stored {
            f.write_str("; it may be on the stream")?;
        }
        write!(f, "; {}", self.advice())
    }
}

impl std::error::Error for PutError {}
