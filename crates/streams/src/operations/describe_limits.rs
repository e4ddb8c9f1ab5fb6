//! DescribeLimits.

use millstream_wire::shapes::{DescribeLimitsRequest, DescribeLimitsResponse};

use crate::Failure;
use crate::call::{Call, operation};

/// The largest count that the API can show; stands for no limit.
const COUNT_MAX: u32 = 1_000_000;

operation! {
    /// Counts the caller's open shards of provisioned streams, and the on-demand streams, in the caller's region, with
    /// their limits. Where there is no limit, the largest number that the API can show stands for it.
    DescribeLimits: describe_limits(DescribeLimitsRequest) -> DescribeLimitsResponse
}

async fn describe_limits(
    call: &Call<'_>,
    _request: DescribeLimitsRequest,
) -> Result<DescribeLimitsResponse, Failure> {
    call.allow_in_general()?;
    let (account, region) = (&call.caller.account, &call.caller.region);
    let (shards, on_demand_streams) = call.inner().view.read(|catalog| {
        let shards = catalog.shards_in_quota(account, region);
        (shards, catalog.on_demand_streams(account, region))
    });
    let quotas = call.quotas(None);
    let count = |count: u64| u32::try_from(count).map_or(COUNT_MAX, |count| count.min(COUNT_MAX));
    let shards_max = quotas.shards_max;
    Ok(DescribeLimitsResponse {
        shard_limit: shards_max.map_or(COUNT_MAX, count),
        open_shard_count: count(shards),
        on_demand_stream_count: count(on_demand_streams),
        on_demand_stream_count_limit: quotas.on_demand_streams_max.map_or(COUNT_MAX, count),
    })
}
