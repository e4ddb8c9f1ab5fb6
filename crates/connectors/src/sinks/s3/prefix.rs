//! What names begin with: `trades/{date}/{hour}/{.ticker}`.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::FieldPath;

/// Longest prefix with everything in it, in bytes: a name may have 1024.
const BYTES_MAX: usize = 800;
/// What stands for a field that is missing or null.
const MISSING: &str = "__missing__";

/// A template of names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefix(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A part of the time in RFC 3339.
    Time(std::ops::Range<usize>),
    Shard,
    Field(FieldPath),
}

/// The text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrefix {
    /// A brace without its other.
    #[error("a brace is not closed, or not opened")]
    Brace,
    /// A name has no empty parts.
    #[error("a part between two slashes is empty, or the text begins with a slash")]
    EmptyPart,
    /// What is in braces means nothing.
    #[error(
        "{{{0}}} is not known: write {{date}}, {{year}}, {{month}}, {{day}}, {{hour}}, {{minute}}, {{shard}} or a field \
         such as {{.ticker}}"
    )]
    Unknown(String),
}

/// The name would be too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the prefix of its name is longer than {BYTES_MAX} bytes")]
pub struct TooLong;

impl Prefix {
    /// Whether some part of it is in the values.
    pub fn has_fields(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Field(_)))
    }

    /// The prefix for a value of this time, in milliseconds since 1970 (UTC), and shard. What a field holds is written so
    /// that it is one part of a name: all but letters, digits, `_`, `-`, `=` and `.` as `%` and two hexadecimal digits.
    ///
    /// # Errors
    /// If it is too long.
    pub fn of<'v>(
        &self,
        time_ms: i64,
        shard_id: &str,
        value: impl Fn() -> &'v Value,
    ) -> Result<String, TooLong> {
        let since = Duration::from_millis(u64::try_from(time_ms).unwrap_or(0));
        let mut time = None;
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Time(range) => {
                    let time = time.get_or_insert_with(|| {
                        humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
                    });
                    text.push_str(time.get(range.clone()).unwrap_or_default());
                }
                Part::Shard => text.push_str(shard_id),
                Part::Field(field) => match field.text_of(value()) {
                    Some(found) => escape(&found, &mut text),
                    None => text.push_str(MISSING),
                },
            }
        }
        if text.len() > BYTES_MAX {
            return Err(TooLong);
        }
        Ok(text)
    }
}

fn escape(found: &str, text: &mut String) {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-=.".contains(&byte);
    // A name's part that is empty, or only dots, means something else to many programs.
    if found.bytes().all(|byte| byte == b'.') {
        text.push('_');
    }
    for byte in found.bytes() {
        if is_plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
}

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        if text.starts_with('/') || text.contains("//") {
            return Err(InvalidPrefix::EmptyPart);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(at);
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let inside = behind.strip_prefix('{').ok_or(InvalidPrefix::Brace)?;
            let (word, behind) = inside.split_once('}').ok_or(InvalidPrefix::Brace)?;
            parts.push(part(word)?);
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }
}

fn part(word: &str) -> Result<Part, InvalidPrefix> {
    // 2026-11-02T12:34:56Z
    Ok(match word {
        "date" => Part::Time(0..10),
        "year" => Part::Time(0..4),
        "month" => Part::Time(5..7),
        "day" => Part::Time(8..10),
        "hour" => Part::Time(11..13),
        "minute" => Part::Time(14..16),
        "shard" => Part::Shard,
        field => {
            let path = field.parse::<FieldPath>();
            Part::Field(path.map_err(|_| InvalidPrefix::Unknown(field.to_owned()))?)
        }
    })
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Time(range) => match (range.start, range.end) {
                (0, 10) => f.write_str("{date}"),
                (0, _) => f.write_str("{year}"),
                (5, _) => f.write_str("{month}"),
                (8, _) => f.write_str("{day}"),
                (11, _) => f.write_str("{hour}"),
                _ => f.write_str("{minute}"),
            },
            Part::Shard => f.write_str("{shard}"),
            Part::Field(field) => write!(f, "{{{field}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_filled() {
        let value = json!({"t": "A/../é", "n": 5, "d": "..", "e": ""});
        let text = |template: &str| {
            let prefix: Prefix = template.parse().unwrap();
            assert_eq!(prefix.to_string(), template);
            prefix.of(1_793_620_837_500, "shard-1", || &value).unwrap()
        };
        assert_eq!(text("a/{date}/{hour}"), "a/2026-11-02/12");
        assert_eq!(
            text("y={year}/m={month}/d={day}/{minute}"),
            "y=2026/m=11/d=02/00"
        );
        assert_eq!(text("{shard}/{.n}/"), "shard-1/5/");
        assert_eq!(text("{.t}"), "A%2F..%2F%C3%A9");
        assert_eq!(text("{.d}/{.e}/{.none}"), "_../_/__missing__");
        assert_eq!(text(""), "");
    }

    #[test]
    fn what_is_no_template_or_too_long_is_told() {
        for bad in [
            "{", "}", "a{date", "{da}te}", "{DATE}", "{ticker}", "{}", "/a", "a//b",
        ] {
            assert!(bad.parse::<Prefix>().is_err(), "{bad}");
        }
        let prefix: Prefix = "{.t}".parse().unwrap();
        let long = json!({"t": "/".repeat(400)});
        assert_eq!(prefix.of(0, "s", || &long), Err(TooLong));
    }
}
