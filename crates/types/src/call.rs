//! A call of the API once it is over: one value for whoever counts, measures or tells of calls.
//!
//! [`CallRecord`] is what the front knows of every call, whichever service answered it; [`StreamUse`] is what the
//! stream service knows of a call's records. Both are handed to one [`CallRecorder`], which is injected like the clock.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::{AccountId, ConsumerName, Region, ShardId, StreamName};

/// Whether a call is about resources themselves or about what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Streams, consumers, tables: what the audit log tells of every call.
    Control,
    /// Records, items, samples.
    Data,
}

/// What kind of failure an error is: few enough to be a label of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The caller is not known, or may not do this.
    Denied,
    /// Refused for the moment, because of a limit.
    Throttled,
    /// The request cannot be done as it is.
    Client,
    /// The server failed, or had no room.
    Server,
}

/// The names, in all protocols, of errors that say that a caller is not known or may not do something.
const DENIALS: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnauthorizedOperation",
    "UnrecognizedClient",
    "UnrecognizedClientException",
];

/// The names of errors by which a caller is asked to come again later.
const THROTTLES: [&str; 7] = [
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
];

impl ErrorClass {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Denied, Self::Throttled, Self::Client, Self::Server];

    /// The class of an error with this name in an answer with this status.
    pub fn of(status: u16, name: &str) -> Self {
        if DENIALS.contains(&name) {
            Self::Denied
        } else if THROTTLES.contains(&name) {
            Self::Throttled
        } else if status >= 500 {
            Self::Server
        } else {
            Self::Client
        }
    }

    /// As a label: `denied`, `throttled`, `client` or `server`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// How a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallError<'a> {
    /// The error's name on the wire; empty where the protocol has none.
    pub name: &'a str,
    /// What kind of failure that is.
    pub class: ErrorClass,
}

impl<'a> CallError<'a> {
    /// An error with this name in an answer with this status.
    pub fn of(status: u16, name: &'a str) -> Self {
        Self {
            name,
            class: ErrorClass::of(status, name),
        }
    }
}

/// A call that is over. Every request that reaches the front makes exactly one, refused ones included; requests that
/// were broken off by their client make none.
#[derive(Clone, Copy)]
pub struct CallRecord<'a> {
    /// As in the answer's headers.
    pub request_id: &'a dyn fmt::Display,
    /// The service as policies name it: `kinesis`, `dynamodb`, `cloudwatch`, `sts`; empty if none was named that is
    /// here.
    pub service: &'static str,
    /// The operation, if it is one that the service has: a value of a small set.
    pub operation: Option<&'static str>,
    /// What the client named, whether it is an operation or not; never more than 2,048 bytes.
    pub target: &'a str,
    /// Data, for what is no operation.
    pub plane: Plane,
    /// Where the client is.
    pub peer: IpAddr,
    /// For whom it was made; `None` if the caller was not verified.
    pub account: Option<&'a AccountId>,
    /// The region of the credential scope; `None` if the caller was not verified.
    pub region: Option<&'a Region>,
    /// The ARN of who was verified to send it; `None` for strangers, and for everybody where there are no keys.
    pub principal: Option<&'a str>,
    /// The access key that a stranger presented, at most 128 bytes; `None` for calls of who was verified.
    pub access_key: Option<&'a str>,
    /// What permission was asked for, separated by commas if there are several; `None` if nothing was asked, or, on the
    /// data plane, if all was allowed.
    pub resource: Option<&'a str>,
    /// The answer's status.
    pub status: u16,
    /// How it failed; `None` if it was done.
    pub error: Option<CallError<'a>>,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body; 0 for one that comes in parts.
    pub answer_bytes: u64,
    /// Records that were stored or handed out.
    pub records: u64,
    /// From the request's head to the answer's.
    pub time: Duration,
}

impl CallRecord<'_> {
    /// Whether the caller was not known, or was not allowed.
    pub fn is_denied(&self) -> bool {
        self.error
            .is_some_and(|error| error.class == ErrorClass::Denied)
    }
}

impl fmt::Debug for CallRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallRecord")
            .field("request_id", &format_args!("{}", self.request_id))
            .field("service", &self.service)
            .field("operation", &self.operation)
            .field("resource", &self.resource)
            .field("status", &self.status)
            .field("error", &self.error)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// What one call, or one event of a subscription, did with the records of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardUse {
    /// The shard.
    pub shard: ShardId,
    /// Records that were stored or handed out.
    pub records: u64,
    /// Their data and partition keys, in bytes.
    pub bytes: u64,
    /// Records that were refused because of the shard's limits.
    pub throttled_records: u64,
    /// Records that were refused for other reasons.
    pub failed_records: u64,
}

/// What one call did with a stream's records, as the stream service knows it: once it has found the stream.
#[derive(Debug, Clone, Copy)]
pub struct StreamUse<'a> {
    /// The stream's owner.
    pub account: &'a AccountId,
    /// The stream's region.
    pub region: &'a Region,
    /// Its name; another account or region may have it too.
    pub stream: &'a StreamName,
    /// The consumer of a subscription.
    pub consumer: Option<&'a ConsumerName>,
    /// The operation; `SubscribeToShardEvent` for an event of a subscription.
    pub operation: &'static str,
    /// One item for each shard that the call touched.
    pub shards: &'a [ShardUse],
    /// How far behind the shard's tip the last record that was read is, in milliseconds; `None` for what reads none.
    pub behind_ms: Option<u64>,
    /// How the call failed as a whole.
    pub error: Option<ErrorClass>,
    /// How long it took in the stream service.
    pub time: Duration,
}

/// Hears of calls. Implementations are called on the threads that answer requests, between a call and its answer: they
/// must neither block nor wait, and on the data plane not allocate.
pub trait CallRecorder: Send + Sync + fmt::Debug {
    /// A call is over.
    fn call(&self, call: &CallRecord<'_>);

    /// A call has used a stream. The stream service says so before the front hands over the call's own record.
    fn stream_use(&self, stream_use: &StreamUse<'_>) {
        let _ = stream_use;
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRecorder;

impl CallRecorder for NoRecorder {
    fn call(&self, _call: &CallRecord<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_one_in_every_protocol_and_with_any_status() {
        for name in [
            "AccessDeniedException",
            "AccessDenied",
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
            "InvalidClientTokenId",
        ] {
            for status in [400, 403, 500] {
                assert_eq!(ErrorClass::of(status, name), ErrorClass::Denied);
            }
        }
    }

    #[test]
    fn what_has_no_class_by_name_has_one_by_status() {
        let class = |status, name| ErrorClass::of(status, name);
        assert_eq!(class(400, "ResourceNotFoundException"), ErrorClass::Client);
        assert_eq!(class(500, "InternalFailure"), ErrorClass::Server);
        assert_eq!(class(503, ""), ErrorClass::Server);
        assert_eq!(class(400, "LimitExceededException"), ErrorClass::Throttled);
    }
}
