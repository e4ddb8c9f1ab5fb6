//! Times on the command line and in the output.

use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use millstream_types::{SystemClock, WallClock};

/// A time as the user wrote it: RFC 3339, seconds since the epoch, or how long ago.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moment(pub(crate) DateTime);

/// The text is no time.
#[derive(Debug, thiserror::Error)]
#[error(
    "write a time as 2026-11-02T12:00:37Z, as seconds since 1970 (1793620837.5), or as how long ago (15m, 2h 30m)"
)]
pub(crate) struct InvalidMoment;

impl FromStr for Moment {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        if let Ok(seconds) = text.parse::<f64>() {
            let valid = seconds.is_finite() && (0.0..1e12).contains(&seconds);
            return valid
                .then(|| Self(DateTime::from_secs_f64(seconds)))
                .ok_or(InvalidMoment);
        }
        if let Ok(time) = DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset) {
            return Ok(Self(time));
        }
        let ago = humantime::parse_duration(text).map_err(|_| InvalidMoment)?;
        let now_ms = SystemClock.now().0;
        let ago_ms = u64::try_from(ago.as_millis()).map_err(|_| InvalidMoment)?;
        let then_ms = i64::try_from(now_ms.saturating_sub(ago_ms)).map_err(|_| InvalidMoment)?;
        Ok(Self(DateTime::from_millis(then_ms)))
    }
}

/// `2026-11-02T12:00:37.500Z`: always the same width. Times before 1970 are shown as its start.
pub(crate) fn show(time: &DateTime) -> String {
    let ms = time
        .to_millis()
        .ok()
        .and_then(|ms| u64::try_from(ms).ok())
        .unwrap_or(0);
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_three_spellings() {
        let expected = DateTime::from_millis(1_793_620_837_500);
        for text in [
            "1793620837.5",
            "2026-11-02T12:00:37.5Z",
            "2026-11-02T13:00:37.5+01:00",
        ] {
            assert_eq!(text.parse::<Moment>().unwrap(), Moment(expected), "{text}");
        }
        let ago = "1h".parse::<Moment>().unwrap().0.to_millis().unwrap();
        let now = i64::try_from(SystemClock.now().0).unwrap();
        assert!((now - ago - 3_600_000).abs() < 60_000);
        for bad in ["", "noon", "-1", "NaN", "2026-11-02", "1e300"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_shown_with_milliseconds() {
        assert_eq!(
            show(&DateTime::from_millis(1_793_620_837_500)),
            "2026-11-02T12:00:37.500Z"
        );
        assert_eq!(show(&DateTime::from_secs(-5)), "1970-01-01T00:00:00.000Z");
    }
}
