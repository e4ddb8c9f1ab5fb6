//! What tags may be. Keys that begin with `aws:` are AWS's own, and here the tables' own: no client gives or takes them.

use dynoxide::DynoxideError;
use serde_json::Value;

/// The reserved prefix, in upper or lower case.
const RESERVED: &str = "aws:";
/// Most tags of a table.
const TAGS_MAX: usize = 50;

/// Refuses a request that gives (`Tags`) or takes (`TagKeys`) a tag with a reserved key, or gives one of other characters
/// than tags may have, or more than a table may have.
///
/// # Errors
/// A `ValidationException`; AWS's own wording is not known.
pub(super) fn check(members: &Value) -> Result<(), DynoxideError> {
    let list = |name: &str| {
        members
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    if list("Tags").count() > TAGS_MAX {
        return Err(DynoxideError::ValidationException(format!(
            "One or more parameter values were invalid: A table has at most {TAGS_MAX} tags"
        )));
    }
    for (name, tag) in list("Tags").flat_map(|tag| [("Key", tag), ("Value", tag)]) {
        let text = tag.get(name).and_then(Value::as_str).unwrap_or_default();
        if !text.chars().all(is_allowed) {
            return Err(DynoxideError::ValidationException(format!(
                "One or more parameter values were invalid: The {name} of a tag has characters that are not allowed. \
                 Allowed are letters, spaces, numbers and _ . : / = + - @"
            )));
        }
    }
    let given = list("Tags").filter_map(|tag| tag.get("Key"));
    let reserved = given
        .chain(list("TagKeys"))
        .filter_map(Value::as_str)
        .find(|key| is_reserved(key));
    match reserved {
        None => Ok(()),
        Some(_) => Err(DynoxideError::ValidationException(
            "One or more parameter values are not valid. Tag keys that begin with aws: are reserved for AWS use".into(),
        )),
    }
}

fn is_allowed(char: char) -> bool {
    char.is_alphanumeric() || char.is_whitespace() || "_.:/=+-@".contains(char)
}

fn is_reserved(key: &str) -> bool {
    let start = key.get(..RESERVED.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}
