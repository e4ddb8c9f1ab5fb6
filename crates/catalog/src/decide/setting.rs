//! New values of settings: one way for all of them.

use millstream_types::{RecordDistributionStrategy, StreamMode, StreamStatus, TimestampMs};

use crate::catalog::Catalog;
use crate::counted_change::CountedChange;
use crate::decision::Decision;
use crate::rejected::Rejected;
use crate::setting::Setting;
use crate::stream::{Change, Stream, StreamId};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

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
            give(&mut stream, setting);
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
        give(&mut stream, &setting);
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

/// Gives the setting its new value.
fn give(stream: &mut Stream, setting: &Setting) {
    match setting {
        Setting::Encryption { key_id } => stream.key_id.clone_from(key_id),
        Setting::Mode {
            mode,
            warm_throughput_mibps,
        } => {
            if *mode != stream.mode {
                stream.write_peaks = Default::default();
            }
            stream.mode = *mode;
            stream.warm_throughput_mibps = match mode {
                StreamMode::OnDemand => warm_throughput_mibps.or(stream.warm_throughput_mibps),
                StreamMode::Provisioned => None,
            };
        }
        Setting::MaxRecordSize { kib } => stream.max_record_size_kib = *kib,
        Setting::WarmThroughput { mibps } => {
            // As much as before or less: what there was beyond it is given up.
            if stream
                .warm_throughput_mibps
                .is_some_and(|present| *mibps <= present)
            {
                stream.write_peaks = Default::default();
            }
            stream.warm_throughput_mibps = Some(*mibps);
        }
        Setting::EnableMetrics { metrics } => stream.shard_level_metrics.extend(metrics),
        Setting::DisableMetrics { metrics } => {
            stream
                .shard_level_metrics
                .retain(|metric| !metrics.contains(metric));
        }
        Setting::RecordDistribution { strategy } => stream.record_distribution = *strategy,
    }
}

impl Stream {
    /// Counts a change at `now`, and forgets those that are older than 24 hours.
    ///
    /// # Errors
    /// [`Rejected::TooOften`] if there were `max` within 24 hours already.
    pub(super) fn count_change(
        &mut self,
        kind: CountedChange,
        now: TimestampMs,
        max: Option<u32>,
    ) -> Result<(), Rejected> {
        let times = self.counted_changes.entry(kind).or_default();
        times.retain(|time| now.ms_since(*time) < DAY_MS);
        if max.is_some_and(|max| times.len() >= max as usize) {
            return Err(Rejected::TooOften);
        }
        times.push(now);
        Ok(())
    }
}
