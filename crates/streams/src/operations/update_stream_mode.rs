//! UpdateStreamMode.

use millstream_catalog::Setting;
use millstream_types::StreamMode;
use millstream_wire::shapes::UpdateStreamModeRequest;

use crate::Failure;
use crate::call::{Call, operation};
use crate::rules::setting::{
    check_on_demand_streams, check_throughput, provisioned_with_throughput,
};

operation! {
    /// Switches a stream between the capacity modes; its shards stay as they are. A stream can be switched twice within
    /// 24 hours. The mode that it has already is accepted too, and does not count.
    ///
    /// If the future is dropped, the mode may still change.
    UpdateStreamMode: update_stream_mode(UpdateStreamModeRequest) -> ()
}

async fn update_stream_mode(
    call: &Call<'_>,
    request: UpdateStreamModeRequest,
) -> Result<(), Failure> {
    let stream = call.stream(&request)?;
    let mode = request.stream_mode_details.stream_mode;
    let warm_throughput_mibps = request.warm_throughput_mibps;
    if let Some(mibps) = warm_throughput_mibps {
        if mode == StreamMode::Provisioned {
            return Err(provisioned_with_throughput());
        }
        check_throughput(mibps)?;
    }
    if mode == StreamMode::OnDemand && stream.mode != mode {
        check_on_demand_streams(call, call.quotas(Some(&stream)))?;
    }
    let setting = Setting::Mode {
        mode,
        warm_throughput_mibps,
    };
    call.update_setting(&stream, setting).await
}
