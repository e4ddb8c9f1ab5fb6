//! JSON bodies as values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::value::{DEPTH_MAX, MapBuilder, ParseError, VALUES_MAX, Value};

/// The one value that `body` holds. Of equal keys the last counts.
pub fn parse(body: &[u8]) -> Result<Value<'_>, ParseError> {
    let mut values_left = VALUES_MAX;
    let seed = ValueSeed {
        depth: 0,
        values_left: &mut values_left,
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = seed
        .deserialize(&mut deserializer)
        .map_err(|_| ParseError)?;
    deserializer.end().map_err(|_| ParseError)?;
    Ok(value)
}

struct ValueSeed<'budget> {
    depth: usize,
    values_left: &'budget mut usize,
}

impl ValueSeed<'_> {
    fn inner(&mut self) -> ValueSeed<'_> {
        ValueSeed {
            depth: self.depth + 1,
            values_left: self.values_left,
        }
    }

    fn check_depth<E: Error>(&self) -> Result<(), E> {
        if self.depth < DEPTH_MAX {
            Ok(())
        } else {
            Err(E::custom("too deep"))
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        *self.values_left = self
            .values_left
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom("too many values"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value<'de>, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(i64::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value<'de>, A::Error> {
        self.check_depth()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value<'de>, A::Error> {
        self.check_depth()?;
        let mut members = MapBuilder::default();
        while let Some(key) = map.next_key_seed(TextSeed)? {
            members.insert(key, map.next_value_seed(self.inner())?);
        }
        Ok(members.finish())
    }
}

struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_escapes_borrow() {
        let value = parse(br#"{"a":"plain","b":"es\u0063aped"}"#).unwrap();
        assert!(matches!(
            value.get("a"),
            Some(Value::Text(Cow::Borrowed("plain")))
        ));
        assert!(matches!(value.get("b"), Some(Value::Text(Cow::Owned(text))) if text == "escaped"));
    }

    #[test]
    fn the_last_of_equal_members_counts() {
        let value = parse(br#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
        assert_eq!(value.get("a"), Some(&Value::Integer(3)));
    }

    #[test]
    fn numbers_keep_what_they_can() {
        let value = parse(b"[1, -9223372036854775808, 9223372036854775808, 1.5, -0]").unwrap();
        let expected = [
            Value::Integer(1),
            Value::Integer(i64::MIN),
            Value::Float(9_223_372_036_854_775_808.0),
            Value::Float(1.5),
            Value::Float(-0.0),
        ];
        assert_eq!(value, Value::List(expected.into()));
    }

    #[test]
    fn depth_and_number_are_limited() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(parse(&nested(DEPTH_MAX + 1)), Err(ParseError));
        assert_eq!(parse(&nested(1_000_000)), Err(ParseError));
        let list = |len: usize| format!("[{}]", vec!["0"; len].join(","));
        assert!(parse(list(VALUES_MAX - 1).as_bytes()).is_ok());
        assert_eq!(parse(list(VALUES_MAX).as_bytes()), Err(ParseError));
    }

    #[test]
    fn other_bodies_are_refused() {
        for bad in [
            "",
            " ",
            "{",
            "{}{}",
            "{} x",
            "nul",
            "{\"a\":}",
            "[1,]",
            "\"\u{1}\"",
            "\u{feff}{}",
        ] {
            assert_eq!(parse(bad.as_bytes()), Err(ParseError), "{bad:?}");
        }
        assert_eq!(parse(b"\"\xff\""), Err(ParseError));
    }
}
