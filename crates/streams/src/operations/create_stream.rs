//! CreateStream.

use millstream_catalog::{Rejected, Stream, StreamCommand, StreamKey, StreamSpec};
use millstream_types::limits::{
    RECORD_BYTES_DEFAULT_MAX, RETENTION_HOURS_MIN, SHARD_COUNT_DEFAULT, SHARDS_PER_STREAM_MAX,
};
use millstream_types::{
    Partition, RecordDistributionStrategy, StreamArn, StreamMode, StreamStatus,
};
use millstream_wire::Operation;
use millstream_wire::shapes::CreateStreamRequest;

use crate::call::{Call, operation};
use crate::rules::setting::check_on_demand_streams;
use crate::rules::setting::{check_throughput, provisioned_with_throughput};
use crate::rules::tags::check_tags;
use crate::unverified_texts as texts;
use crate::{Failure, Quotas, refusals};

operation! {
    /// Creates a stream. It is ACTIVE when this returns, unless a transition time is set, or creating its logs takes
    /// more than ten seconds or fails (it is tried again until it succeeds): then it is CREATING.
    ///
    /// If the future is dropped, the stream may still be created.
    CreateStream: create_stream(CreateStreamRequest) -> ()
}

async fn create_stream(call: &Call<'_>, request: CreateStreamRequest) -> Result<(), Failure> {
    let caller = call.caller;
    let arn = || {
        let arn = StreamArn {
            partition: Partition::Aws,
            region: caller.region.clone(),
            account: caller.account.clone(),
            stream: request.stream_name.clone(),
        };
        arn.to_string()
    };
    call.allow_new(call.operation, arn)?;
    if !request.tags.is_empty() {
        call.allow_new(Operation::AddTagsToStream, arn)?;
    }
    call.admit_new()?;
    let (mode, shard_count) = mode_and_count(&request)?;
    check_on_demand_settings(&request, mode)?;
    check_tags(&request.tags, &request.stream_name, &caller.account)?;
    let default_kib = u32::try_from(RECORD_BYTES_DEFAULT_MAX / 1024).expect("1024");
    let key = StreamKey {
        account: caller.account.clone(),
        region: caller.region.clone(),
        name: request.stream_name,
    };
    let quotas = call.quotas(None);
    check_quotas(call, quotas, mode)?;
    let begin = StreamCommand::BeginCreateStream {
        stream: StreamSpec {
            key: key.clone(),
            mode,
            shard_count,
            retention_hours: RETENTION_HOURS_MIN,
            max_record_size_kib: request.max_record_size_in_kib.unwrap_or(default_kib),
            tags: request.tags,
            warm_throughput_mibps: request.warm_throughput_mibps,
            record_distribution: request.record_distribution_strategy.unwrap_or_default(),
        },
        account_shards_max: quotas.shards_max,
    };
    let begun = call.submit(begin).await?;
    let applied = begun.map_err(|reason| rejected(reason, &key))?;
    if let Some(id) = applied.stream {
        call.settled(id).await;
    }
    Ok(())
}

/// The account's limits besides that of shards. They are looked up and not reserved: calls of one moment may pass
/// together.
fn check_quotas(call: &Call<'_>, quotas: Quotas, mode: StreamMode) -> Result<(), Failure> {
    let (account, region) = (&call.caller.account, &call.caller.region);
    if mode == StreamMode::OnDemand {
        check_on_demand_streams(call, quotas)?;
    }
    let Some(max) = quotas.streams_creating_max else {
        return Ok(());
    };
    let creating = call.inner().view.read(|catalog| {
        let streams = catalog.in_region(account, region).into_iter().flatten();
        let is_creating = |stream: &Stream| stream.status == StreamStatus::Creating;
        streams.filter(|(_, stream)| is_creating(stream)).count() as u64
    });
    match creating < max {
        true => Ok(()),
        false => Err(Failure::limit_exceeded(texts::too_many_creating(
            account, max,
        ))),
    }
}

/// Warm throughput and AUTO are for on-demand streams.
fn check_on_demand_settings(
    request: &CreateStreamRequest,
    mode: StreamMode,
) -> Result<(), Failure> {
    if let Some(mibps) = request.warm_throughput_mibps {
        check_throughput(mibps)?;
    }
    if mode == StreamMode::OnDemand {
        return Ok(());
    }
    if request.warm_throughput_mibps.is_some() {
        return Err(provisioned_with_throughput());
    }
    match request.record_distribution_strategy {
        Some(RecordDistributionStrategy::Auto) => {
            Err(Failure::invalid_argument(texts::PROVISIONED_WITH_AUTO))
        }
        Some(RecordDistributionStrategy::UserPartitionKey) | None => Ok(()),
    }
}

fn mode_and_count(request: &CreateStreamRequest) -> Result<(StreamMode, u32), Failure> {
    let mode = request
        .stream_mode_details
        .map(|details| details.stream_mode);
    match (mode, request.shard_count) {
        (None | Some(StreamMode::Provisioned), Some(count)) => Ok((StreamMode::Provisioned, count)),
        (None | Some(StreamMode::OnDemand), None) => {
            // One shard for each MiB per second.
            let warm = request.warm_throughput_mibps.unwrap_or(0);
            let count = warm.clamp(SHARD_COUNT_DEFAULT, SHARDS_PER_STREAM_MAX);
            Ok((StreamMode::OnDemand, count))
        }
        (Some(StreamMode::OnDemand), Some(_)) => {
            Err(Failure::validation(texts::ON_DEMAND_WITH_SHARD_COUNT))
        }
        (Some(StreamMode::Provisioned), None) => {
            Err(Failure::validation(texts::PROVISIONED_WITHOUT_SHARD_COUNT))
        }
    }
}

fn rejected(reason: Rejected, key: &StreamKey) -> Failure {
    let StreamKey { account, name, .. } = key;
    let failure = match reason {
        Rejected::StreamExists => Failure::in_use(format!(
            "Stream {name} under account {account} already exists."
        )),
        Rejected::TooManyShards { .. } => match refusals::of_any_change(reason, key) {
            Some(failure) => failure,
            None => return refusals::unexpected(reason),
        },
        Rejected::NoCommitment => Failure::invalid_argument(texts::no_commitment(account)),
        _ => return refusals::unexpected(reason),
    };
    failure.because(reason)
}
