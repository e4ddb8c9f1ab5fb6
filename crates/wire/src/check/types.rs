//! Types: what a value is turned into, and what the service says if it cannot be.

use std::borrow::Cow;

use crate::encoding::Encoding;
use crate::model::{Kind, Member, Shape};
use crate::value::Value;

const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

/// Turns `value` into one of `shape`'s type; the error is the service's text.
pub(super) fn convert(
    value: &mut Value<'_>,
    shape: &Shape,
    encoding: Encoding,
) -> Result<(), String> {
    if matches!(value, Value::Null) {
        return Ok(());
    }
    match &shape.kind {
        Kind::Structure(members) => structure(value, members, encoding),
        Kind::List(member) => match value {
            Value::List(values) => values
                .iter_mut()
                .try_for_each(|value| convert(value, member, encoding)),
            Value::Map(_) => Err(MAP.into()),
            _ => Err("Expected list or null".into()),
        },
        Kind::Map { value: of, .. } => match value {
            Value::Map(members) => members
                .iter_mut()
                .try_for_each(|(_, value)| convert(value, of, encoding)),
            Value::List(_) => Err(LIST.into()),
            _ => Err("Expected map or null".into()),
        },
        _ => scalar(value, shape, encoding),
    }
}

fn structure(value: &mut Value<'_>, members: &[Member], encoding: Encoding) -> Result<(), String> {
    let given = match value {
        Value::Map(given) => given,
        Value::List(_) => return Err(LIST.into()),
        _ => return Err("Expected null".into()),
    };
    let known = |name: &str| members.iter().find(|member| member.name == name);
    given.retain(|(name, value)| known(name).is_some() && *value != Value::Null);
    for (name, value) in given {
        if let Some(member) = known(name) {
            convert(value, member.shape, encoding)?;
        }
    }
    Ok(())
}

fn scalar(value: &mut Value<'_>, shape: &Shape, encoding: Encoding) -> Result<(), String> {
    match value {
        Value::List(_) => return Err(LIST.into()),
        Value::Map(_) => return Err(MAP.into()),
        _ => {}
    }
    match shape.kind {
        Kind::Integer => integer(value),
        Kind::Boolean => boolean(value),
        Kind::Blob => blob(value),
        Kind::Timestamp => timestamp(value, encoding),
        _ => match value {
            Value::Text(_) => Ok(()),
            other => Err(format!(
                "class {} can not be converted to an String",
                class(other)
            )),
        },
    }
}

/// The class by which the service's texts name a value.
fn class(value: &Value<'_>) -> &'static str {
    match value {
        Value::Bool(_) => "java.lang.Boolean",
        Value::Integer(_) | Value::Float(_) => {
            "com.amazon.coral.value.json.numbers.TruncatingBigNumber"
        }
        Value::Text(_) => "java.lang.String",
        Value::Bytes(_) => "java.nio.HeapByteBuffer",
        Value::TimestampMs(_) => "java.util.Date",
        Value::Null | Value::List(_) | Value::Map(_) => "java.lang.Object",
    }
}

/// Fractions are dropped towards minus infinity; what does not fit becomes the nearest number that does.
fn integer(value: &mut Value<'_>) -> Result<(), String> {
    let number = match value {
        Value::Integer(number) => *number,
        // A cast from float saturates.
        Value::Float(number) => number.floor() as i64,
        other => {
            return Err(format!(
                "class {} can not be converted to an Integer",
                class(other)
            ));
        }
    };
    *value = Value::Integer(number.clamp(i32::MIN.into(), i32::MAX.into()));
    Ok(())
}

fn boolean(value: &mut Value<'_>) -> Result<(), String> {
    let truth = match value {
        Value::Bool(truth) => *truth,
        Value::Text(text) => match text.to_uppercase().as_str() {
            "TRUE" | "1" | "YES" => true,
            "FALSE" | "0" | "NO" => false,
            upper => {
                return Err(format!(
                    "'{}' can not be converted to an Boolean",
                    echoed(upper)
                ));
            }
        },
        other => {
            return Err(format!(
                "class {} can not be converted to an Boolean",
                class(other)
            ));
        }
    };
    *value = Value::Bool(truth);
    Ok(())
}

fn blob(value: &mut Value<'_>) -> Result<(), String> {
    match value {
        Value::Bytes(_) => Ok(()),
        Value::Text(text) => {
            let bytes = base64_simd::STANDARD
                .decode_to_vec(text.as_bytes())
                .map_err(|_| base64_text(text))?;
            *value = Value::Bytes(Cow::Owned(bytes));
            Ok(())
        }
        other => Err(format!(
            "class {} can not be converted to a Blob",
            class(other)
        )),
    }
}

/// Longest part of a text that is repeated in what is said about it, in bytes.
const ECHO_BYTES_MAX: usize = 4096;

/// As much of a text as is repeated in what is said about it.
pub(super) fn echoed(text: &str) -> Cow<'_, str> {
    if text.len() <= ECHO_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!(
        "{}...",
        &text[..text.floor_char_boundary(ECHO_BYTES_MAX)]
    ))
}

/// What the service says about text that is not base64.
fn base64_text(text: &str) -> String {
    let length = text.encode_utf16().count();
    let reason = if !length.is_multiple_of(4) {
        format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")
    } else if let Some(char) = first_char_not_of_base64(text) {
        format!("Invalid Base64 character: '{char}'")
    } else {
        "Invalid last non-pad Base64 character dectected".to_owned()
    };
    let text = echoed(text);
    format!("'{text}' can not be converted to a Blob: {reason}")
}

fn first_char_not_of_base64(text: &str) -> Option<char> {
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let is_wrong = match char {
            '=' => chars.peek().is_some_and(|next| *next != '='),
            _ => !(char.is_ascii_alphanumeric() || char == '+' || char == '/'),
        };
        if is_wrong {
            return Some(char);
        }
    }
    None
}

/// JSON counts seconds, CBOR milliseconds, with or without the tag.
fn timestamp(value: &mut Value<'_>, encoding: Encoding) -> Result<(), String> {
    let ms = match (&*value, encoding) {
        (Value::TimestampMs(ms), _) | (Value::Integer(ms), Encoding::Cbor) => *ms,
        (Value::Float(ms), Encoding::Cbor) => ms.round() as i64,
        (Value::Integer(seconds), Encoding::Json) => seconds.saturating_mul(1000),
        (Value::Float(seconds), Encoding::Json) => (seconds * 1000.0).round() as i64,
        (other, _) => {
            return Err(format!(
                "class {} can not be converted to milliseconds since epoch",
                class(other)
            ));
        }
    };
    *value = Value::TimestampMs(ms);
    Ok(())
}
