//! DisableEnhancedMonitoring.

use millstream_wire::Operation;
use millstream_wire::shapes::{DisableEnhancedMonitoringRequest, EnhancedMonitoringResponse};

use super::change_stream::ChangeStreamError;
use super::enable_enhanced_monitoring::{changed, expanded};
use super::update_setting::UpdateSettingError;
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Switches shard-level metrics off; those that are off already stay off.
    ///
    /// If the future is dropped, the metrics may still be switched off.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn disable_enhanced_monitoring(
        &self,
        caller: &Caller,
        request: DisableEnhancedMonitoringRequest,
    ) -> Result<EnhancedMonitoringResponse, UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let operation = Operation::DisableEnhancedMonitoring;
        let stream = self.stream_to_change(caller, operation, name, arn)?;
        let metrics = expanded(request.shard_level_metrics);
        let desired = stream.shard_level_metrics.difference(&metrics);
        let desired = desired.copied().collect();
        self.update_setting(&stream, Setting::DisableMetrics { metrics })
            .await?;
        Ok(changed(&stream, desired))
    }
}
