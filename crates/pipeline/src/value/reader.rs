//! One JSON value, as most records are, read with little from the allocator: texts without escapes share the record's bytes,
//! and members that nobody looks at are read, so that a fault in them is found, and not kept.

use std::fmt;

use bytes::Bytes;
use jaq_json::{Map, Num, Val};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Members that an object has room for from the beginning, if it is the record's value.
const MEMBERS: usize = 8;

/// Which members are kept of a record's value that is an object; what is in those is kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Members {
    All,
    /// Those of these names.
    Named(Vec<String>),
}

/// Reads one or several JSON values. Of one that is an object, other members than these may be left out.
///
/// # Errors
/// As for [`parse`](super::parse), whatever members are kept.
pub(crate) fn read(data: &Bytes, members: &Members) -> Result<Vec<Val>, serde_json::Error> {
    match one(data, members) {
        Some(value) => Ok(vec![value]),
        None => super::parse(data),
    }
}

fn one(data: &Bytes, members: &Members) -> Option<Val> {
    // A text that is known to be one is read faster than bytes, each text in which is looked at for itself.
    let text = std::str::from_utf8(data).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let reader = Read {
        data,
        members: Some(members),
    };
    let value = reader.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(value)
}

/// Reads what lies in the data.
#[derive(Clone, Copy)]
struct Read<'r> {
    data: &'r Bytes,
    /// None inside the record's value: all are kept there.
    members: Option<&'r Members>,
}

impl Read<'_> {
    fn shared(self, text: &str) -> Val {
        Val::utf8_str(self.data.slice_ref(text.as_bytes()))
    }

    fn inside(self) -> Self {
        Self {
            members: None,
            ..self
        }
    }

    fn keeps(self, name: &str) -> bool {
        match self.members {
            None | Some(Members::All) => true,
            Some(Members::Named(names)) => names.iter().any(|one| one == name),
        }
    }

    fn room(self) -> usize {
        match self.members {
            None => 0,
            Some(Members::All) => MEMBERS,
            Some(Members::Named(names)) => names.len(),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Read<'_> {
    type Value = Val;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Val, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Read<'_> {
    type Value = Val;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Val, E> {
        Ok(Val::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Val, E> {
        Ok(Val::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Val, E> {
        Ok(Val::Num(Num::from_integral(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Val, E> {
        Ok(Val::Num(Num::Float(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Val, E> {
        Ok(self.shared(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Val, E> {
        Ok(Val::utf8_str(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Val, A::Error> {
        let inside = self.inside();
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            all.push(item);
        }
        Ok(all.into_iter().collect())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Val, A::Error> {
        let inside = self.inside();
        let mut all = Map::with_capacity_and_hasher(self.room(), Default::default());
        while let Some(name) = members.next_key_seed(Name(self))? {
            match name {
                Some(name) => {
                    all.insert(name, members.next_value_seed(inside)?);
                }
                None => members.next_value_seed(NotKept)?,
            }
        }
        Ok(Val::obj(all))
    }
}

/// The name of a member, if it is kept.
struct Name<'r>(Read<'r>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<Val>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Val>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = Option<Val>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<Val>, E> {
        Ok(self.0.keeps(name).then(|| self.0.shared(name)))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<Val>, E> {
        let kept = || Val::utf8_str(name.to_owned());
        Ok(self.0.keeps(name).then(kept))
    }
}

/// What is not kept must be JSON all the same, down to its numbers and its depth.
struct NotKept;

impl<'de> DeserializeSeed<'de> for NotKept {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NotKept {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(NotKept)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key_seed(NotKept)?.is_some() {
            members.next_value_seed(NotKept)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::value::{parse, to_json};

    /// Pieces of which most things are JSON or nearly so.
    fn texts() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: [&[u8]; 26] = [
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b" ",
            b"\"a\"",
            b"\"b\"",
            b"\"\\u0061\"",
            b"\"x\\n\"",
            b"\"\"",
            b"\"\\ud800\"",
            b"\"\xff\"",
            b"\"\xc3\xa9\"",
            b"1",
            b"-0.5",
            b"1e999",
            b"99999999999999999999",
            b"null",
            b"true",
            b"fals",
            b"\"",
            b"{\"a\":1,\"a\":[{\"b\":2}]}",
            b"{\"b\":\"x\",\"c\":1e999}",
            b"{\"c\":\"\xff\"}",
        ];
        let any_pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..8);
        let value = Just(Value::Null).prop_recursive(4, 24, 4, |inner| {
            let name = prop::sample::select(vec!["a", "b", "c", "a b", "\u{e9}\n"]);
            let text = prop::sample::select(vec!["", "x", "a \"text\"\n", "\u{e9}"]);
            prop_oneof![
                any::<i64>().prop_map(Value::from),
                any::<u64>().prop_map(Value::from),
                any::<f64>().prop_map(Value::from),
                text.prop_map(Value::from),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name, inner), 0..5).prop_map(|members| {
                    Value::Object(
                        members
                            .into_iter()
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        });
        prop_oneof![
            any_pieces.prop_map(|pieces| pieces.concat()),
            value.prop_map(|value| value.to_string().into_bytes()),
        ]
    }

    fn shown(read: Result<Vec<Val>, serde_json::Error>) -> Result<Vec<Value>, String> {
        let values = read.map_err(|error| error.to_string())?;
        Ok(values
            .iter()
            .map(|value| to_json(value, 1 << 20).unwrap())
            .collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn reads_what_the_library_reads_and_refuses_what_it_refuses(text in texts()) {
            let expected = shown(parse(&text));
            let data = Bytes::from(text);
            prop_assert_eq!(&shown(read(&data, &Members::All)), &expected);
            let kept = Members::Named(vec!["a".to_owned()]);
            let read = shown(read(&data, &kept));
            // Several values are kept whole.
            let expected = match expected {
                Ok(mut values) => {
                    if let [Value::Object(members)] = values.as_mut_slice() {
                        members.retain(|name, _| name == "a");
                    }
                    Ok(values)
                }
                Err(error) => Err(error),
            };
            prop_assert_eq!(read, expected);
        }
    }

    #[test]
    fn what_nests_too_deep_is_refused_even_where_nobody_looks() {
        let deep = format!("{{\"b\":{}{}}}", "[".repeat(200), "]".repeat(200));
        let members = Members::Named(Vec::new());
        assert!(read(&Bytes::from(deep), &members).is_err());
    }

    #[test]
    fn a_text_is_where_the_record_is() {
        let data = Bytes::from_static(b"{\"a\":\"text\"}");
        let values = read(&data, &Members::All).unwrap();
        let Val::Obj(members) = &values[0] else {
            panic!("{values:?}");
        };
        let Some((Val::TStr(name), Val::TStr(text))) = members.get_index(0) else {
            panic!("{values:?}");
        };
        let within = |part: &Bytes| data.as_ptr_range().contains(&part.as_ptr());
        assert!(within(name) && within(text));
    }
}
