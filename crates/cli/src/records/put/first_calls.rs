//! The way to the stream: as the producer's own, but a service that never answered is not waited for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use millstream_producer::{
    CallError, CallErrorKind, KinesisTransport, OpenShard, PutAnswer, PutEntry, Transport,
    TransportFuture,
};

/// Calls without any answer after which the endpoint is taken for wrong.
const CALLS_MAX: u32 = 3;
/// What the count of failed calls is once one was answered.
const ANSWERED: u32 = u32::MAX;

/// A person waits: an endpoint where nothing answers from the first call on is told at once, while one that is gone for
/// a while is waited for.
#[derive(Debug)]
pub(super) struct FirstCalls {
    transport: KinesisTransport,
    /// Who does not aggregate need not know the shards, nor have permission to list them.
    lists_shards: bool,
    failed: Arc<AtomicU32>,
}

impl FirstCalls {
    pub(super) fn new(transport: KinesisTransport, lists_shards: bool) -> Self {
        Self {
            transport,
            lists_shards,
            failed: Arc::new(AtomicU32::new(0)),
        }
    }
}

impl Transport for FirstCalls {
    fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        let failed = Arc::clone(&self.failed);
        let sent = entries.len();
        let call = self.transport.put_records(entries);
        Box::pin(async move {
            let answer = match call.await {
                Ok(answers) if answers.len() != sent => Err(CallError {
                    kind: CallErrorKind::Unknown,
                    code: "Exception".to_owned(),
                    message: format!(
                        "{sent} entries were sent, but {} were answered",
                        answers.len()
                    ),
                }),
                other => other,
            };
            match answer {
                Err(error) if error.kind == CallErrorKind::Unknown => {
                    let count = |before| match before {
                        ANSWERED => None,
                        before => Some(before + 1),
                    };
                    let before = failed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
                    let kind = if before.is_ok_and(|before| before + 1 >= CALLS_MAX) {
                        CallErrorKind::Denied
                    } else {
                        CallErrorKind::Unknown
                    };
                    Err(CallError { kind, ..error })
                }
                other => {
                    failed.store(ANSWERED, Ordering::Relaxed);
                    other
                }
            }
        })
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        if self.lists_shards {
            self.transport.list_shards()
        } else {
            Box::pin(std::future::pending())
        }
    }
}
