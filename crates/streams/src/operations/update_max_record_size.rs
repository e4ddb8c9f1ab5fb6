//! UpdateMaxRecordSize.

use millstream_wire::Operation;
use millstream_wire::shapes::UpdateMaxRecordSizeRequest;

use super::change_stream::ChangeStreamError;
use super::update_setting::UpdateSettingError;
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Sets the largest record, data and partition key, that puts accept from now on. Larger records that are there
    /// already stay readable.
    ///
    /// If the future is dropped, the size may still change.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn update_max_record_size(
        &self,
        caller: &Caller,
        request: UpdateMaxRecordSizeRequest,
    ) -> Result<(), UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let arn = request.stream_arn.as_deref();
        let stream = self.stream_to_change(caller, Operation::UpdateMaxRecordSize, None, arn)?;
        let kib = request.max_record_size_in_kib;
        self.update_setting(&stream, Setting::MaxRecordSize { kib })
            .await
    }
}
