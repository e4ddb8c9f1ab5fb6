//! UpdateStreamMode.

use millstream_wire::Operation;
use millstream_wire::shapes::{StreamMode, UpdateStreamModeRequest};

use super::change_stream::ChangeStreamError;
use super::update_setting::{UpdateSettingError, check_throughput};
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Switches a stream between the capacity modes; its shards stay as they are. A stream can be switched twice within
    /// 24 hours. The mode that it has already is accepted too, and does not count.
    ///
    /// If the future is dropped, the mode may still change.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn update_stream_mode(
        &self,
        caller: &Caller,
        request: UpdateStreamModeRequest,
    ) -> Result<(), UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let arn = Some(&*request.stream_arn);
        let stream = self.stream_to_change(caller, Operation::UpdateStreamMode, None, arn)?;
        let mode = request.stream_mode_details.stream_mode;
        let warm_throughput_mibps = request.warm_throughput_mibps;
        if let Some(mibps) = warm_throughput_mibps {
            if mode == StreamMode::Provisioned {
                return Err(UpdateSettingError::ProvisionedWithThroughput);
            }
            check_throughput(mibps)?;
        }
        let setting = Setting::Mode {
            mode,
            warm_throughput_mibps,
        };
        self.update_setting(&stream, setting).await
    }
}
