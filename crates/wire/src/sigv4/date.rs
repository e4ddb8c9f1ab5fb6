//! The times of signatures: ISO 8601's basic format, and HTTP's own dates.

use std::fmt;

use millstream_types::TimestampMs;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The time as `X-Amz-Date` carries it: `20150830T123600Z`. Years from 1970 to 9999.
pub fn amz_date(time: TimestampMs) -> String {
    AmzDate::of(time).to_string()
}

/// A moment to the second, and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AmzDate {
    pub(super) time: TimestampMs,
    text: [u8; 16],
}

impl AmzDate {
    pub(super) fn of(time: TimestampMs) -> Self {
        let seconds = time.as_secs().min(253_402_300_799);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let mut text = *b"YYYYMMDDTHHMMSSZ";
        let mut put = |at: usize, digits: usize, mut value: u64| {
            for place in text[at..at + digits].iter_mut().rev() {
                *place = b'0' + u8::try_from(value % 10).expect("a digit");
                value /= 10;
            }
        };
        put(0, 4, year);
        put(4, 2, month);
        put(6, 2, day);
        put(9, 2, second / 3600);
        put(11, 2, second / 60 % 60);
        put(13, 2, second % 60);
        Self {
            time: TimestampMs(seconds * 1000),
            text,
        }
    }

    /// Reads `20150830T123600Z`, and `Sun, 30 Aug 2015 12:36:00 GMT` as a `Date` header has it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(' ');
        basic(text).or_else(|| http(text).map(Self::of))
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).expect("digits and two letters")
    }

    /// The day: `20150830`.
    pub(super) fn day(&self) -> &str {
        &self.as_str()[..8]
    }
}

impl fmt::Display for AmzDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn basic(text: &str) -> Option<AmzDate> {
    let bytes: &[u8; 16] = text.as_bytes().try_into().ok()?;
    if bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let time = moment(
        number(&bytes[..4])?,
        number(&bytes[4..6])?,
        number(&bytes[6..8])?,
        number(&bytes[9..11])?,
        number(&bytes[11..13])?,
        number(&bytes[13..15])?,
    )?;
    Some(AmzDate { time, text: *bytes })
}

fn http(text: &str) -> Option<TimestampMs> {
    let (_weekday, text) = text.split_once(", ")?;
    let bytes: &[u8; 24] = text.as_bytes().try_into().ok()?;
    let separators = [
        (2, b' '),
        (6, b' '),
        (11, b' '),
        (14, b':'),
        (17, b':'),
        (20, b' '),
    ];
    let is_right = separators.iter().all(|&(at, byte)| bytes[at] == byte);
    if !is_right || &bytes[21..] != b"GMT" {
        return None;
    }
    let month = MONTHS
        .iter()
        .position(|name| name.as_bytes() == &bytes[3..6])?;
    moment(
        number(&bytes[7..11])?,
        u64::try_from(month).ok()? + 1,
        number(&bytes[..2])?,
        number(&bytes[12..14])?,
        number(&bytes[15..17])?,
        number(&bytes[18..20])?,
    )
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number * 10 + digit)
    })
}

fn moment(
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
) -> Option<TimestampMs> {
    let is_time = hour < 24 && minute < 60 && second < 60;
    if !is_time || year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    if !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    let days =
        days_before(year) + (1..month).map(|month| month_days(year, month)).sum::<u64>() + day - 1;
    Some(TimestampMs(
        (days * 86_400 + hour * 3600 + minute * 60 + second) * 1000,
    ))
}

/// Days from the epoch to the first of January.
fn days_before(year: u64) -> u64 {
    let leap_years = |last: u64| last / 4 - last / 100 + last / 400;
    (year - 1970) * 365 + leap_years(year - 1) - leap_years(1969)
}

fn month_days(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Year, month and day of a number of days since the epoch.
fn civil(days: u64) -> (u64, u64, u64) {
    // Never too late; at most a year too early.
    let mut year = 1970 + days * 400 / 146_097;
    while days_before(year) > days {
        year -= 1;
    }
    while days_before(year + 1) <= days {
        year += 1;
    }
    let (mut month, mut rest) = (1, days - days_before(year));
    while rest >= month_days(year, month) {
        rest -= month_days(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        let time = TimestampMs(1_440_938_160_000);
        for text in ["20150830T123600Z", "Sun, 30 Aug 2015 12:36:00 GMT"] {
            let date = AmzDate::parse(text).unwrap();
            assert_eq!(date.time, time);
            assert_eq!(date.to_string(), "20150830T123600Z");
            assert_eq!(date.day(), "20150830");
        }
        assert_eq!(amz_date(TimestampMs(0)), "19700101T000000Z");
        assert_eq!(amz_date(TimestampMs(951_868_799_999)), "20000229T235959Z");
        assert_eq!(amz_date(TimestampMs(u64::MAX)), "99991231T235959Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "now",
            "20150830",
            "20150830T123600",
            "20150830T123600z",
            "2015083OT123600Z",
            "20150229T000000Z",
            "20150001T000000Z",
            "20151301T000000Z",
            "20150100T000000Z",
            "20150830T240000Z",
            "20150830T126000Z",
            "20150830T123660Z",
            "19691231T235959Z",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "Sun, 31 Feb 2015 12:36:00 GMT",
            "2015-08-30T12:36:00Z",
            "éééééééé",
        ] {
            assert_eq!(AmzDate::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_second_survives(seconds in 0_u64..253_402_300_800) {
            let date = AmzDate::of(TimestampMs(seconds * 1000));
            prop_assert_eq!(AmzDate::parse(date.as_str()), Some(date));
            prop_assert_eq!(date.time, TimestampMs(seconds * 1000));
        }
    }
}
