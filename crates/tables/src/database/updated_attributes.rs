//! UPDATED_OLD and UPDATED_NEW show what an update names and nothing beside it. The embedded database shows the whole
//! attribute wherever a path leads through a list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// The paths that an update's expression changes; none if it has no expression.
pub(super) fn targets(members: &Value) -> Vec<Vec<Step>> {
    let names = &members["ExpressionAttributeNames"];
    let Some(expression) = members["UpdateExpression"].as_str() else {
        return Vec::new();
    };
    let mut targets = Vec::new();
    let mut path = String::new();
    // A path stands behind the word of a clause and behind each comma that is not between a function's arguments.
    let (mut is_in_path, mut depth) = (false, 0_usize);
    for token in tokens(expression) {
        let is_clause = ["SET", "REMOVE", "ADD", "DELETE"]
            .iter()
            .any(|word| token.eq_ignore_ascii_case(word));
        let is_step = !token.starts_with([':', '=', '(', ')', ',', '+', '-']);
        if is_in_path && is_step && !is_clause {
            path.push_str(token);
            continue;
        }
        if is_in_path {
            targets.push(steps(&std::mem::take(&mut path), names));
        }
        match token {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        is_in_path = is_clause || (token == "," && depth == 0);
    }
    if is_in_path {
        targets.push(steps(&path, names));
    }
    targets
}

/// Words, and single signs.
fn tokens(expression: &str) -> impl Iterator<Item = &str> {
    let is_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '#' | ':');
    let mut rest = expression;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let first = rest.chars().next()?;
        let end = match rest.find(|char| !is_word(char)) {
            Some(0) => first.len_utf8(),
            Some(end) => end,
            None => rest.len(),
        };
        let (token, after) = rest.split_at(end);
        rest = after;
        Some(token)
    })
}

fn steps(path: &str, names: &Value) -> Vec<Step> {
    path.split(['.', '['])
        .map(|step| match step.strip_suffix(']') {
            Some(index) => Step::Index(index.parse().unwrap_or(usize::MAX)),
            None => Step::Name(names[step].as_str().unwrap_or(step).to_owned()),
        })
        .collect()
}

/// What is chosen of a value: all of it, if nothing below it is named.
#[derive(Debug, Default)]
struct Chosen(BTreeMap<Step, Chosen>);

impl Chosen {
    fn of(&self, value: &Value) -> Option<Value> {
        if self.0.is_empty() {
            return Some(value.clone());
        }
        let (mut map, mut list) = (Map::new(), Vec::new());
        for (step, below) in &self.0 {
            match step {
                Step::Name(name) => {
                    let found = value["M"].get(name).and_then(|value| below.of(value));
                    map.extend(found.map(|found| (name.clone(), found)));
                }
                Step::Index(index) => {
                    list.extend(value["L"].get(*index).and_then(|value| below.of(value)));
                }
            }
        }
        match (map.is_empty(), list.is_empty()) {
            (false, _) => Some(serde_json::json!({ "M": map })),
            (_, false) => Some(serde_json::json!({ "L": list })),
            _ => None,
        }
    }
}

/// Leaves of an answer's attributes what `targets` name, where one of them leads through a list: elements in their order,
/// without gaps.
pub(super) fn narrow(answer: &mut Value, targets: &[Vec<Step>]) {
    let mut chosen: BTreeMap<&str, Chosen> = BTreeMap::new();
    for target in targets {
        let Some((Step::Name(attribute), below)) = target.split_first() else {
            continue;
        };
        let mut at = chosen.entry(attribute).or_default();
        for step in below {
            at = at.0.entry(step.clone()).or_default();
        }
    }
    let is_listed = |attribute: &str| {
        targets.iter().any(|target| {
            target.first() == Some(&Step::Name(attribute.to_owned()))
                && target.iter().any(|step| matches!(step, Step::Index(_)))
        })
    };
    let Some(Value::Object(attributes)) = answer.get_mut("Attributes") else {
        return;
    };
    for (attribute, chosen) in chosen.iter().filter(|(attribute, _)| is_listed(attribute)) {
        if let Some(whole) = attributes.remove(*attribute)
            && let Some(part) = chosen.of(&whole)
        {
            attributes.insert((*attribute).to_owned(), part);
        }
    }
    if attributes.is_empty() {
        answer
            .as_object_mut()
            .map(|answer| answer.remove("Attributes"));
    }
}
