//! UpdateStreamRecordDistributionStrategy.

use millstream_wire::Operation;
use millstream_wire::shapes::UpdateStreamRecordDistributionStrategyRequest;

use super::change_stream::ChangeStreamError;
use super::update_setting::UpdateSettingError;
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Sets what decides to which shard a record goes. It holds at once, for records that are put from now on.
    ///
    /// With AUTO, which only on-demand streams have, the service spreads records evenly over the open shards; partition
    /// keys are kept but decide nothing and may be left out, and explicit hash keys are passed over.
    ///
    /// If the future is dropped, the strategy may still change.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn update_stream_record_distribution_strategy(
        &self,
        caller: &Caller,
        request: UpdateStreamRecordDistributionStrategyRequest,
    ) -> Result<(), UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let operation = Operation::UpdateStreamRecordDistributionStrategy;
        let arn = Some(&*request.stream_arn);
        let stream = self.stream_to_change(caller, operation, None, arn)?;
        let strategy = request.record_distribution_strategy;
        self.update_setting(&stream, Setting::RecordDistribution { strategy })
            .await
    }
}
