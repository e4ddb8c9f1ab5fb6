//! New values of settings: one way for all of them.

use millstream_types::TimestampMs;
use millstream_wire::shapes::{RecordDistributionStrategy, StreamMode, StreamStatus};

use super::decide::Decision;
use super::{Catalog, Change, CountedChange, Rejected, Setting, Stream, StreamId};

impl Catalog {
    pub(super) fn update_setting(
        &self,
        now: TimestampMs,
        id: StreamId,
        setting: &Setting,
        per_day_max: Option<u32>,
        account_shards_max: Option<u64>,
    ) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.active(id)?);
        self.check_setting(now, &stream, setting, account_shards_max)?;
        if let Some(kind) = counted_as(&stream, setting) {
            stream.count_change(kind, now, per_day_max)?;
        }
        if setting.takes_effect_at_once() {
            setting.apply_to(&mut stream);
        } else {
            stream.status = StreamStatus::Updating;
            stream.change = Some(Change::Update {
                setting: setting.clone(),
            });
        }
        Ok(Decision::store(stream))
    }

    pub(super) fn finish_update_setting(
        &self,
        now: TimestampMs,
        id: StreamId,
    ) -> Result<Decision, Rejected> {
        let mut stream = Stream::clone(self.stream(id)?);
        let Some(Change::Update { setting }) = stream.change.take() else {
            return Err(Rejected::NotBegun);
        };
        setting.apply_to(&mut stream);
        stream.status = StreamStatus::Active;
        Ok(self.warm_up(now, stream))
    }

    fn check_setting(
        &self,
        now: TimestampMs,
        stream: &Stream,
        setting: &Setting,
        account_shards_max: Option<u64>,
    ) -> Result<(), Rejected> {
        match setting {
            Setting::Encryption { .. }
            | Setting::MaxRecordSize { .. }
            | Setting::EnableMetrics { .. }
            | Setting::DisableMetrics { .. } => Ok(()),
            Setting::Mode {
                mode: StreamMode::OnDemand,
                warm_throughput_mibps,
            } => match warm_throughput_mibps {
                Some(_) => self.check_commitment(&stream.key, now),
                None => Ok(()),
            },
            Setting::Mode {
                mode: StreamMode::Provisioned,
                ..
            } => {
                if stream.record_distribution == RecordDistributionStrategy::Auto {
                    return Err(Rejected::SpreadsRecords);
                }
                match stream.mode {
                    StreamMode::Provisioned => Ok(()),
                    StreamMode::OnDemand => {
                        let additional = stream.open_shards().len() as u64;
                        self.check_quota(&stream.key, additional, account_shards_max)
                    }
                }
            }
            Setting::WarmThroughput { .. } => {
                check_on_demand(stream)?;
                self.check_commitment(&stream.key, now)
            }
            Setting::RecordDistribution { strategy } => match strategy {
                RecordDistributionStrategy::Auto => check_on_demand(stream),
                RecordDistributionStrategy::UserPartitionKey => Ok(()),
            },
        }
    }
}

fn check_on_demand(stream: &Stream) -> Result<(), Rejected> {
    match stream.mode {
        StreamMode::OnDemand => Ok(()),
        StreamMode::Provisioned => Err(Rejected::Provisioned),
    }
}

/// As what the change counts, if it is one of those that may be made only so often.
fn counted_as(stream: &Stream, setting: &Setting) -> Option<CountedChange> {
    match setting {
        Setting::Encryption { key_id: Some(_) } => Some(CountedChange::StartEncryption),
        Setting::Encryption { key_id: None } => Some(CountedChange::StopEncryption),
        Setting::Mode { mode, .. } if *mode != stream.mode => Some(CountedChange::SwitchMode),
        Setting::Mode { .. }
        | Setting::MaxRecordSize { .. }
        | Setting::WarmThroughput { .. }
        | Setting::EnableMetrics { .. }
        | Setting::DisableMetrics { .. }
        | Setting::RecordDistribution { .. } => None,
    }
}
