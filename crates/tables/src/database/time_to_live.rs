//! UpdateTimeToLive of a table whose items have one, or have none: the embedded database takes what changes nothing, and
//! ends a time to live whichever attribute is named.

use dynoxide::{Database, DynoxideError};
use serde_json::Value;

use crate::decode::decode;
use crate::request::shortened;

/// Longest name of the attribute, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Checks a change against what is set. A request without its parts, or about no table, is left to the embedded database.
///
/// # Errors
/// The name is too long; the time to live is so already, or is on another attribute.
pub(super) fn check(database: &Database, members: &Value) -> Result<(), DynoxideError> {
    let wanted = &members["TimeToLiveSpecification"];
    let (Some(attribute), Some(is_wanted)) = (
        wanted["AttributeName"].as_str(),
        wanted["Enabled"].as_bool(),
    ) else {
        return Ok(());
    };
    if attribute.len() > NAME_BYTES_MAX {
        return Err(DynoxideError::ValidationException(format!(
            "1 validation error detected: Value '{}' at 'timeToLiveSpecification.attributeName' failed to satisfy \
             constraint: Member must have length less than or equal to {NAME_BYTES_MAX}",
            shortened(attribute)
        )));
    }
    let named = serde_json::json!({ "TableName": members["TableName"] });
    let Ok(described) = database.describe_time_to_live(decode(named)?) else {
        return Ok(());
    };
    let described = serde_json::to_value(&described).unwrap_or_default();
    let set = described["TimeToLiveDescription"]["AttributeName"].as_str();
    let text = match (set, is_wanted) {
        (Some(set), _) if !attribute.is_empty() && set != attribute => format!(
            "TimeToLive is active on a different AttributeName: current AttributeName is {set}"
        ),
        (Some(_), true) => "TimeToLive is already enabled".to_owned(),
        (None, false) => "TimeToLive is already disabled".to_owned(),
        (Some(_), false) | (None, true) => return Ok(()),
    };
    Err(DynoxideError::ValidationException(text))
}
