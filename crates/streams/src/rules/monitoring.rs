//! What EnableEnhancedMonitoring and DisableEnhancedMonitoring have in common.

use std::collections::BTreeSet;

use millstream_catalog::Stream;
use millstream_types::MetricsName;
use millstream_wire::shapes::EnhancedMonitoringResponse;

/// The metrics that the names stand for.
pub(crate) fn expanded(names: Vec<MetricsName>) -> BTreeSet<MetricsName> {
    match names.contains(&MetricsName::All) {
        true => MetricsName::EVERY.into(),
        false => names.into_iter().collect(),
    }
}

/// The answer: what was on in `stream`, as it was before, and what is on now.
pub(crate) fn changed(stream: &Stream, desired: Vec<MetricsName>) -> EnhancedMonitoringResponse {
    EnhancedMonitoringResponse {
        stream_name: stream.key.name.clone(),
        current_shard_level_metrics: stream.shard_level_metrics.iter().copied().collect(),
        desired_shard_level_metrics: desired,
        stream_arn: stream.arn().to_string(),
    }
}
