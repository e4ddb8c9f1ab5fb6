//! EnableEnhancedMonitoring.

use millstream_catalog::Setting;
use millstream_wire::shapes::{EnableEnhancedMonitoringRequest, EnhancedMonitoringResponse};

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::monitoring::{changed, expanded};

operation! {
    /// Switches shard-level metrics on; those that are on already stay on.
    ///
    /// If the future is dropped, the metrics may still be switched on.
    EnableEnhancedMonitoring:
        enable_enhanced_monitoring(EnableEnhancedMonitoringRequest) -> EnhancedMonitoringResponse
}

async fn enable_enhanced_monitoring(
    call: &Call<'_>,
    request: EnableEnhancedMonitoringRequest,
) -> Result<EnhancedMonitoringResponse, Failure> {
    let stream = call.stream(&request)?;
    let metrics = expanded(request.shard_level_metrics);
    let desired = stream.shard_level_metrics.union(&metrics);
    let desired = desired.copied().collect();
    call.update_setting(&stream, Setting::EnableMetrics { metrics })
        .await?;
    Ok(changed(&stream, desired))
}
