//! Hours in which there are at least so many workers or shards.

use millstream_types::TimestampMs;
use serde::Deserialize;

const MINUTE_MS: u64 = 60_000;
const DAY_MINUTES: u32 = 24 * 60;

/// "At least eight workers from 8 to 18 h, Monday to Friday."
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Schedule {
    /// First minute, as `HH:MM`.
    #[serde(deserialize_with = "time_of_day")]
    pub from: u32,
    /// Minute at which it ends, as `HH:MM`; at or before `from`, it is that of the next day.
    #[serde(deserialize_with = "time_of_day")]
    pub to: u32,
    /// Days on which it begins, 1 (Monday) to 7 (Sunday). Default: every day.
    #[serde(default = "every_day")]
    pub days: Vec<u8>,
    /// Minutes that the place's clock is ahead of UTC, -840 to 840. Default 0.
    #[serde(default)]
    pub utc_offset_minutes: i32,
    /// At least so many workers. Default 0.
    #[serde(default)]
    pub workers_min: u32,
    /// At least so many shards. Default 0.
    #[serde(default)]
    pub shards_min: u32,
}

/// The schedule means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// A day is not one of seven.
    #[error("days are 1 (Monday) to 7 (Sunday), and at least one")]
    Days,
    /// No clock is so far from UTC.
    #[error("utc-offset-minutes is from -840 to 840")]
    Offset,
}

impl Schedule {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn check(&self) -> Result<(), InvalidSchedule> {
        let are_days = self.days.iter().all(|day| (1..=7).contains(day)) && !self.days.is_empty();
        if !are_days {
            return Err(InvalidSchedule::Days);
        }
        if !(-840..=840).contains(&self.utc_offset_minutes) {
            return Err(InvalidSchedule::Offset);
        }
        Ok(())
    }

    /// Whether it holds at a moment.
    pub fn holds_at(&self, at: TimestampMs) -> bool {
        let minutes = i64::try_from(at.0 / MINUTE_MS).unwrap_or(i64::MAX / 2);
        let local = minutes + i64::from(self.utc_offset_minutes);
        let day = local.div_euclid(i64::from(DAY_MINUTES));
        let minute = local.rem_euclid(i64::from(DAY_MINUTES)) as u32;
        if self.from < self.to {
            self.is_day(day) && (self.from..self.to).contains(&minute)
        } else {
            self.is_day(day) && minute >= self.from || self.is_day(day - 1) && minute < self.to
        }
    }

    /// Day 0 of the epoch was a Thursday.
    fn is_day(&self, day: i64) -> bool {
        let of_week = (day + 3).rem_euclid(7) as u8 + 1;
        self.days.contains(&of_week)
    }
}

fn every_day() -> Vec<u8> {
    (1..=7).collect()
}

fn time_of_day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let is_short = |digits: &str| {
            (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let (hours, minutes) = (
            hours.parse::<u32>().ok().filter(|_| is_short(hours))?,
            minutes.parse::<u32>().ok().filter(|_| is_short(minutes))?,
        );
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    });
    parsed.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is not a time such as 08:00")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-02, a Monday, at midnight UTC.
    const MONDAY: u64 = 1_793_577_600_000;

    fn at(day: u64, hour: u64, minute: u64) -> TimestampMs {
        TimestampMs(MONDAY + ((day * 24 + hour) * 60 + minute) * MINUTE_MS)
    }

    fn schedule(json: &str) -> Schedule {
        let schedule: Schedule = serde_json::from_str(json).unwrap();
        schedule.check().unwrap();
        schedule
    }

    #[test]
    fn working_hours_are_from_monday_to_friday() {
        let hours = schedule(r#"{"from":"08:00","to":"18:00","days":[1,2,3,4,5]}"#);
        assert!(!hours.holds_at(at(0, 7, 59)));
        assert!(hours.holds_at(at(0, 8, 0)) && hours.holds_at(at(4, 17, 59)));
        assert!(!hours.holds_at(at(4, 18, 0)) && !hours.holds_at(at(5, 12, 0)));
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let night = schedule(r#"{"from":"22:00","to":"06:00","days":[5]}"#);
        assert!(night.holds_at(at(4, 23, 0)) && night.holds_at(at(5, 5, 59)));
        assert!(!night.holds_at(at(5, 6, 0)) && !night.holds_at(at(4, 5, 0)));
        assert!(!night.holds_at(at(5, 23, 0)));
        let whole_day = schedule(r#"{"from":"00:00","to":"00:00","days":[1]}"#);
        assert!(whole_day.holds_at(at(0, 0, 0)) && whole_day.holds_at(at(0, 23, 59)));
        assert!(!whole_day.holds_at(at(1, 0, 0)));
    }

    #[test]
    fn hours_are_those_of_the_place() {
        let berlin =
            schedule(r#"{"from":"00:30","to":"01:30","days":[2],"utc-offset-minutes":60}"#);
        assert!(berlin.holds_at(at(0, 23, 30)) && !berlin.holds_at(at(1, 0, 30)));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for bad in [
            r#"{"from":"24:00","to":"18:00"}"#,
            r#"{"from":"8","to":"18:00"}"#,
            r#"{"from":"+8:00","to":"18:00"}"#,
            r#"{"from":"08:00","to":"018:00"}"#,
            r#"{"from":"08:00","to":"18:00","until":"x"}"#,
        ] {
            assert!(serde_json::from_str::<Schedule>(bad).is_err(), "{bad}");
        }
        let mut bad = schedule(r#"{"from":"08:00","to":"18:00"}"#);
        bad.days = vec![0];
        assert_eq!(bad.check(), Err(InvalidSchedule::Days));
        bad.days = vec![];
        assert_eq!(bad.check(), Err(InvalidSchedule::Days));
        bad.days = vec![7];
        bad.utc_offset_minutes = 841;
        assert_eq!(bad.check(), Err(InvalidSchedule::Offset));
    }
}
