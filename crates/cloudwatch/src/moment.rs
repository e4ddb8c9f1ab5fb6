//! Moments as text: `2026-11-28T18:45:00Z`.

const DAY_SECS: i64 = 86_400;

/// Milliseconds since the epoch; `None` if the text is no moment of the years 1970 to 9999. Without an offset it is in
/// UTC.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (year, month, day) = (
        digits(date, 0, 4)?,
        digits(date, 5, 2)?,
        digits(date, 8, 2)?,
    );
    if date.as_bytes()[4] != b'-' || date.as_bytes()[7] != b'-' {
        return None;
    }
    let days = days_to(year, month, day)?;
    let Some(time) = rest.strip_prefix(['T', 't', ' ']) else {
        return rest.is_empty().then_some(days * DAY_SECS * 1000);
    };
    let (clock, rest) = time.split_at_checked(8)?;
    let (hour, minute, second) = (
        digits(clock, 0, 2)?,
        digits(clock, 3, 2)?,
        digits(clock, 6, 2)?,
    );
    let is_clock = clock.as_bytes()[2] == b':' && clock.as_bytes()[5] == b':';
    if !is_clock || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (ms, zone) = fraction(rest)?;
    let secs = days * DAY_SECS + hour * 3600 + minute * 60 + second - offset_secs(zone)?;
    Some(secs * 1000 + ms)
}

/// A moment of whole seconds since the epoch.
pub(crate) fn format(secs: u64) -> String {
    let secs = i64::try_from(secs).unwrap_or(i64::MAX).min(253_402_300_799);
    let (days, second) = (secs / DAY_SECS, secs % DAY_SECS);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

fn digits(text: &str, from: usize, count: usize) -> Option<i64> {
    let digits = text.get(from..from + count)?;
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().ok())?
}

/// Milliseconds of `.123`, and what is behind.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(fraction) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = fraction.find(|letter: char| !letter.is_ascii_digit());
    let (fraction, rest) = fraction.split_at(end.unwrap_or(fraction.len()));
    if fraction.is_empty() {
        return None;
    }
    let first: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some((first.parse().ok()?, rest))
}

/// Seconds that a zone is ahead of UTC.
fn offset_secs(zone: &str) -> Option<i64> {
    if zone.is_empty() || zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = match zone.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match zone.len() {
        3 => (digits(zone, 1, 2)?, 0),
        5 => (digits(zone, 1, 2)?, digits(zone, 3, 2)?),
        6 if zone.as_bytes()[3] == b':' => (digits(zone, 1, 2)?, digits(zone, 4, 2)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from the epoch to a day of the calendar.
fn days_to(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the day that only some have is their last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// The day of the calendar so many days after the epoch.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_are_read_in_every_form_that_clients_write() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:15Z", 951_827_415_000),
            ("2026-11-28T18:45:00.5Z", 1_795_891_500_500),
            ("2026-11-28T18:45:00.123456+00:00", 1_795_891_500_123),
            ("2026-11-28T20:45:00+0200", 1_795_891_500_000),
            ("2026-11-28T18:45:00", 1_795_891_500_000),
            ("2026-11-28", 1_795_824_000_000),
        ] {
            assert_eq!(parse(text), Some(ms), "{text}");
        }
        for text in [
            "",
            "now",
            "2026-13-01",
            "2023-02-29",
            "2026-11-28T24:00:00Z",
            "2026-11-28T18:45:00.Z",
            "1969-01-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_read_as_it_was_written(secs in 0..253_402_300_800_u64) {
            prop_assert_eq!(parse(&format(secs)), Some(secs as i64 * 1000));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,30}") {
            let _parsed = parse(&text);
        }
    }
}
