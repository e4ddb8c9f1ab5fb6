//! What the operations that give a stream's setting a new value have in common.

use millstream_types::limits::{
    ENCRYPTION_CHANGES_PER_DAY_MAX, MODE_SWITCHES_PER_DAY_MAX, WARM_THROUGHPUT_MIBPS_MAX,
};
use millstream_types::{AccountId, StreamName};
use millstream_wire::{ApiError, ErrorCode};

use super::change_stream::ChangeStreamError;
use super::unverified_texts as texts;
use crate::StreamService;
use millstream_catalog::{Rejected, Setting, Stream, StreamCommand};

/// How a new value of a setting is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateSettingError {
    /// The setting, or this value, is for on-demand streams only.
    #[error("{}", texts::provisioned(.name, .account))]
    Provisioned {
        /// The stream.
        name: StreamName,
        /// Its account.
        account: AccountId,
    },
    /// Warm throughput needs an account that commits itself to a least throughput: see UpdateAccountSettings.
    #[error("{}", texts::no_commitment(.0))]
    NoCommitment(AccountId),
    /// More warm throughput than there can be; in MiB per second.
    #[error("{}", texts::too_much_throughput(.0, WARM_THROUGHPUT_MIBPS_MAX))]
    TooMuchThroughput(u32),
    /// Provisioned mode with a warm throughput.
    #[error("{}", texts::PROVISIONED_WITH_WARM_THROUGHPUT)]
    ProvisionedWithThroughput,
    /// Provisioned mode while the record distribution strategy is AUTO.
    #[error("{}", texts::spreads_records(.name, .account))]
    SpreadsRecords {
        /// The stream.
        name: StreamName,
        /// Its account.
        account: AccountId,
    },
    /// As any change of a stream.
    #[error(transparent)]
    Change(#[from] ChangeStreamError),
}

impl From<UpdateSettingError> for ApiError {
    fn from(error: UpdateSettingError) -> Self {
        match error {
            UpdateSettingError::Change(error) => error.into(),
            UpdateSettingError::Provisioned { .. }
            | UpdateSettingError::NoCommitment(_)
            | UpdateSettingError::TooMuchThroughput(_)
            | UpdateSettingError::ProvisionedWithThroughput
            | UpdateSettingError::SpreadsRecords { .. } => {
                Self::new(ErrorCode::InvalidArgument, error.to_string())
            }
        }
    }
}

impl UpdateSettingError {
    fn of(reason: Rejected, stream: &Stream) -> Option<Self> {
        let (name, account) = (stream.key.name.clone(), stream.key.account.clone());
        match reason {
            Rejected::Provisioned => Some(Self::Provisioned { name, account }),
            Rejected::NoCommitment => Some(Self::NoCommitment(account)),
            Rejected::SpreadsRecords => Some(Self::SpreadsRecords { name, account }),
            _ => None,
        }
    }
}

/// Refuses more warm throughput than there can be.
pub(super) fn check_throughput(mibps: u32) -> Result<u32, UpdateSettingError> {
    match mibps <= WARM_THROUGHPUT_MIBPS_MAX {
        true => Ok(mibps),
        false => Err(UpdateSettingError::TooMuchThroughput(mibps)),
    }
}

fn per_day_max(setting: &Setting) -> Option<u32> {
    match setting {
        Setting::Encryption { .. } => Some(ENCRYPTION_CHANGES_PER_DAY_MAX),
        Setting::Mode { .. } => Some(MODE_SWITCHES_PER_DAY_MAX),
        Setting::MaxRecordSize { .. }
        | Setting::WarmThroughput { .. }
        | Setting::EnableMetrics { .. }
        | Setting::DisableMetrics { .. }
        | Setting::RecordDistribution { .. } => None,
    }
}

impl StreamService {
    /// Gives a setting of an ACTIVE stream a new value. It holds when this returns, unless a transition time is set or
    /// it takes more than ten seconds: then the stream is UPDATING, with the old value, until it is ACTIVE again.
    ///
    /// If the future is dropped, the setting may still change.
    pub(super) async fn update_setting(
        &self,
        stream: &Stream,
        setting: Setting,
    ) -> Result<(), UpdateSettingError> {
        let command = StreamCommand::UpdateSetting {
            id: stream.id,
            per_day_max: per_day_max(&setting),
            account_shards_max: self.inner.settings.account_shards_max,
            setting,
        };
        let own = |reason| UpdateSettingError::of(reason, stream);
        self.change_stream(stream, command, own).await?;
        self.settled(stream.id).await;
        Ok(())
    }
}
