//! Times in records and in files.

use std::time::UNIX_EPOCH;

use serde_json::Value;

/// From here on a number is milliseconds since 1970, below it seconds: the year 5138 in seconds, March 1973 in
/// milliseconds.
const MS_FROM: f64 = 1e11;

/// A time as JSON, in milliseconds since 1970: RFC 3339, or a number of seconds or milliseconds.
pub fn of_json(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            let number = number.as_f64()?;
            let ms = if number.abs() < MS_FROM {
                number * 1000.0
            } else {
                number
            };
            (ms.is_finite() && (0.0..1e15).contains(&ms)).then_some(ms as i64)
        }
        Value::String(text) => of_text(text),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A time in RFC 3339, with any offset, in milliseconds since 1970.
pub fn of_text(text: &str) -> Option<i64> {
    let (local, offset_minutes) = match text.strip_suffix(['Z', 'z']) {
        Some(local) => (local.to_owned(), 0),
        None => {
            let at = text.len().checked_sub(6)?;
            let (local, offset) = (text.get(..at)?, text.get(at..)?);
            let sign = match offset.as_bytes().first()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let minutes: i64 = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            (local.to_owned(), sign * minutes)
        }
    };
    let utc = humantime::parse_rfc3339(&format!("{}Z", local.replace([' ', 't'], "T"))).ok()?;
    let ms = i64::try_from(utc.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    Some(ms - offset_minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_come_in_several_forms() {
        let expected = Some(1_793_620_837_500);
        for value in [
            json!("2026-11-02T12:00:37.5Z"),
            json!("2026-11-02 13:00:37.5+01:00"),
            json!("2026-11-02T06:30:37.500-05:30"),
            json!(1_793_620_837.5),
            json!(1_793_620_837_500_u64),
        ] {
            assert_eq!(of_json(&value), expected, "{value}");
        }
        for bad in [
            json!("noon"),
            json!(""),
            json!(-1),
            json!(null),
            json!("2026-11-02"),
            json!("é+01:00"),
        ] {
            assert_eq!(of_json(&bad), None, "{bad}");
        }
    }
}
