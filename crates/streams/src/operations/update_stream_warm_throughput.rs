//! UpdateStreamWarmThroughput.

use millstream_wire::Operation;
use millstream_wire::shapes::{
    UpdateStreamWarmThroughputRequest, UpdateStreamWarmThroughputResponse, WarmThroughput,
};

use super::change_stream::ChangeStreamError;
use super::shard_description::shard_throughput_mibps;
use super::update_setting::{UpdateSettingError, check_throughput};
use crate::{Caller, StreamService};
use millstream_catalog::Setting;

impl StreamService {
    /// Makes an on-demand stream ready for a throughput: it grows to one shard for each MiB per second, up to 10,000,
    /// and is never made smaller. It has grown when this returns, unless a transition time is set or it takes more than
    /// ten seconds: then the stream is UPDATING. The answer's current throughput is that of before.
    ///
    /// If the future is dropped, the throughput may still be set.
    ///
    /// # Errors
    /// See [`UpdateSettingError`].
    pub async fn update_stream_warm_throughput(
        &self,
        caller: &Caller,
        request: UpdateStreamWarmThroughputRequest,
    ) -> Result<UpdateStreamWarmThroughputResponse, UpdateSettingError> {
        let _call = self.enter().map_err(ChangeStreamError::from)?;
        let name = request.stream_name.as_ref().map(|name| name.as_str());
        let arn = request.stream_arn.as_deref();
        let operation = Operation::UpdateStreamWarmThroughput;
        let stream = self.stream_to_change(caller, operation, name, arn)?;
        let mibps = check_throughput(request.warm_throughput_mibps)?;
        self.update_setting(&stream, Setting::WarmThroughput { mibps })
            .await?;
        Ok(UpdateStreamWarmThroughputResponse {
            stream_name: stream.key.name.clone(),
            stream_arn: stream.arn().to_string(),
            warm_throughput: WarmThroughput {
                target_mibps: mibps,
                current_mibps: shard_throughput_mibps(&stream),
            },
        })
    }
}
