//! What AWS's clients send, what nobody should send, and a second opinion.

use std::borrow::Cow;

use ciborium::value::{Integer, Value as Other};
use proptest::prelude::*;

use super::{CborSerializer, CborWriter, parse, parse_in_seconds};
use crate::test_cases::cases;
use crate::value::{DEPTH_MAX, ParseError, VALUES_MAX, Value};

fn map<'a>(members: Vec<(&'a str, Value<'a>)>) -> Value<'a> {
    Value::Map(
        members
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    )
}

#[test]
fn reads_what_clients_send() {
    // A map and a list with marked ends, a moment as the Java SDK writes it.
    let body =
        b"\xbf\x69Timestamp\xc1\x1b\x00\x00\x01\xa0\x13\xac\xcc\x38\x61l\x9f\x01\x20\xff\xff";
    let list = Value::List(vec![Value::Integer(1), Value::Integer(-1)]);
    let expected = map(vec![
        ("Timestamp", Value::TimestampMs(0x01a0_13ac_cc38)),
        ("l", list.clone()),
    ]);
    assert_eq!(parse(body), Ok(expected));
    // The same with lengths.
    let body = b"\xa2\x69Timestamp\xc1\xfb\x42\x7a\x01\x3a\xcc\xc3\x80\x00\x61l\x82\x01\x20";
    assert_eq!(
        parse(body),
        Ok(map(vec![
            ("Timestamp", Value::TimestampMs(0x01a0_13ac_cc38)),
            ("l", list)
        ]))
    );
    // Text and bytes in pieces; other tags are passed over; undefined is nothing.
    let body = b"\xa4\x61a\x7f\x61x\x60\x62yz\xff\x61b\x5f\x42\x01\x02\x41\x03\xff\x61c\xd8\x20\x61u\x7f\x61d\xff\xf7";
    let expected = map(vec![
        ("a", Value::Text("xyz".into())),
        ("b", Value::Bytes(vec![1, 2, 3].into())),
        ("c", Value::Text("u".into())),
        ("d", Value::Null),
    ]);
    assert_eq!(parse(body), Ok(expected));
}

#[test]
fn whole_pieces_borrow() {
    assert!(matches!(
        parse(b"\x61a"),
        Ok(Value::Text(Cow::Borrowed("a")))
    ));
    assert!(matches!(
        parse(b"\x5f\x41a\xff"),
        Ok(Value::Bytes(Cow::Borrowed(b"a")))
    ));
}

#[test]
fn the_last_of_equal_members_counts() {
    assert_eq!(
        parse(b"\xa2\x61a\x01\x61a\x02"),
        Ok(map(vec![("a", Value::Integer(2))]))
    );
}

#[test]
fn other_bodies_are_refused() {
    let bad: &[&[u8]] = &[
        b"",
        b"\x01\x01",                             // more than one value
        b"\xff",                                 // a mark that ends nothing
        b"\xa1\x01\x02",                         // a key that is no text
        b"\xbf\x61a\xff",                        // a key without a value
        b"\x62a",                                // cut off
        b"\x61\xff",                             // not UTF-8
        b"\x7f\x61\xc3\x61\xa9\xff",             // a character in two pieces
        b"\x7f\x41a\xff",                        // bytes inside text
        b"\x7f\x7f\x61a\xff\xff",                // pieces of pieces
        b"\x1c",                                 // reserved
        b"\x1f",                                 // a number of which the end is marked
        b"\xc1",                                 // a tag of nothing
        b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", // 2^64 - 1 bytes
        b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff", // 2^63 - 1 values
        b"\xbb\x00\xff\xff\xff\xff\xff\xff\xff", // many members
        b"\xf8\xff",                             // an unknown simple value
    ];
    for body in bad {
        assert_eq!(parse(body), Err(ParseError), "{body:02x?}");
    }
}

#[test]
fn depth_and_number_are_limited() {
    for open in [0x81, 0x9f, 0xc2] {
        let nested = |depth: usize| {
            let marks = if open == 0x9f { depth } else { 0 };
            [vec![open; depth], vec![0x01], vec![0xff; marks]].concat()
        };
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(parse(&nested(DEPTH_MAX + 1)), Err(ParseError));
        assert_eq!(parse(&nested(1_000_000)), Err(ParseError));
    }
    let list = |length: usize| [vec![0x9f], vec![0x01; length], vec![0xff]].concat();
    assert!(parse(&list(VALUES_MAX - 1)).is_ok());
    assert_eq!(parse(&list(VALUES_MAX)), Err(ParseError));
}

/// A value as the other crate sees it. Nothing that the two see differently is generated.
fn any_value() -> impl Strategy<Value = Other> {
    let leaf = prop_oneof![
        Just(Other::Null),
        any::<bool>().prop_map(Other::Bool),
        any::<i64>().prop_map(|number| Other::Integer(number.into())),
        any::<f64>()
            .prop_filter("equal to itself", |number| !number.is_nan())
            .prop_map(Other::Float),
        any::<half::Half>().prop_map(|half| Other::Float(half.0)),
        ".{0,20}".prop_map(Other::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Other::Bytes),
        (0u64..i64::MAX as u64).prop_map(|ms| Other::Tag(1, Box::new(Other::Integer(ms.into())))),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        let members =
            prop::collection::btree_map(".{0,6}", inner.clone(), 0..8).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (Other::Text(name), value))
                    .collect()
            });
        prop_oneof![
            prop::collection::vec(inner, 0..8).prop_map(Other::Array),
            members.prop_map(Other::Map)
        ]
    })
}

/// Floats that fit 16 bits, which the other crate writes so.
mod half {
    use proptest::prelude::*;

    #[derive(Debug, Clone, Copy)]
    pub(super) struct Half(pub(super) f64);

    impl Arbitrary for Half {
        type Parameters = ();
        type Strategy = BoxedStrategy<Self>;

        fn arbitrary_with((): ()) -> Self::Strategy {
            let normal = (0..1024i32, -14..16i32, any::<bool>()).prop_map(
                |(fraction, exponent, negative)| {
                    let magnitude = (1.0 + f64::from(fraction) / 1024.0) * 2f64.powi(exponent);
                    Self(if negative { -magnitude } else { magnitude })
                },
            );
            let tiny = (0..1024i32).prop_map(|fraction| Self(f64::from(fraction) * 2f64.powi(-24)));
            let others = prop_oneof![
                Just(Self(f64::INFINITY)),
                Just(Self(f64::NEG_INFINITY)),
                Just(Self(-0.0))
            ];
            prop_oneof![normal, tiny, others].boxed()
        }
    }
}

fn ours(other: Other) -> Value<'static> {
    match other {
        Other::Null => Value::Null,
        Other::Bool(truth) => Value::Bool(truth),
        Other::Integer(number) => Value::Integer(i64::try_from(i128::from(number)).unwrap()),
        Other::Float(number) => Value::Float(number),
        Other::Text(text) => Value::Text(text.into()),
        Other::Bytes(bytes) => Value::Bytes(bytes.into()),
        Other::Array(values) => Value::List(values.into_iter().map(ours).collect()),
        Other::Map(members) => {
            let member =
                |(name, value): (Other, Other)| (name.into_text().unwrap().into(), ours(value));
            Value::Map(members.into_iter().map(member).collect())
        }
        Other::Tag(_, inner) => match ours(*inner) {
            Value::Integer(ms) => Value::TimestampMs(ms),
            value => panic!("only moments are tagged: {value:?}"),
        },
        other => panic!("not generated: {other:?}"),
    }
}

/// Writes a value with our writer.
fn write(writer: &mut CborWriter, value: &Value<'_>) {
    match value {
        Value::Null => writer.null(),
        Value::Bool(truth) => writer.bool(*truth),
        Value::Integer(number) => writer.signed(*number),
        Value::Float(number) => writer.float(*number),
        Value::Text(text) => writer.text(text),
        Value::Bytes(bytes) => writer.bytes(bytes),
        Value::TimestampMs(ms) => {
            writer.timestamp_tag();
            writer.signed(*ms);
        }
        Value::List(values) => {
            writer.begin_list();
            values.iter().for_each(|value| write(writer, value));
            writer.end();
        }
        Value::Map(members) => {
            writer.begin_map();
            for (name, value) in members {
                writer.text(name);
                write(writer, value);
            }
            writer.end();
        }
    }
}

proptest! {
    #![proptest_config(cases("CBOR against another implementation", 1500))]

    #[test]
    fn reads_what_another_implementation_writes(value in any_value()) {
        let mut body = Vec::new();
        ciborium::into_writer(&value, &mut body).unwrap();
        prop_assert_eq!(parse(&body), Ok(ours(value)));
    }

    #[test]
    fn another_implementation_reads_what_we_write(value in any_value()) {
        let value = ours(value);
        let mut writer = CborWriter::default();
        write(&mut writer, &value);
        prop_assert_eq!(parse(&writer.out), Ok(value.clone()));
        let other: Other = ciborium::from_reader(&writer.out[..]).unwrap();
        prop_assert_eq!(ours(other), value);
    }

    #[test]
    fn garbage_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        // Whatever the answer is, a value that comes out can be written and read again.
        if let Ok(value) = parse(&body) {
            let mut writer = CborWriter::default();
            write(&mut writer, &value);
            prop_assert!(parse(&writer.out).is_ok());
        }
    }

    #[test]
    fn damaged_bodies_never_panic(value in any_value(), at in any::<prop::sample::Index>(), byte: u8, cut: bool) {
        let mut body = Vec::new();
        ciborium::into_writer(&value, &mut body).unwrap();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
            prop_assert_eq!(parse(&body), Err(ParseError));
        } else {
            body[at] = byte;
            let again = parse(&body);
            prop_assert_eq!(format!("{:?}", parse(&body)), format!("{again:?}"));
        }
    }
}

#[test]
fn numbers_take_the_shortest_form() {
    for (number, bytes) in [
        (0i64, &b"\x00"[..]),
        (23, b"\x17"),
        (24, b"\x18\x18"),
        (255, b"\x18\xff"),
        (256, b"\x19\x01\x00"),
        (65_536, b"\x1a\x00\x01\x00\x00"),
        (4_294_967_296, b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
        (-1, b"\x20"),
        (-500, b"\x39\x01\xf3"),
        (i64::MIN, b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
    ] {
        let mut writer = CborWriter::default();
        writer.signed(number);
        assert_eq!(writer.out, bytes, "{number}");
        assert_eq!(parse(bytes), Ok(Value::Integer(number)));
        let other: Other = ciborium::from_reader(bytes).unwrap();
        assert_eq!(other, Other::Integer(Integer::from(number)));
    }
    assert_eq!(
        parse(b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff"),
        Ok(Value::Float(u64::MAX as f64))
    );
    assert_eq!(
        parse(b"\x3b\xff\xff\xff\xff\xff\xff\xff\xff"),
        Ok(Value::Float(-1.0 - u64::MAX as f64))
    );
}

#[test]
fn what_is_no_answer_is_an_error() {
    use serde::Serialize;
    let mut writer = CborWriter::default();
    let numbers = std::collections::BTreeMap::from([(1, 2)]);
    assert!(
        numbers
            .serialize(CborSerializer {
                writer: &mut writer
            })
            .is_err()
    );
    assert!(
        (1, 2)
            .serialize(CborSerializer {
                writer: &mut writer
            })
            .is_err()
    );
}

#[test]
fn moments_in_seconds_are_whole_or_not() {
    assert_eq!(
        parse_in_seconds(&[0xc1, 0x18, 0x64]),
        Ok(Value::TimestampMs(100_000))
    );
    let half = [&[0xc1, 0xfb][..], &1.5_f64.to_be_bytes()].concat();
    assert_eq!(parse_in_seconds(&half), Ok(Value::TimestampMs(1500)));
    let beyond = [0xc1, 0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(parse_in_seconds(&beyond), Ok(Value::TimestampMs(i64::MAX)));
}
