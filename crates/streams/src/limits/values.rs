//! What the limits are: AWS's own, and what an operator says in their place.

use std::collections::BTreeMap;

use millstream_types::{AccountId, StreamName};
use millstream_wire::Operation;
use serde::Deserialize;

const MIB: u64 = 1024 * 1024;

/// Most that a rate or a count may be set to.
const VALUE_MAX: u64 = 1 << 40;

/// Most overrides: all are looked at when a limit is first met.
const OVERRIDES_MAX: usize = 1_000;

/// What one shard admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardValues {
    pub(super) write_bytes_per_s: u64,
    pub(super) write_records_per_s: u64,
    pub(super) read_bytes_per_s: u64,
    pub(super) read_calls_per_s: u64,
    pub(super) iterators_per_s: u64,
    /// Of each consumer.
    pub(super) subscribes_per_s: u64,
    /// Of each consumer.
    pub(super) fan_out_bytes_per_s: u64,
}

impl ShardValues {
    /// AWS's own.
    pub(super) const AWS: Self = Self {
        write_bytes_per_s: MIB,
        write_records_per_s: 1_000,
        read_bytes_per_s: 2 * MIB,
        read_calls_per_s: 5,
        iterators_per_s: 5,
        subscribes_per_s: 1,
        fan_out_bytes_per_s: 2 * MIB,
    };
}

/// Limits that hold in place of AWS's own for some streams or accounts: `[[limit]]` of the settings file. Of several that
/// fit, the first that says something about a limit decides about it. Every value is from 1 to 2^40.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitOverride {
    /// Whose; absent: everybody's.
    pub account: Option<AccountId>,
    /// Which stream's; absent: all streams'.
    pub stream: Option<StreamName>,
    /// Bytes of data and partition keys that a shard takes in a second.
    pub write_bytes_per_s: Option<u64>,
    /// Records that a shard takes in a second.
    pub write_records_per_s: Option<u64>,
    /// Bytes that GetRecords gives of a shard in a second.
    pub read_bytes_per_s: Option<u64>,
    /// GetRecords calls to a shard in a second.
    pub read_calls_per_s: Option<u64>,
    /// GetShardIterator calls to a shard in a second.
    pub iterators_per_s: Option<u64>,
    /// SubscribeToShard calls in a second, of each consumer to each shard.
    pub subscribes_per_s: Option<u64>,
    /// Bytes of events in a second, of each consumer at each shard.
    pub fan_out_bytes_per_s: Option<u64>,
    /// Calls in a second of operations, by their names, that have a limit on the account or the stream.
    pub calls_per_s: BTreeMap<String, u64>,
    /// Open shards of an account's provisioned streams in a region. Not beside `stream`.
    pub shards_max: Option<u64>,
    /// On-demand streams of an account in a region. Not beside `stream`.
    pub on_demand_streams_max: Option<u64>,
    /// Streams of an account in a region that may be CREATING at a time. Not beside `stream`.
    pub streams_creating_max: Option<u64>,
    /// Times in 24 hours that a stream's shard count may be updated.
    pub shard_count_updates_per_day_max: Option<u64>,
}

/// Why an override cannot be used. The text says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLimit {
    /// Nothing would be let in, or the arithmetic would not hold.
    #[error("{0} of a [[limit]] must be from 1 to {VALUE_MAX}")]
    Value(String),
    /// Not an operation, or one that has no limit of this kind.
    #[error(
        "calls-per-s of a [[limit]] names {0:?}, which is no operation with a limit of its own"
    )]
    Operation(String),
    /// A limit of accounts for a stream.
    #[error("{0} of a [[limit]] is a limit of accounts: it does not go with stream")]
    OfAccounts(&'static str),
    /// More than are worth looking through for each call.
    #[error("there may be at most {0} [[limit]] tables")]
    TooMany(usize),
}

impl LimitOverride {
    /// Looks at every value.
    ///
    /// # Errors
    /// The first that cannot be used.
    fn check(&self) -> Result<(), InvalidLimit> {
        for (name, value) in self.values() {
            check_value(name, value)?;
        }
        for (name, value) in &self.calls_per_s {
            let operation = Operation::from_name(name);
            if operation.and_then(super::control_plane::limit_of).is_none() {
                return Err(InvalidLimit::Operation(name.clone()));
            }
            check_value(name, Some(*value))?;
        }
        let of_accounts = [
            ("shards-max", self.shards_max),
            ("on-demand-streams-max", self.on_demand_streams_max),
            ("streams-creating-max", self.streams_creating_max),
        ];
        match of_accounts.iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) if self.stream.is_some() => Err(InvalidLimit::OfAccounts(name)),
            Some(_) | None => Ok(()),
        }
    }

    fn values(&self) -> [(&'static str, Option<u64>); 11] {
        [
            ("write-bytes-per-s", self.write_bytes_per_s),
            ("write-records-per-s", self.write_records_per_s),
            ("read-bytes-per-s", self.read_bytes_per_s),
            ("read-calls-per-s", self.read_calls_per_s),
            ("iterators-per-s", self.iterators_per_s),
            ("subscribes-per-s", self.subscribes_per_s),
            ("fan-out-bytes-per-s", self.fan_out_bytes_per_s),
            ("shards-max", self.shards_max),
            ("on-demand-streams-max", self.on_demand_streams_max),
            ("streams-creating-max", self.streams_creating_max),
            (
                "shard-count-updates-per-day-max",
                self.shard_count_updates_per_day_max,
            ),
        ]
    }

    fn fits(&self, account: &AccountId, stream: Option<&StreamName>) -> bool {
        let is_account = self.account.as_ref().is_none_or(|own| own == account);
        let is_stream = self.stream.is_none() || self.stream.as_ref() == stream;
        is_account && is_stream
    }
}

fn check_value(name: &str, value: Option<u64>) -> Result<(), InvalidLimit> {
    match value {
        Some(value) if !(1..=VALUE_MAX).contains(&value) => Err(InvalidLimit::Value(name.into())),
        Some(_) | None => Ok(()),
    }
}

/// Overrides that can be used, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitOverrides(Vec<LimitOverride>);

impl LimitOverrides {
    /// At most 1,000.
    ///
    /// # Errors
    /// If one of them cannot be used.
    pub fn new(overrides: Vec<LimitOverride>) -> Result<Self, InvalidLimit> {
        if overrides.len() > OVERRIDES_MAX {
            return Err(InvalidLimit::TooMany(OVERRIDES_MAX));
        }
        overrides.iter().try_for_each(LimitOverride::check)?;
        Ok(Self(overrides))
    }

    /// The first word about a limit.
    pub(super) fn first<T>(
        &self,
        account: &AccountId,
        stream: Option<&StreamName>,
        value: impl Fn(&LimitOverride) -> Option<T>,
    ) -> Option<T> {
        let fitting = self.0.iter().filter(|one| one.fits(account, stream));
        fitting.filter_map(value).next()
    }

    /// What a shard of the stream admits.
    pub(super) fn of_shard(&self, account: &AccountId, stream: &StreamName) -> ShardValues {
        let mut values = ShardValues::AWS;
        // The first has the last word.
        let fitting = self.0.iter().rev();
        for one in fitting.filter(|one| one.fits(account, Some(stream))) {
            let set = |value: &mut u64, own: Option<u64>| *value = own.unwrap_or(*value);
            set(&mut values.write_bytes_per_s, one.write_bytes_per_s);
            set(&mut values.write_records_per_s, one.write_records_per_s);
            set(&mut values.read_bytes_per_s, one.read_bytes_per_s);
            set(&mut values.read_calls_per_s, one.read_calls_per_s);
            set(&mut values.iterators_per_s, one.iterators_per_s);
            set(&mut values.subscribes_per_s, one.subscribes_per_s);
            set(&mut values.fan_out_bytes_per_s, one.fan_out_bytes_per_s);
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_says_something_decides() {
        let account: AccountId = "111122223333".parse().unwrap();
        let (orders, other) = ("orders".parse().unwrap(), "other".parse().unwrap());
        let overrides = LimitOverrides::new(vec![
            LimitOverride {
                stream: Some("orders".parse().unwrap()),
                write_bytes_per_s: Some(7),
                ..LimitOverride::default()
            },
            LimitOverride {
                account: Some(account.clone()),
                write_bytes_per_s: Some(8),
                read_calls_per_s: Some(9),
                ..LimitOverride::default()
            },
        ]);
        let overrides = overrides.unwrap();
        let of_orders = overrides.of_shard(&account, &orders);
        assert_eq!(
            (of_orders.write_bytes_per_s, of_orders.read_calls_per_s),
            (7, 9)
        );
        assert_eq!(overrides.of_shard(&account, &other).write_bytes_per_s, 8);
        let stranger = "999900001111".parse().unwrap();
        assert_eq!(overrides.of_shard(&stranger, &other), ShardValues::AWS);
        let calls = |one: &LimitOverride| one.read_calls_per_s;
        assert_eq!(overrides.first(&account, None, calls), Some(9));
        assert_eq!(overrides.first(&stranger, Some(&orders), calls), None);
    }

    #[test]
    fn what_cannot_hold_is_refused_by_name() {
        let refused = |one: LimitOverride| one.check().unwrap_err().to_string();
        let text = refused(LimitOverride {
            write_records_per_s: Some(0),
            ..LimitOverride::default()
        });
        assert_eq!(
            text,
            "write-records-per-s of a [[limit]] must be from 1 to 1099511627776"
        );
        let text = refused(LimitOverride {
            calls_per_s: [("PutRecord".to_owned(), 3)].into(),
            ..LimitOverride::default()
        });
        assert!(
            text.contains("\"PutRecord\", which is no operation with"),
            "{text}"
        );
        let text = refused(LimitOverride {
            stream: Some("orders".parse().unwrap()),
            shards_max: Some(3),
            ..LimitOverride::default()
        });
        assert!(
            text.starts_with("shards-max of a [[limit]] is a limit of accounts"),
            "{text}"
        );
    }
}
