//! Where in a value a field is: `.ticker`, `.user.id`, or `.` for all of it.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

/// The way to a field of a JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

/// The text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no path to a field: write .name or .outer.inner")]
pub struct InvalidFieldPath(String);

impl FieldPath {
    /// The field of a value, if it is there.
    pub fn of<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.0.iter().try_fold(value, |value, name| value.get(name))
    }

    /// The field as text: a string as it is, anything else as JSON; none if it is missing or null.
    pub fn text_of(&self, value: &Value) -> Option<String> {
        match self.of(value)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The name of the field itself; nothing for the whole value.
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }
}

impl FromStr for FieldPath {
    type Err = InvalidFieldPath;

    fn from_str(text: &str) -> Result<Self, InvalidFieldPath> {
        let invalid = || InvalidFieldPath(text.to_owned());
        let rest = text.strip_prefix('.').ok_or_else(invalid)?;
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|one| one.is_alphanumeric() || one == '_' || one == '-')
        };
        let names = rest
            .split('.')
            .map(|name| is_name(name).then(|| name.to_owned()));
        names.collect::<Option<_>>().map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(".");
        }
        self.0.iter().try_for_each(|name| write!(f, ".{name}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_fields() {
        let value = json!({"a": {"b": 1}, "t": "x", "n": null});
        let text = |path: &str| path.parse::<FieldPath>().unwrap().text_of(&value);
        assert_eq!(text(".a.b").as_deref(), Some("1"));
        assert_eq!(text(".t").as_deref(), Some("x"));
        assert_eq!(text(".a").as_deref(), Some(r#"{"b":1}"#));
        assert_eq!((text(".n"), text(".a.c"), text(".t.x")), (None, None, None));
        assert!(text(".").is_some());
        for bad in ["", "a", ".a..b", ".[0]", ".a | .b"] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }
}
