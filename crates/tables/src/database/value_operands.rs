//! `size(:v)` and `attribute_type(:v, :t)`: functions of values that the request itself brings. DynamoDB takes them; the
//! embedded database reads a path there only.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// The types that a value can have.
const TYPES: [&str; 10] = ["S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"];
const CONDITIONS: [&str; 2] = ["ConditionExpression", "FilterExpression"];

/// Puts what such functions come to in their places, in a request and in what a transaction does.
pub(super) fn resolve(members: &mut Map<String, Value>) {
    if let Some(Value::Array(items)) = members.get_mut("TransactItems") {
        items
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .flat_map(|item| item.values_mut().filter_map(Value::as_object_mut))
            .for_each(resolve_one);
    }
    resolve_one(members);
}

fn resolve_one(members: &mut Map<String, Value>) {
    let Some(Value::Object(given)) = members.get("ExpressionAttributeValues") else {
        return;
    };
    let mut values = given.clone();
    let mut used = Vec::new();
    for name in CONDITIONS {
        if let Some(Value::String(text)) = members.get_mut(name) {
            *text = resolved(text, &mut values, &mut used);
        }
    }
    if used.is_empty() {
        return;
    }
    // A value that nothing names is refused.
    let is_left = |name: &str| {
        members
            .iter()
            .filter(|(member, _)| member.ends_with("Expression"))
            .filter_map(|(_, text)| text.as_str())
            .any(|text| text.split(|char| !is_word(char)).any(|word| word == name))
    };
    for name in used {
        if !is_left(&name) {
            values.remove(&name);
        }
    }
    members.insert("ExpressionAttributeValues".into(), Value::Object(values));
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '#' | ':')
}

/// The expression with the results in place of the functions; what they are of is added to `used`.
fn resolved(text: &str, values: &mut Map<String, Value>, used: &mut Vec<String>) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|char| !is_word(char)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        done.push_str(before);
        match call(word, after, values) {
            Some((result, names, after)) => {
                done.push_str(&result);
                used.extend(names);
                rest = after;
            }
            None => {
                done.push_str(word);
                rest = after;
            }
        }
    }
    done.push_str(rest);
    done
}

/// A function of values at the start of a text: what stands for it, the values it is of, and the text behind it.
fn call<'a>(
    function: &str,
    after: &'a str,
    values: &mut Map<String, Value>,
) -> Option<(String, Vec<String>, &'a str)> {
    if !matches!(function, "size" | "attribute_type") {
        return None;
    }
    let (inner, after) = after.trim_start().strip_prefix('(')?.split_once(')')?;
    let names: Vec<_> = inner.split(',').map(str::trim).collect();
    let (result, value) = match (function, &names[..]) {
        ("size", [of]) => {
            let name = free(values);
            (name.clone(), (name, size(values.get(*of)?)?))
        }
        ("attribute_type", [of, wanted]) => {
            let wanted_type = values.get(*wanted)?["S"].as_str()?;
            if !TYPES.contains(&wanted_type) {
                return None;
            }
            let name = free(values);
            let found = json!({"S": plain(values.get(*of)?)?.0});
            (format!("{name} = {wanted}"), (name, found))
        }
        _ => return None,
    };
    values.insert(value.0, value.1);
    Some((result, vec![names[0].to_owned()], after))
}

/// The size of a value that has one; a text's in UTF-16, as of an attribute.
fn size(value: &Value) -> Option<Value> {
    let (kind, value) = plain(value)?;
    let size = match kind {
        "S" => value.as_str()?.encode_utf16().count(),
        "B" => STANDARD.decode(value.as_str()?).ok()?.len(),
        "SS" | "NS" | "BS" | "L" => value.as_array()?.len(),
        "M" => value.as_object()?.len(),
        _ => return None,
    };
    Some(json!({"N": size.to_string()}))
}

/// The type of a value and what it holds, if there is nothing in it to be refused: it may not be looked at again.
fn plain(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (kind, inner) = members.iter().next()?;
    let is_number = |text: &str| {
        text.len() <= 38 && text.parse::<f64>().is_ok_and(|number| number.abs() < 1e38)
    };
    let is_scalar = |kind: &str, value: &Value| match (kind, value.as_str()) {
        ("S", Some(_)) => true,
        ("N", Some(text)) => is_number(text),
        ("B", Some(text)) => STANDARD.decode(text).is_ok(),
        _ => false,
    };
    let is_plain = match (kind.as_str(), inner) {
        ("BOOL", Value::Bool(_)) | ("NULL", Value::Bool(true)) => true,
        ("SS" | "NS" | "BS", Value::Array(values)) => {
            let is_repeated = |(at, value): (usize, &Value)| values[..at].contains(value);
            !values.is_empty()
                && values.iter().all(|value| is_scalar(&kind[..1], value))
                && !values.iter().enumerate().any(is_repeated)
        }
        ("L", Value::Array(values)) => values.iter().all(|value| plain(value).is_some()),
        ("M", Value::Object(values)) => values.values().all(|value| plain(value).is_some()),
        (kind, value) => is_scalar(kind, value),
    };
    is_plain.then_some((kind.as_str(), inner))
}

fn free(values: &Map<String, Value>) -> String {
    let mut number = values.len();
    while values.contains_key(&format!(":millstream{number}")) {
        number += 1;
    }
    format!(":millstream{number}")
}
