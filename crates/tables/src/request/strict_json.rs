//! JSON text read so that every reader of it sees the same: a member that is there twice is an error, and so is a depth
//! that no request needs.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A depth of JSON that DynamoDB still reads, to say of it that an attribute nests too deep. Beyond that it answers as
/// to any text that is no JSON.
const DEPTH_READ_MAX: usize = 4_000;

/// Why a text is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// No JSON, or no object.
    NoObject,
    /// Deeper than 127 levels, which only an attribute can be that nests deeper than its limit of 32.
    TooDeep,
    /// The member with this name is there twice in one object.
    Repeated(String),
}

/// Reads the object that is the whole text. Its depth is at most 127, so recursion over it ends.
pub(super) fn read_object(body: &[u8]) -> Result<Map<String, Value>, Unreadable> {
    match serde_json::from_slice::<Strict>(body) {
        Ok(Strict(Value::Object(members))) => Ok(members),
        Ok(Strict(_)) => Err(Unreadable::NoObject),
        Err(error) => Err(unreadable(body, &error.to_string())),
    }
}

const REPEATED: &str = "repeated member ";

fn unreadable(body: &[u8], error: &str) -> Unreadable {
    if let Some(name) = error.strip_prefix(REPEATED) {
        let name = name.rsplit_once(" at line ").map_or(name, |(name, _)| name);
        return Unreadable::Repeated(name.to_owned());
    }
    if error.starts_with("recursion limit exceeded") && depth(body) <= DEPTH_READ_MAX {
        return Unreadable::TooDeep;
    }
    Unreadable::NoObject
}

/// How deep brackets nest outside of strings.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

/// A value in which no object has a member twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(Strict(value)) = values.next_element()? {
            read.push(value);
        }
        Ok(read.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if read.contains_key(&name) {
                return Err(A::Error::custom(format_args!("{REPEATED}{name}")));
            }
            let Strict(value) = members.next_value()?;
            read.insert(name, value);
        }
        Ok(read.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_member_that_is_there_twice_is_an_error_at_any_depth() {
        for (text, name) in [
            (r#"{"a":1,"a":1}"#, "a"),
            (r#"{"b":[{"c":{"x y":1,"\u0078 y":2}}]}"#, "x y"),
        ] {
            let expected = Unreadable::Repeated(name.into());
            assert_eq!(read_object(text.as_bytes()), Err(expected), "{text}");
        }
        assert!(read_object(br#"{"a":{"a":[{"a":1}]}}"#).is_ok());
    }

    #[test]
    fn depth_is_an_error_of_its_own_up_to_where_dynamodb_reads() {
        let nested = |depth: usize| {
            format!(
                r#"{{"Item":{}1{}}}"#,
                "[".repeat(depth - 1),
                "]".repeat(depth - 1)
            )
        };
        let read = |depth| read_object(nested(depth).as_bytes()).map(drop);
        assert_eq!(read(127), Ok(()));
        assert_eq!(read(128), Err(Unreadable::TooDeep));
        assert_eq!(read(DEPTH_READ_MAX), Err(Unreadable::TooDeep));
        assert_eq!(read(DEPTH_READ_MAX + 1), Err(Unreadable::NoObject));
        assert_eq!(read(1_000_000), Err(Unreadable::NoObject));
        assert_eq!(
            depth(br#"{"a":"[[[\"[[","b":[]}"#),
            2,
            "brackets in strings"
        );
    }

    proptest! {
        /// What is read is what serde_json reads of it.
        #[test]
        fn text_without_repeated_members_is_read_as_usual(text in r#"\{("[a-c]":([0-9.e-]{1,4}|"[a\\u0-9]{0,6}"|null|true|\[1?\]|\{\}),?){0,4}\}"#) {
            if let Ok(read) = read_object(text.as_bytes()) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), Value::Object(read));
            }
        }
    }
}
