//! EnableEnhancedMonitoring, and what it shares with DisableEnhancedMonitoring.

use std::collections::BTreeSet;

use millstream_wire::Operation;
use millstream_wire::shapes::{
    EnableEnhancedMonitoringRequest, EnhancedMonitoringResponse, MetricsName,
};

use super::change_stream::ChangeStreamError;
use super::update_setting::UpdateSettingError;
use crate::{Caller, StreamService};
use millstream_catalog::{Setting, Stream};

impl StreamService {
    /// Switches shard-level metrics on; those that are on already stay on.
    ///
    /// If the future is dropped, the metrics may still be switched on.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn enable_enhanced_monitoring(
        &self,
        caller: &Caller,
        request: EnableEnhancedMonitoringRequest,
    ) -> Result<EnhancedMonitoringResponse, UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let operation = Operation::EnableEnhancedMonitoring;
        let stream = self.stream_to_change(caller, operation, name, arn)?;
        let metrics = expanded(request.shard_level_metrics);
        let desired = stream
            .shard_level_metrics
            .union(&metrics)
            .copied()
            .collect();
        self.update_setting(&stream, Setting::EnableMetrics { metrics })
            .await?;
        Ok(changed(&stream, desired))
    }
}

/// The metrics that the names stand for.
pub(super) fn expanded(names: Vec<MetricsName>) -> BTreeSet<MetricsName> {
    match names.contains(&MetricsName::All) {
        true => MetricsName::EVERY.into(),
        false => names.into_iter().collect(),
    }
}

/// The answer: what was on in `stream`, as it was before, and what is on now.
pub(super) fn changed(stream: &Stream, desired: Vec<MetricsName>) -> EnhancedMonitoringResponse {
    EnhancedMonitoringResponse {
        stream_name: stream.key.name.clone(),
        current_shard_level_metrics: stream.shard_level_metrics.iter().copied().collect(),
        desired_shard_level_metrics: desired,
        stream_arn: stream.arn().to_string(),
    }
}
