//! From a body's values to values that fit an operation's input: first their types, then the model's constraints.

mod constraints;
mod types;

#[cfg(test)]
mod tests;

use crate::encoding::Encoding;
use crate::value::Value;
use crate::{ApiError, ErrorCode, Operation};

/// Turns the values of a body into values of the input's types and checks every constraint of the model.
///
/// Unknown members and members that are null are dropped. Texts become bytes where the model wants a blob, and numbers
/// become milliseconds where it wants a moment.
///
/// # Errors
/// As the service answers them: `SerializationException` for the first wrong type, `ValidationException` for up to ten
/// broken constraints.
pub(crate) fn check(
    operation: Operation,
    encoding: Encoding,
    value: &mut Value<'_>,
) -> Result<(), ApiError> {
    let input = operation.input();
    if !matches!(value, Value::Map(_)) {
        return Err(ApiError::new(ErrorCode::Serialization, ""));
    }
    types::convert(value, input, encoding)
        .map_err(|text| ApiError::new(ErrorCode::Serialization, text))?;
    let broken = constraints::broken(value, input);
    if broken.is_empty() {
        return Ok(());
    }
    let plural = if broken.len() == 1 { "" } else { "s" };
    let text = format!(
        "{} validation error{plural} detected: {}",
        broken.len(),
        broken.join("; ")
    );
    Err(ApiError::new(ErrorCode::Validation, text))
}
