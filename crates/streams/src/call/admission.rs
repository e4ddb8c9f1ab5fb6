//! Asking whether a call is let in.

use std::sync::Arc;

use millstream_catalog::Stream;

use super::Call;
use crate::{Asking, Failure};

impl Call<'_> {
    /// Asks whether a call is let in that is about no stream that is there.
    pub(crate) fn admit_new(&self) -> Result<(), Failure> {
        self.admit(None)
    }

    /// Asks whether the call is let in, now that access was asked.
    pub(super) fn admit(&self, stream: Option<&Arc<Stream>>) -> Result<(), Failure> {
        if let (Some(recording), Some(stream)) = (&self.served.recording, stream) {
            recording.note_stream(stream);
        }
        let Some(admission) = &self.inner().admission else {
            return Ok(());
        };
        admission.admit(&Asking {
            operation: self.operation,
            account: &self.caller.account,
            region: &self.caller.region,
            stream: stream.map(|stream| &**stream),
        })
    }
}
