//! DisableEnhancedMonitoring.

use millstream_catalog::Setting;
use millstream_wire::shapes::{DisableEnhancedMonitoringRequest, EnhancedMonitoringResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::monitoring::{changed, expanded};

operation! {
    /// Switches shard-level metrics off; those that are off already stay off.
    ///
    /// If the future is dropped, the metrics may still be switched off.
    DisableEnhancedMonitoring:
        disable_enhanced_monitoring(DisableEnhancedMonitoringRequest) -> EnhancedMonitoringResponse
}

async fn disable_enhanced_monitoring(
    call: &Call<'_>,
    request: DisableEnhancedMonitoringRequest,
) -> Result<EnhancedMonitoringResponse, Failure> {
    let stream = call.stream(&request)?;
    let metrics = expanded(request.shard_level_metrics);
    let desired = stream.shard_level_metrics.difference(&metrics);
    let desired = desired.copied().collect();
    call.update_setting(&stream, Setting::DisableMetrics { metrics })
        .await?;
    Ok(changed(&stream, desired))
}
