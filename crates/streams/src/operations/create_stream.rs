//! CreateStream.

use millstream_types::limits::{
    RECORD_BYTES_DEFAULT_MAX, RETENTION_HOURS_MIN, SHARD_COUNT_DEFAULT, SHARDS_PER_STREAM_MAX,
};
use millstream_types::{AccountId, Partition, Region, StreamArn, StreamName};
use millstream_wire::shapes::{CreateStreamRequest, RecordDistributionStrategy, StreamMode};
use millstream_wire::{ApiError, ErrorCode, Operation};

use super::tags::{InvalidTags, check_tags};
use super::unavailable::Unavailable;
use super::unverified_texts as texts;
use super::update_setting::{UpdateSettingError, check_throughput};
use crate::caller::Resource;
use crate::{AccessDenied, Caller, StreamService};
use millstream_catalog::{Rejected, StreamCommand, StreamKey, StreamSpec};

/// How CreateStream fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateStreamError {
    /// A shard count with on-demand mode.
    #[error("{}", texts::ON_DEMAND_WITH_SHARD_COUNT)]
    OnDemandWithShardCount,
    /// Provisioned mode without a shard count.
    #[error("{}", texts::PROVISIONED_WITHOUT_SHARD_COUNT)]
    ProvisionedWithoutShardCount,
    /// Provisioned mode with the record distribution strategy AUTO.
    #[error("{}", texts::PROVISIONED_WITH_AUTO)]
    ProvisionedWithAuto,
    /// A setting that the stream cannot have.
    #[error(transparent)]
    Setting(#[from] UpdateSettingError),
    /// No stream can have these tags.
    #[error(transparent)]
    InvalidTags(#[from] InvalidTags),
    /// The caller may not create this stream.
    #[error(transparent)]
    AccessDenied(#[from] AccessDenied),
    /// The name is taken.
    #[error("Stream {name} under account {account} already exists.")]
    Exists {
        /// The name.
        name: StreamName,
        /// The account.
        account: AccountId,
    },
    /// More shards than there may be.
    #[error(transparent)]
    TooManyShards(#[from] ShardLimitExceeded),
    /// See [`Unavailable`].
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// A request would bring more shards than the account, or a stream, may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "This request would exceed the shard limit for the account {account} in {region}. Current shard count for the \
     account: {current}. Limit: {limit}. Number of additional shards that would have resulted from this request: \
     {additional}. Refer to the AWS Service Limits page \
     (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to request \
     higher limits."
)]
pub struct ShardLimitExceeded {
    /// Whose limit.
    pub account: AccountId,
    /// Where.
    pub region: Region,
    /// Shards that there are.
    pub current: u64,
    /// Shards that there may be.
    pub limit: u64,
    /// Shards that would have come.
    pub additional: u64,
}

impl From<CreateStreamError> for ApiError {
    fn from(error: CreateStreamError) -> Self {
        let code = match error {
            CreateStreamError::OnDemandWithShardCount
            | CreateStreamError::ProvisionedWithoutShardCount => ErrorCode::Validation,
            CreateStreamError::Setting(error) => return error.into(),
            CreateStreamError::ProvisionedWithAuto | CreateStreamError::InvalidTags(_) => {
                ErrorCode::InvalidArgument
            }
            CreateStreamError::Exists { .. } => ErrorCode::ResourceInUse,
            CreateStreamError::TooManyShards(_) => ErrorCode::LimitExceeded,
            CreateStreamError::AccessDenied(_) => ErrorCode::AccessDenied,
            CreateStreamError::Unavailable(error) => return error.into(),
        };
        Self::new(code, error.to_string())
    }
}

impl StreamService {
    /// Creates a stream. It is ACTIVE when this returns, unless a transition time is set, or creating its logs takes
    /// more than ten seconds or fails (it is tried again until it succeeds): then it is CREATING.
    ///
    /// If the future is dropped, the stream may still be created.
    ///
    /// # Errors
    /// See [`CreateStreamError`].
    pub async fn create_stream(
        &self,
        caller: &Caller,
        request: CreateStreamRequest,
    ) -> Result<(), CreateStreamError> {
        let _call = self.enter()?;
        let resource = Resource {
            owner: &caller.account,
            policy: None,
        };
        let arn = || {
            let arn = StreamArn {
                partition: Partition::Aws,
                region: caller.region.clone(),
                account: caller.account.clone(),
                stream: request.stream_name.clone(),
            };
            arn.to_string()
        };
        caller.authorize(Operation::CreateStream, resource, arn)?;
        if !request.tags.is_empty() {
            caller.authorize(Operation::AddTagsToStream, resource, arn)?;
        }
        let (mode, shard_count) = mode_and_count(&request)?;
        check_on_demand_settings(&request, mode)?;
        check_tags(&request.tags, &request.stream_name, &caller.account)?;
        let default_kib = u32::try_from(RECORD_BYTES_DEFAULT_MAX / 1024).expect("1024");
        let spec = StreamSpec {
            key: StreamKey {
                account: caller.account.clone(),
                region: caller.region.clone(),
                name: request.stream_name,
            },
            mode,
            shard_count,
            retention_hours: RETENTION_HOURS_MIN,
            max_record_size_kib: request.max_record_size_in_kib.unwrap_or(default_kib),
            tags: request.tags,
            warm_throughput_mibps: request.warm_throughput_mibps,
            record_distribution: request.record_distribution_strategy.unwrap_or_default(),
        };
        let name = spec.key.name.clone();
        let begin = StreamCommand::BeginCreateStream {
            stream: spec,
            account_shards_max: self.inner.settings.account_shards_max,
        };
        let begun = self.inner.commands.propose(begin).await;
        let applied = begun.map_err(|error| match Unavailable::unless_rejected(error) {
            Ok(reason) => rejected(reason, caller, name),
            Err(unavailable) => unavailable.into(),
        })?;
        if let Some(id) = applied.stream {
            self.settled(id).await;
        }
        Ok(())
    }
}

/// Warm throughput and AUTO are for on-demand streams.
fn check_on_demand_settings(
    request: &CreateStreamRequest,
    mode: StreamMode,
) -> Result<(), CreateStreamError> {
    if let Some(mibps) = request.warm_throughput_mibps {
        check_throughput(mibps)?;
    }
    if mode == StreamMode::OnDemand {
        return Ok(());
    }
    if request.warm_throughput_mibps.is_some() {
        return Err(UpdateSettingError::ProvisionedWithThroughput.into());
    }
    match request.record_distribution_strategy {
        Some(RecordDistributionStrategy::Auto) => Err(CreateStreamError::ProvisionedWithAuto),
        Some(RecordDistributionStrategy::UserPartitionKey) | None => Ok(()),
    }
}

fn mode_and_count(request: &CreateStreamRequest) -> Result<(StreamMode, u32), CreateStreamError> {
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
        (Some(StreamMode::OnDemand), Some(_)) => Err(CreateStreamError::OnDemandWithShardCount),
        (Some(StreamMode::Provisioned), None) => {
            Err(CreateStreamError::ProvisionedWithoutShardCount)
        }
    }
}

fn rejected(reason: Rejected, caller: &Caller, name: StreamName) -> CreateStreamError {
    match reason {
        Rejected::StreamExists => CreateStreamError::Exists {
            name,
            account: caller.account.clone(),
        },
        Rejected::TooManyShards {
            current,
            limit,
            additional,
        } => ShardLimitExceeded {
            account: caller.account.clone(),
            region: caller.region.clone(),
            current,
            limit,
            additional,
        }
        .into(),
        Rejected::NoCommitment => UpdateSettingError::NoCommitment(caller.account.clone()).into(),
        _ => Unavailable::unexpected(reason).into(),
    }
}
