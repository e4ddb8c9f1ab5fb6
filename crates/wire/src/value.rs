//! A request's body as a tree of values, whatever its encoding was.

mod deserializer;

use std::borrow::Cow;

/// How deep lists and maps may lie in each other, the outermost map counted.
pub const DEPTH_MAX: usize = 16;

/// How many values a body may hold, keys not counted; bounds the tree to some 10 MB whatever the body says.
pub const VALUES_MAX: usize = 100_000;

/// A value of a body; text and bytes borrow from the body where they can.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing; the same as an absent member.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, and whole numbers beyond 64 bits.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes: only in CBOR, or from base64 once the input's shape is known.
    Bytes(Cow<'a, [u8]>),
    /// A moment in milliseconds since the epoch: only in CBOR, or from a number once the input's shape is known.
    TimestampMs(i64),
    /// Values in order.
    List(Vec<Value<'a>>),
    /// Members in order; no key twice.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The member with this name, if this is a map that has it.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Takes the member with this name out of a map.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value<'a>> {
        match self {
            Self::Map(members) => {
                let at = members.iter().position(|(key, _)| key == name)?;
                Some(members.swap_remove(at).1)
            }
            _ => None,
        }
    }
}

/// The body cannot be read, or is deeper or larger than [`DEPTH_MAX`] and [`VALUES_MAX`] allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not one well-formed value within the limits of depth and number")]
pub struct ParseError;

/// The members of a map of which, for a key that stands there twice, the last value counts, at the first one's place.
#[derive(Debug, Default)]
pub(crate) struct MapBuilder<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    /// Only once a scan of `members` would cost more.
    places: std::collections::HashMap<Cow<'a, str>, usize>,
}

impl<'a> MapBuilder<'a> {
    const SCANNED_MAX: usize = 16;

    pub(crate) fn insert(&mut self, key: Cow<'a, str>, value: Value<'a>) {
        if self.members.len() == Self::SCANNED_MAX {
            let places = self.members.iter().enumerate();
            self.places = places
                .map(|(place, (key, _))| (key.clone(), place))
                .collect();
        }
        let place = if self.members.len() < Self::SCANNED_MAX {
            self.members.iter().position(|(known, _)| *known == key)
        } else {
            self.places.get(&key).copied()
        };
        match place {
            Some(place) => self.members[place].1 = value,
            None => {
                if self.members.len() >= Self::SCANNED_MAX {
                    self.places.insert(key.clone(), self.members.len());
                }
                self.members.push((key, value));
            }
        }
    }

    pub(crate) fn finish(self) -> Value<'a> {
        Value::Map(self.members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_equal_keys_counts() {
        let mut map = MapBuilder::default();
        for round in 0..3 {
            for key in 0..40 {
                map.insert(
                    format!("key-{key}").into(),
                    Value::Integer(round * 100 + key),
                );
            }
        }
        let Value::Map(members) = map.finish() else {
            panic!("a builder makes a map");
        };
        assert_eq!(members.len(), 40);
        for (place, (key, value)) in members.iter().enumerate() {
            assert_eq!(*key, format!("key-{place}"));
            assert_eq!(*value, Value::Integer(200 + place as i64));
        }
    }
}
