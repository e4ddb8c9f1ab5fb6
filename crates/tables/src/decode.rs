//! From members to the embedded database's types, with DynamoDB's words for what does not fit.

use dynoxide::DynoxideError;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads an operation's input.
pub(crate) fn decode<T: DeserializeOwned>(members: Value) -> Result<T, DynoxideError> {
    serde_json::from_value(members).map_err(|error| unreadable(&error))
}

/// The embedded database's types mark the class of what they refuse at the start of the text.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let text = text.as_str();
    let after = |mark: &str| text.strip_prefix(mark).map(str::to_owned);
    if let Some(text) = after("SERIALIZATION_AS_READ:") {
        DynoxideError::SerializationException(text)
    } else if let Some(text) = after("VALIDATION_AS_READ:") {
        DynoxideError::ValidationException(text)
    } else if let Some(text) = after("SERIALIZATION:") {
        DynoxideError::SerializationException(text)
    } else if let Some(text) = after("VALIDATION_REQUEST:") {
        DynoxideError::EnvelopedValidation(text)
    } else if let Some(text) = after("VALIDATION:") {
        DynoxideError::ValidationException(text)
    } else if text.contains("Supplied AttributeValue")
        || text.contains("missing field")
        || text.contains("unknown variant")
        || text.contains("invalid type: null")
    {
        DynoxideError::ValidationException(text.to_owned())
    } else {
        DynoxideError::SerializationException(wrong_type(text))
    }
}

/// How DynamoDB words a value of the wrong type.
fn wrong_type(text: &str) -> String {
    let Some((found, _)) = text
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    else {
        return "Unexpected value type in payload".into();
    };
    let expected = if text.contains("a string") {
        "String"
    } else if text.contains("boolean") {
        "Boolean"
    } else if text.ends_with("64") || text.ends_with("32") {
        "Long"
    } else {
        return "Unexpected value type in payload".into();
    };
    let found = match found.split(' ').next().unwrap_or("") {
        "integer" => "NUMBER_VALUE",
        "floating" => "DECIMAL_VALUE",
        "string" => "STRING_VALUE",
        "boolean" if found.contains("true") => "TRUE_VALUE",
        "boolean" => "FALSE_VALUE",
        _ => return "Unexpected value type in payload".into(),
    };
    format!("{found} cannot be converted to {expected}")
}

/// DynamoDB words a refused member of these operations as one of a list.
pub(crate) fn enveloped<T>(decoded: Result<T, DynoxideError>) -> Result<T, DynoxideError> {
    decoded.map_err(|error| match error {
        DynoxideError::EnvelopedValidation(text) => {
            DynoxideError::ValidationException(format!("1 validation error detected: {text}"))
        }
        other => other,
    })
}
