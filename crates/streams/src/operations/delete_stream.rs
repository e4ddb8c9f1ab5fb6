//! DeleteStream.

use millstream_wire::Operation;
use millstream_wire::shapes::DeleteStreamRequest;

use super::change_stream::ChangeStreamError;
use crate::catalog::Command;
use crate::{Caller, StreamService};

impl StreamService {
    /// Deletes a stream with everything in it, in whatever state it is. It is gone when this returns, unless a
    /// transition time is set, or deleting its logs takes more than ten seconds or fails (it is tried again until it
    /// succeeds): then it is DELETING.
    ///
    /// If the future is dropped, the stream may still be deleted.
    ///
    /// # Errors
    /// See [`ChangeStreamError`].
    pub async fn delete_stream(
        &self,
        caller: &Caller,
        request: DeleteStreamRequest,
    ) -> Result<(), ChangeStreamError> {
        let _call = self.enter()?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let stream = self.stream_to_change(
            caller,
            Operation::DeleteStream,
            name,
            request.stream_arn.as_deref(),
        )?;
        let begin = Command::BeginDeleteStream { id: stream.id };
        self.change_stream::<ChangeStreamError>(&stream, begin, |_| None)
            .await?;
        self.settled(stream.id).await;
        Ok(())
    }
}
