//! Keys of tags that begin with `aws:` are AWS's own, and here the tables' own: no client gives or takes them.

use dynoxide::DynoxideError;
use serde_json::Value;

/// The reserved prefix, in upper or lower case.
const RESERVED: &str = "aws:";

/// Refuses a request that gives (`Tags`) or takes (`TagKeys`) a tag with a reserved key.
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

fn is_reserved(key: &str) -> bool {
    let start = key.get(..RESERVED.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(RESERVED))
}
