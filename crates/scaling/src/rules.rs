//! What the decision is bound by.

use millstream_types::TimestampMs;

use crate::{InvalidSchedule, Schedule, Traffic};

/// From so many to so many, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Never fewer.
    pub min: u32,
    /// Never more.
    pub max: u32,
}

/// Goal and bounds of an application and its stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The goal: what has arrived is done within so many milliseconds. Default 30,000. An application that checkpoints
    /// less often than four times in it always looks late.
    pub behind_ms_max: u64,
    /// How many workers there may be. Default 1 to 10.
    pub workers: Bounds,
    /// How many open shards there may be; `None` leaves the stream as it is, as it must be left in on-demand mode.
    /// Default `None`.
    pub shards: Option<Bounds>,
    /// Milliseconds between two looks. Default 10,000.
    pub look_ms: u64,
    /// Nothing is changed so many milliseconds after a change: new workers start, leases move, shards open. Default
    /// 60,000, at least three looks.
    pub settling_ms: u64,
    /// Fewer workers and fewer shards only by the peak of so many milliseconds. Default 600,000; at least the settling
    /// time, at most 1,000 looks.
    pub quiet_ms: u64,
    /// No growth so many milliseconds after a change. Default 0: the settling time is enough.
    pub cool_down_out_ms: u64,
    /// No shrinking so many milliseconds after a change. Default 600,000.
    pub cool_down_in_ms: u64,
    /// Workers that one shard can keep busy: 1, unless records of a shard are processed by several, in order per key.
    pub workers_per_shard_max: u32,
    /// What a shard takes in a second. Default AWS's 1,000 records and 1 MiB.
    pub shard: Traffic,
    /// Hours with bounds of their own.
    pub schedules: Vec<Schedule>,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            behind_ms_max: 30_000,
            workers: Bounds { min: 1, max: 10 },
            shards: None,
            look_ms: 10_000,
            settling_ms: 60_000,
            quiet_ms: 600_000,
            cool_down_out_ms: 0,
            cool_down_in_ms: 600_000,
            workers_per_shard_max: 1,
            shard: Traffic {
                records_per_s: 1_000.0,
                bytes_per_s: 1024.0 * 1024.0,
            },
            schedules: Vec::new(),
        }
    }
}

/// More looks are not kept.
const LOOKS_MAX: u64 = 1_000;
/// AWS's most.
const SHARDS_MAX: u32 = 10_000;
/// More workers than this are a slip of the pen.
const WORKERS_MAX: u32 = 10_000;

/// A time that the rules give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleTime {
    /// [`Rules::look_ms`].
    Look,
    /// [`Rules::behind_ms_max`].
    Goal,
    /// [`Rules::settling_ms`].
    Settling,
    /// [`Rules::quiet_ms`].
    Quiet,
}

/// A rule contradicts another, or itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRules {
    /// Of the bounds.
    #[error("{0} are from 1 to {1}, and their least is not above their most")]
    Bounds(&'static str, u32),
    /// Of the times: which one, and the rule.
    #[error("{1}")]
    Times(RuleTime, &'static str),
    /// Of the speeds.
    #[error("a shard takes more than nothing in a second, and keeps at least one worker busy")]
    Shard,
    /// Of a schedule.
    #[error("a schedule: {0}")]
    Schedule(#[from] InvalidSchedule),
}

impl Rules {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), InvalidRules> {
        let are_within = |bounds: Bounds, most| {
            1 <= bounds.min && bounds.min <= bounds.max && bounds.max <= most
        };
        if !are_within(self.workers, WORKERS_MAX) {
            return Err(InvalidRules::Bounds("workers", WORKERS_MAX));
        }
        if self
            .shards
            .is_some_and(|bounds| !are_within(bounds, SHARDS_MAX))
        {
            return Err(InvalidRules::Bounds("shards", SHARDS_MAX));
        }
        let times = [
            (
                RuleTime::Look,
                self.look_ms > 0,
                "looks are at least a millisecond apart",
            ),
            (
                RuleTime::Goal,
                self.behind_ms_max > 0,
                "the goal is more than no time",
            ),
            (
                RuleTime::Settling,
                self.settling_ms >= self.look_ms.saturating_mul(3),
                "the settling time is at least three looks",
            ),
            (
                RuleTime::Quiet,
                self.quiet_ms >= self.settling_ms,
                "the quiet time is at least the settling time",
            ),
            (
                RuleTime::Quiet,
                self.quiet_ms / self.look_ms.max(1) <= LOOKS_MAX,
                "the quiet time is at most 1,000 looks",
            ),
        ];
        if let Some((time, _, rule)) = times.into_iter().find(|(_, holds, _)| !holds) {
            return Err(InvalidRules::Times(time, rule));
        }
        let speeds = [self.shard.records_per_s, self.shard.bytes_per_s];
        let are_speeds = speeds.iter().all(|speed| speed.is_finite() && *speed > 0.0);
        if !are_speeds || self.workers_per_shard_max == 0 {
            return Err(InvalidRules::Shard);
        }
        Ok(self.schedules.iter().try_for_each(Schedule::check)?)
    }

    /// The bounds of workers at a moment: a schedule raises the least, never above the most.
    pub fn workers_at(&self, at: TimestampMs) -> Bounds {
        self.raised(self.workers, at, |schedule| schedule.workers_min)
    }

    /// The bounds of shards at a moment.
    pub fn shards_at(&self, at: TimestampMs) -> Option<Bounds> {
        let bounds = self.shards?;
        Some(self.raised(bounds, at, |schedule| schedule.shards_min))
    }

    fn raised(&self, bounds: Bounds, at: TimestampMs, of: impl Fn(&Schedule) -> u32) -> Bounds {
        let holding = self
            .schedules
            .iter()
            .filter(|schedule| schedule.holds_at(at));
        let least = holding.map(of).max().unwrap_or(0);
        Bounds {
            min: bounds.min.max(least).min(bounds.max),
            max: bounds.max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_are_named() {
        assert_eq!(Rules::default().check(), Ok(()));
        let bad: [fn(&mut Rules); 8] = [
            |rules| rules.workers = Bounds { min: 0, max: 3 },
            |rules| rules.shards = Some(Bounds { min: 4, max: 3 }),
            |rules| rules.look_ms = 0,
            |rules| rules.behind_ms_max = 0,
            |rules| rules.settling_ms = 2 * rules.look_ms,
            |rules| rules.quiet_ms = rules.settling_ms - 1,
            |rules| rules.quiet_ms = 1_001 * rules.look_ms,
            |rules| rules.shard.bytes_per_s = f64::NAN,
        ];
        for spoil in bad {
            let mut rules = Rules::default();
            spoil(&mut rules);
            assert!(rules.check().is_err(), "{rules:?}");
        }
    }

    #[test]
    fn a_schedule_raises_the_least_up_to_the_most() {
        let schedule = |workers_min| Schedule {
            from: 0,
            to: 0,
            days: (1..=7).collect(),
            utc_offset_minutes: 0,
            workers_min,
            shards_min: 6,
        };
        let mut rules = Rules {
            schedules: vec![schedule(4), schedule(2)],
            ..Rules::default()
        };
        let now = TimestampMs(1);
        assert_eq!(rules.workers_at(now), Bounds { min: 4, max: 10 });
        assert_eq!(rules.shards_at(now), None);
        rules.shards = Some(Bounds { min: 1, max: 5 });
        assert_eq!(rules.shards_at(now), Some(Bounds { min: 5, max: 5 }));
    }
}
