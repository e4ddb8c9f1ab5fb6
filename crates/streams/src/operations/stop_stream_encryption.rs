//! StopStreamEncryption.

use millstream_wire::Operation;
use millstream_wire::shapes::StopStreamEncryptionRequest;

use super::change_stream::ChangeStreamError;
use super::start_stream_encryption::{StreamEncryptionError, check_key};
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Ends what [`start_stream_encryption`](Self::start_stream_encryption) began. The request's key need not be the one
    /// that is set. Records that were put before stay marked.
    ///
    /// If the future is dropped, the encryption may still stop.
    ///
    /// # Errors
    /// See [`StreamEncryptionError`].
    pub async fn stop_stream_encryption(
        &self,
        caller: &Caller,
        request: StopStreamEncryptionRequest,
    ) -> Result<(), StreamEncryptionError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::StopStreamEncryption, name, arn)?;
        check_key(request.encryption_type, &request.key_id)?;
        let setting = Setting::Encryption { key_id: None };
        Ok(self.update_setting(&stream, setting).await?)
    }
}
