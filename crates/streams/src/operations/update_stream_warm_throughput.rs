//! UpdateStreamWarmThroughput.

use millstream_catalog::Setting;
use millstream_wire::shapes::{
    UpdateStreamWarmThroughputRequest, UpdateStreamWarmThroughputResponse, WarmThroughput,
};

use crate::Failure;
use crate::call::{Call, operation};
use crate::descriptions::shard_throughput_mibps;
use crate::rules::setting::check_throughput;

operation! {
    /// Makes an on-demand stream ready for a throughput: it grows to one shard for each MiB per second, up to 10,000,
    /// and is never made smaller. It has grown when this returns, unless a transition time is set or it takes more than
    /// ten seconds: then the stream is UPDATING. The answer's current throughput is that of before.
    ///
    /// If the future is dropped, the throughput may still be set.
    UpdateStreamWarmThroughput:
        update_stream_warm_throughput(UpdateStreamWarmThroughputRequest) -> UpdateStreamWarmThroughputResponse
}

async fn update_stream_warm_throughput(
    call: &Call<'_>,
    request: UpdateStreamWarmThroughputRequest,
) -> Result<UpdateStreamWarmThroughputResponse, Failure> {
    let stream = call.stream(&request)?;
    let mibps = check_throughput(request.warm_throughput_mibps)?;
    call.update_setting(&stream, Setting::WarmThroughput { mibps })
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
