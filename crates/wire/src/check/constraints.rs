//! The model's constraints and how the service reports broken ones.

use std::fmt::Write;

use super::types::echoed;
use crate::model::{Kind, Member, Shape};
use crate::value::Value;

/// The service reports no more than this many.
const REPORTED_MAX: usize = 10;

/// One text for each broken constraint, in the model's order.
pub(super) fn broken(value: &Value<'_>, input: &'static Shape) -> Vec<String> {
    let mut report = Report {
        path: String::new(),
        broken: Vec::new(),
    };
    report.value(value, input);
    if misses_stream_too(value, input) {
        report.at("streamName", |report| {
            report.add(Some("null".to_owned()), "Member must not be null");
        });
    }
    report.broken
}

/// Whether the stream's name is absent, the ARN that could stand for it too, and a required member besides.
///
/// A request that only names no stream is for the operation to refuse, with an error of another kind. But where required
/// members are missing, the service was seen to name the stream among them.
fn misses_stream_too(value: &Value<'_>, input: &Shape) -> bool {
    let Kind::Structure(members) = &input.kind else {
        return false;
    };
    let misses = |name: &str| {
        let mut optional = members.iter().filter(|member| !member.is_required);
        optional.any(|member| member.name == name) && value.get(name).is_none()
    };
    let misses_required = || {
        let mut required = members.iter().filter(|member| member.is_required);
        required.any(|member| value.get(member.name).is_none())
    };
    misses("StreamName") && misses("StreamARN") && misses_required()
}

struct Report {
    /// Where the walk is: names joined by dots, list places counted from 1.
    path: String,
    broken: Vec<String>,
}

impl Report {
    fn is_full(&self) -> bool {
        self.broken.len() == REPORTED_MAX
    }

    fn add(&mut self, value: Option<String>, constraint: &str) {
        if self.is_full() {
            return;
        }
        let value = value.map_or_else(
            || "Value".to_owned(),
            |value| format!("Value {}", echoed(&value)),
        );
        let path = &self.path;
        self.broken.push(format!(
            "{value} at '{path}' failed to satisfy constraint: {constraint}"
        ));
    }

    /// Runs `check` with the path extended by `name`.
    fn at(&mut self, name: &str, check: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        check(self);
        self.path.truncate(length);
    }

    /// Checks a value against its shape; lists and maps also against what their members must be.
    fn value(&mut self, value: &Value<'_>, shape: &'static Shape) {
        if self.is_full() {
            return;
        }
        for constraint in broken_by(value, shape) {
            self.add(shown(value, shape), &constraint);
        }
        match (&shape.kind, value) {
            (Kind::Structure(members), value) => self.structure(value, members),
            (Kind::List(member), Value::List(values)) => self.list(value, values, member),
            (Kind::Map { key, value: of }, Value::Map(members)) => {
                self.map(value, members, key, of)
            }
            _ => {}
        }
    }

    fn structure(&mut self, value: &Value<'_>, members: &'static [Member]) {
        for member in members {
            let given = value.get(member.name);
            if given.is_none() && !member.is_required {
                continue;
            }
            self.at(&lower_first(member.name), |report| match given {
                Some(value) => report.value(value, member.shape),
                None => report.add(Some("null".to_owned()), "Member must not be null"),
            });
        }
    }

    fn list(&mut self, list: &Value<'_>, values: &[Value<'_>], member: &'static Shape) {
        for (place, value) in values.iter().enumerate() {
            if self.is_full() {
                return;
            }
            let is_null = matches!(value, Value::Null);
            if is_null || matches!(member.kind, Kind::Structure(_)) {
                self.at(&format!("{}.member", place + 1), |report| {
                    if is_null {
                        report.add(Some("null".to_owned()), "Member must not be null");
                    } else {
                        report.value(value, member);
                    }
                });
            }
        }
        if values
            .iter()
            .any(|value| !broken_by(value, member).is_empty())
        {
            let constraint = format!("Member must satisfy constraint: [{}]", all_of(member));
            self.add(shown_members(list), &constraint);
        }
    }

    fn map(
        &mut self,
        map: &Value<'_>,
        members: &[(std::borrow::Cow<'_, str>, Value<'_>)],
        key: &'static Shape,
        of: &'static Shape,
    ) {
        for (name, value) in members {
            if matches!(value, Value::Null) {
                self.at(&format!("{name}.member"), |report| {
                    report.add(Some("null".to_owned()), "Member must not be null");
                });
            }
        }
        if members
            .iter()
            .any(|(name, _)| !broken_by_text(name, key).is_empty())
        {
            self.add(
                shown_members(map),
                &format!("Map keys must satisfy constraint: [{}]", all_of(key)),
            );
        }
        if members
            .iter()
            .any(|(_, value)| !broken_by(value, of).is_empty())
        {
            self.add(
                shown_members(map),
                &format!("Map value must satisfy constraint: [{}]", all_of(of)),
            );
        }
    }
}

/// `StreamARN` to `streamARN`.
fn lower_first(name: &str) -> String {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// The constraints of `shape` that the value itself breaks; its members are not looked at.
fn broken_by(value: &Value<'_>, shape: &Shape) -> Vec<String> {
    match value {
        Value::Text(text) => broken_by_text(text, shape),
        Value::Integer(number) => broken_by_size(*number, shape, "value"),
        Value::Bytes(bytes) => broken_by_size(length(bytes.len()), shape, "length"),
        Value::List(values) => broken_by_size(length(values.len()), shape, "length"),
        Value::Map(members) => broken_by_size(length(members.len()), shape, "length"),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::TimestampMs(_) => Vec::new(),
    }
}

fn broken_by_text(text: &str, shape: &Shape) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(pattern) = shape.pattern.filter(|pattern| !pattern.matches(text)) {
        broken.push(pattern_constraint(pattern.text()));
    }
    if !shape.values.is_empty() && !shape.values.contains(&text) {
        broken.push(enum_constraint(shape));
    }
    if shape.min.is_some() || shape.max.is_some() {
        broken.extend(broken_by_size(
            length(text.chars().count()),
            shape,
            "length",
        ));
    }
    broken
}

/// A length in memory never exceeds `i64::MAX`.
fn length(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

fn broken_by_size(size: i64, shape: &Shape, what: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if let Some(min) = shape.min.filter(|min| size < *min) {
        broken.push(min_constraint(min, what));
    }
    if let Some(max) = shape.max.filter(|max| size > *max) {
        broken.push(max_constraint(max, what));
    }
    broken
}

fn min_constraint(min: i64, what: &str) -> String {
    format!("Member must have {what} greater than or equal to {min}")
}

fn max_constraint(max: i64, what: &str) -> String {
    format!("Member must have {what} less than or equal to {max}")
}

fn pattern_constraint(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn enum_constraint(shape: &Shape) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        shape.values.join(", ")
    )
}

/// All constraints on a member of a list or map, broken or not, as the service lists them.
fn all_of(shape: &Shape) -> String {
    let constraints = [
        shape.max.map(|max| max_constraint(max, "length")),
        shape.min.map(|min| min_constraint(min, "length")),
        shape
            .pattern
            .map(|pattern| pattern_constraint(pattern.text())),
        (!shape.values.is_empty()).then(|| enum_constraint(shape)),
    ];
    constraints
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

/// A value as texts show it; `None` where they leave it out: payloads, and lists of structures.
fn shown(value: &Value<'_>, shape: &Shape) -> Option<String> {
    match (&shape.kind, value) {
        (Kind::Blob, _) => None,
        (Kind::List(member), Value::List(values))
            if matches!(member.kind, Kind::Structure(_)) && !values.is_empty() =>
        {
            None
        }
        _ => shown_members(value),
    }
}

fn shown_members(value: &Value<'_>) -> Option<String> {
    let mut text = "'".to_owned();
    show(value, &mut text);
    text.push('\'');
    Some(text)
}

fn show(value: &Value<'_>, text: &mut String) {
    // Writing to a string cannot fail.
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(truth) => text.push_str(if *truth { "true" } else { "false" }),
        Value::Integer(number) | Value::TimestampMs(number) => drop(write!(text, "{number}")),
        Value::Float(number) => drop(write!(text, "{number}")),
        Value::Text(given) => text.push_str(given),
        Value::Bytes(bytes) => drop(write!(
            text,
            "java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]",
            bytes.len()
        )),
        Value::List(values) => {
            text.push('[');
            for (place, value) in values.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { ", " });
                show(value, text);
            }
            text.push(']');
        }
        Value::Map(members) => {
            text.push('{');
            for (place, (name, value)) in members.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { ", " });
                text.push_str(name);
                text.push('=');
                show(value, text);
            }
            text.push('}');
        }
    }
}
