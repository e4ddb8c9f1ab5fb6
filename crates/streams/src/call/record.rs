//! What is recorded of a call, in the making.

use std::sync::{Arc, OnceLock};

use millstream_catalog::Stream;
use millstream_types::{CallRecorder, ErrorClass, ShardUse, StreamUse};
use millstream_wire::Operation;
use tokio::time::Instant;

use crate::Failure;

/// What a call did with records, as far as it is known.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Arc<dyn CallRecorder>,
    operation: Operation,
    began: Instant,
    /// What was found, once the caller was let in.
    stream: OnceLock<Arc<Stream>>,
    /// What was read, and how far behind the tip that is.
    read: OnceLock<(ShardUse, u64)>,
}

impl Recording {
    pub(super) fn new(recorder: &Arc<dyn CallRecorder>, operation: Operation) -> Self {
        Self {
            recorder: Arc::clone(recorder),
            operation,
            began: Instant::now(),
            stream: OnceLock::new(),
            read: OnceLock::new(),
        }
    }

    /// The first stream that was found stays.
    pub(super) fn note_stream(&self, stream: &Arc<Stream>) {
        self.stream.get_or_init(|| Arc::clone(stream));
    }

    pub(super) fn note_read(&self, read: ShardUse, behind_ms: u64) {
        self.read.get_or_init(|| (read, behind_ms));
    }

    /// The call is over; `put` is what it did to shards, if it is a put.
    pub(super) fn end(self, failure: Option<&Failure>, put: &[ShardUse]) {
        let Some(stream) = self.stream.get() else {
            return;
        };
        let (read, behind_ms) = self.read.into_inner().unzip();
        self.recorder.stream_use(&StreamUse {
            account: &stream.key.account,
            region: &stream.key.region,
            stream: &stream.key.name,
            consumer: None,
            operation: self.operation.name(),
            shards: read.as_ref().map_or(put, std::slice::from_ref),
            behind_ms,
            error: failure.map(|failure| {
                let code = failure.code();
                ErrorClass::of(code.http_status(), code.name())
            }),
            time: self.began.elapsed(),
        });
    }
}
