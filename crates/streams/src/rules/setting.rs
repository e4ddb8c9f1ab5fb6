//! What the operations that give a stream's setting a new value have in common.

use millstream_catalog::{Rejected, Setting, Stream, StreamCommand};
use millstream_types::limits::{
    ENCRYPTION_CHANGES_PER_DAY_MAX, MODE_SWITCHES_PER_DAY_MAX, WARM_THROUGHPUT_MIBPS_MAX,
};

use crate::call::Call;
use crate::unverified_texts as texts;
use crate::{Failure, Quotas};

/// Provisioned mode with a warm throughput.
pub(crate) fn provisioned_with_throughput() -> Failure {
    Failure::invalid_argument(texts::PROVISIONED_WITH_WARM_THROUGHPUT)
}

/// Refuses one more on-demand stream than the caller's account may have.
pub(crate) fn check_on_demand_streams(call: &Call<'_>, quotas: Quotas) -> Result<(), Failure> {
    let (account, region) = (&call.caller.account, &call.caller.region);
    let Some(max) = quotas.on_demand_streams_max else {
        return Ok(());
    };
    let view = &call.inner().view;
    match view.read(|catalog| catalog.on_demand_streams(account, region)) < max {
        true => Ok(()),
        false => Err(Failure::limit_exceeded(texts::too_many_on_demand(
            account, max,
        ))),
    }
}

/// Refuses more warm throughput than there can be.
pub(crate) fn check_throughput(mibps: u32) -> Result<u32, Failure> {
    match mibps <= WARM_THROUGHPUT_MIBPS_MAX {
        true => Ok(mibps),
        false => Err(Failure::invalid_argument(texts::too_much_throughput(
            &mibps,
            WARM_THROUGHPUT_MIBPS_MAX,
        ))),
    }
}

fn rejected(reason: Rejected, stream: &Stream) -> Option<Failure> {
    let (name, account) = (&stream.key.name, &stream.key.account);
    Some(Failure::invalid_argument(match reason {
        Rejected::Provisioned => texts::provisioned(name, account),
        Rejected::NoCommitment => texts::no_commitment(account),
        Rejected::SpreadsRecords => texts::spreads_records(name, account),
        _ => return None,
    }))
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

impl Call<'_> {
    /// Gives a setting of an ACTIVE stream a new value. It holds when this returns, unless a transition time is set or
    /// it takes more than ten seconds: then the stream is UPDATING, with the old value, until it is ACTIVE again.
    ///
    /// If the future is dropped, the setting may still change.
    pub(crate) async fn update_setting(
        &self,
        stream: &Stream,
        setting: Setting,
    ) -> Result<(), Failure> {
        let command = StreamCommand::UpdateSetting {
            id: stream.id,
            per_day_max: per_day_max(&setting),
            account_shards_max: self.quotas(Some(stream)).shards_max,
            setting,
        };
        self.change(stream, command, |reason| rejected(reason, stream))
            .await?;
        self.settled(stream.id).await;
        Ok(())
    }
}
