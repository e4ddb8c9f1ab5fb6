//! UpdateStreamRecordDistributionStrategy.

use millstream_catalog::Setting;
use millstream_wire::shapes::UpdateStreamRecordDistributionStrategyRequest;

use crate::Failure;
use crate::call::{Call, operation};

operation! {
    /// Sets what decides to which shard a record goes. It holds at once, for records that are put from now on.
    ///
    /// With AUTO, which only on-demand streams have, the service spreads records evenly over the open shards; partition
    /// keys are kept but decide nothing and may be left out, and explicit hash keys are passed over.
    ///
    /// If the future is dropped, the strategy may still change.
    UpdateStreamRecordDistributionStrategy:
        update_stream_record_distribution_strategy(UpdateStreamRecordDistributionStrategyRequest) -> ()
}

async fn update_stream_record_distribution_strategy(
    call: &Call<'_>,
    request: UpdateStreamRecordDistributionStrategyRequest,
) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    let strategy = request.record_distribution_strategy;
    call.update_setting(&stream, Setting::RecordDistribution { strategy })
        .await
}
