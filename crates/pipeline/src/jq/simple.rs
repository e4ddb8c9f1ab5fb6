//! What most steps are: a path, a comparison of paths and literals, an object of those. They are computed here, at a small
//! part of the interpreter's cost, and only where the interpreter would come to the same: for everything else, errors
//! and large values included, there is no result here, and the interpreter is asked.

use jaq_core::ValT;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::ops::Cmp;
use jaq_core::path::{Opt, Part};
use jaq_json::{Map, Num, Val};

use super::Limits;

/// Most parts of a program that is computed here.
const PARTS_MAX: usize = 64;
/// Longest text that is compared, or put into an object.
const TEXT_BYTES_MAX: usize = 4096;
/// What a program of so many parts and such texts cannot spend.
const STEPS_MIN: u64 = 10_000;
const BYTES_MIN: u64 = 16 * 1024 * 1024;

/// A program that has one result.
#[derive(Debug, Clone)]
pub(super) enum Simple {
    /// The value at the names, one inside the other.
    Path(Vec<Val>),
    Literal(Val),
    Compare(Box<Simple>, Cmp, Box<Simple>),
    And(Box<Simple>, Box<Simple>),
    Or(Box<Simple>, Box<Simple>),
    Object(Vec<(Val, Simple)>),
}

impl Simple {
    /// The program, if it is one of these.
    pub(super) fn of(term: &Term<&str>) -> Option<Self> {
        let mut left = PARTS_MAX;
        of(term, &mut left)
    }

    /// The one result, if it can be told here.
    pub(super) fn run(&self, input: &Val, limits: &Limits) -> Option<Val> {
        let has_room = limits.steps_max >= STEPS_MIN
            && limits.value_bytes_max >= BYTES_MIN
            && limits.results_max >= 1;
        if has_room { self.value(input) } else { None }
    }

    /// Adds the names of the members that it looks at; whether those are all, whoever computes it.
    pub(super) fn add_members(&self, names: &mut Vec<String>) -> bool {
        match self {
            Self::Path(path) => match path.first() {
                Some(Val::TStr(name)) => {
                    names.push(String::from_utf8_lossy(name).into_owned());
                    true
                }
                _ => false,
            },
            Self::Literal(_) => true,
            Self::Compare(one, _, other) | Self::And(one, other) | Self::Or(one, other) => {
                one.add_members(names) && other.add_members(names)
            }
            Self::Object(members) => members.iter().all(|(_, value)| value.add_members(names)),
        }
    }

    fn value(&self, input: &Val) -> Option<Val> {
        match self {
            Self::Path(names) => at(input, names).cloned(),
            Self::Literal(value) => Some(value.clone()),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.small(input)?, right.small(input)?);
                Some(Val::Bool(comparison.run(&left, &right)))
            }
            Self::And(left, right) => {
                let both = left.small(input)?.as_bool() && right.small(input)?.as_bool();
                Some(Val::Bool(both))
            }
            Self::Or(left, right) => {
                let either = left.small(input)?.as_bool() || right.small(input)?.as_bool();
                Some(Val::Bool(either))
            }
            Self::Object(members) => {
                let mut object = Map::with_capacity_and_hasher(members.len(), Default::default());
                for (name, member) in members {
                    object.insert(name.clone(), member.small(input)?);
                }
                Some(Val::obj(object))
            }
        }
    }

    /// The value, if it is none that may be large.
    fn small(&self, input: &Val) -> Option<Val> {
        let value = self.value(input)?;
        let is_small = match &value {
            Val::Null | Val::Bool(_) | Val::Num(Num::Int(_) | Num::Float(_)) => true,
            Val::TStr(text) => text.len() <= TEXT_BYTES_MAX,
            Val::Num(Num::BigInt(_) | Num::Dec(_)) | Val::BStr(_) | Val::Arr(_) | Val::Obj(_) => {
                false
            }
        };
        is_small.then_some(value)
    }
}

/// Null has all names, and each is null.
fn at<'v>(value: &'v Val, names: &[Val]) -> Option<&'v Val> {
    const NULL: &Val = &Val::Null;
    names.iter().try_fold(value, |value, name| match value {
        Val::Null => Some(NULL),
        Val::Obj(members) => Some(members.get(name).unwrap_or(NULL)),
        Val::Bool(_) | Val::Num(_) | Val::BStr(_) | Val::TStr(_) | Val::Arr(_) => None,
    })
}

fn of(term: &Term<&str>, left: &mut usize) -> Option<Simple> {
    *left = left.checked_sub(1)?;
    let mut of = |term: &Term<&str>| of(term, left);
    Some(match term {
        Term::Id => Simple::Path(Vec::new()),
        Term::Path(inside, path) => {
            let Simple::Path(mut names) = of(inside)? else {
                return None;
            };
            for (part, opt) in &path.0 {
                match (part, opt) {
                    (Part::Index(name), Opt::Essential) => names.push(text(name)?),
                    _ => return None,
                }
            }
            Simple::Path(names)
        }
        Term::Num(digits) => Simple::Literal(Val::from_num(digits).ok()?),
        Term::Str(..) => Simple::Literal(text(term)?),
        Term::Call(name, arguments) if arguments.is_empty() => Simple::Literal(match *name {
            "true" => Val::Bool(true),
            "false" => Val::Bool(false),
            "null" => Val::Null,
            _ => return None,
        }),
        Term::BinOp(one, operator, other) => {
            let (one, other) = (Box::new(of(one)?), Box::new(of(other)?));
            match operator {
                BinaryOp::Cmp(comparison) => Simple::Compare(one, *comparison, other),
                BinaryOp::And => Simple::And(one, other),
                BinaryOp::Or => Simple::Or(one, other),
                _ => return None,
            }
        }
        Term::Obj(members) => {
            let mut member = |(name, value): &(Term<&str>, Option<Term<&str>>)| {
                let name = text(name)?;
                let value = match value {
                    Some(value) => of(value)?,
                    None => Simple::Path(vec![name.clone()]),
                };
                Some((name, value))
            };
            let members: Option<Vec<_>> = members.iter().map(&mut member).collect();
            // Without members there is nothing to gain.
            Simple::Object(members.filter(|members| !members.is_empty())?)
        }
        _ => return None,
    })
}

/// A text that is written in the program as it is.
fn text(term: &Term<&str>) -> Option<Val> {
    let Term::Str(None, parts) = term else {
        return None;
    };
    match parts.as_slice() {
        [] => Some(Val::utf8_str("")),
        [StrPart::Str(text)] => Some(Val::utf8_str(text.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::jq::{Limits, Program};
    use crate::value;

    /// Programs of which most are simple, and some are near to that.
    fn programs() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("."),
            Just(".a"),
            Just(".b.c"),
            Just(".[\"a\"]"),
            Just(".a?"),
            Just(".[0]"),
            Just("1"),
            Just("-1"),
            Just("0.5"),
            Just("12345678901234567890"),
            Just("\"x\""),
            Just("\"\\u0061\""),
            Just("null"),
            Just("true"),
        ]
        .prop_map(str::to_owned);
        leaf.prop_recursive(3, 12, 3, |inner| {
            let operator = prop::sample::select(vec![
                "<", "<=", ">", ">=", "==", "!=", "and", "or", "+", "|", "//", ",",
            ]);
            prop_oneof![
                (inner.clone(), operator, inner.clone())
                    .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
                (inner.clone(), inner.clone())
                    .prop_map(|(one, other)| format!("{{a, x: ({one}), \"b\": ({other})}}")),
                inner.prop_map(|one| format!("{{x: 1, x: ({one}), \"a b\", a: .b}}")),
            ]
        })
    }

    fn values() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            (-3_i64..3).prop_map(Into::into),
            Just(u64::MAX.into()),
            (-2.0..2.0_f64).prop_map(Into::into),
            prop::sample::select(vec!["", "a", "x"]).prop_map(Into::into),
            Just("y".repeat(super::TEXT_BYTES_MAX + 1).into()),
        ];
        leaf.prop_recursive(3, 8, 3, |inner| {
            let name = prop::sample::select(vec!["a", "b", "c", "a b"]);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
                prop::collection::vec((name, inner), 0..4).prop_map(|members| {
                    let members = members.into_iter();
                    serde_json::Value::Object(
                        members
                            .map(|(name, value)| (name.to_owned(), value))
                            .collect(),
                    )
                }),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Whatever is computed here, the interpreter comes to the same.
        #[test]
        fn is_what_the_interpreter_says(
            text in programs(),
            values in prop::collection::vec(values(), 1..20),
        ) {
            let (program, limits) = (Program::compile(&text).unwrap(), Limits::default());
            let shown = |results: Vec<jaq_json::Val>| -> Vec<_> {
                results.iter().map(|result| value::to_json(result, 1 << 20).map(|json| json.to_string())).collect()
            };
            for value in &values {
                let value = value::of_json(value);
                let interpreted = program.interpret(value.clone(), &limits).map(shown);
                prop_assert_eq!(program.run(value, &limits).map(shown), interpreted);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        /// Records are read without the members that no program looks at: also where the interpreter computes it, and says
        /// what is wrong.
        #[test]
        fn other_members_than_it_names_make_no_difference(
            text in programs(),
            values in prop::collection::vec(values(), 1..20),
        ) {
            let (program, limits) = (Program::compile(&text).unwrap(), Limits::default());
            let Some(names) = program.members() else {
                return Ok(());
            };
            let shown = |results: Vec<jaq_json::Val>| -> Vec<_> {
                results.iter().map(|result| value::to_json(result, 1 << 20).map(|json| json.to_string())).collect()
            };
            for whole in values {
                let mut part = whole.clone();
                if let serde_json::Value::Object(members) = &mut part {
                    members.retain(|name, _| names.contains(name));
                }
                let of_whole = program.run(value::of_json(&whole), &limits).map(shown);
                prop_assert_eq!(program.run(value::of_json(&part), &limits).map(shown), of_whole);
            }
        }
    }

    #[test]
    fn the_steps_of_every_day_are_simple() {
        for text in [
            ".quantity > 0",
            "{k, side: .s, quantity}",
            ".user.id",
            ".k",
            ".tradeType == \"BUY\" and .price > 1.5",
        ] {
            assert!(Program::compile(text).unwrap().simple.is_some(), "{text}");
        }
        for text in [".[]", ".a?", "{(.a): 1}", "map(.a)", ".a + 1", "{}"] {
            assert!(Program::compile(text).unwrap().simple.is_none(), "{text}");
        }
    }

    #[test]
    fn a_run_of_little_room_is_the_interpreters() {
        let program = Program::compile(".a == .b").unwrap();
        // A comparison costs as much as the shorter one.
        let long = |end: &str| "x".repeat(1000) + end;
        let value = value::of_json(&serde_json::json!({"a": long("y"), "b": long("z")}));
        let limits = Limits {
            value_bytes_max: 10,
            ..Limits::default()
        };
        assert!(program.run(value.clone(), &limits).is_err());
        assert!(program.run(value, &Limits::default()).is_ok());
    }
}
