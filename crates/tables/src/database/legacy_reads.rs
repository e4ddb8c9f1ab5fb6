//! Legacy conditions of Query and Scan, where they mean something else to the embedded database than to DynamoDB: such
//! a request is asked in expressions.

use dynoxide::DynoxideError;
use serde_json::{Map, Value, json};

use crate::decode::decode;
use crate::operation::TableOperation;
use crate::store::Store;

/// The members to ask with in place of `members`.
///
/// DynamoDB takes KeyConditions with FilterExpression and with ProjectionExpression, and to it NOT_CONTAINS is false of an attribute that is not
/// there.
///
/// # Errors
/// Those of the legacy conditions.
pub(super) fn in_expressions(
    database: &Store,
    operation: TableOperation,
    members: Value,
) -> Result<Value, DynoxideError> {
    let filter = match operation {
        TableOperation::Query => "QueryFilter",
        TableOperation::Scan => "ScanFilter",
        _ => return Ok(members),
    };
    if !is_mixed(&members) && !is_negated(&members, filter) {
        return Ok(members);
    }
    try_legacy(database, operation, &members)?;
    let mut rewriting = Rewriting::new(members);
    if let Some(keys) = rewriting.take_conditions("KeyConditions") {
        rewriting.conditions("KeyConditionExpression", &keys, " AND ");
    }
    let joiner = match rewriting.take("ConditionalOperator") {
        Some(Value::String(operator)) if operator.eq_ignore_ascii_case("OR") => " OR ",
        _ => " AND ",
    };
    if let Some(filters) = rewriting.take_conditions(filter) {
        rewriting.conditions("FilterExpression", &filters, joiner);
    }
    if let Some(Value::Array(attributes)) = rewriting.take("AttributesToGet") {
        let names: Vec<_> = attributes
            .iter()
            .filter_map(Value::as_str)
            .map(|attribute| rewriting.name(attribute))
            .collect();
        rewriting.set("ProjectionExpression", names.join(", ").into());
    }
    Ok(rewriting.done())
}

fn is_given(members: &Value, name: &str) -> bool {
    !members[name].is_null()
}

/// KeyConditions and an expression for what else, and nothing else that may not stand beside one of them.
fn is_mixed(members: &Value) -> bool {
    is_given(members, "KeyConditions")
        && (is_given(members, "FilterExpression") || is_given(members, "ProjectionExpression"))
        && ![
            "AttributesToGet",
            "ConditionalOperator",
            "KeyConditionExpression",
            "QueryFilter",
        ]
        .iter()
        .any(|name| is_given(members, name))
}

/// A NOT_CONTAINS in the filter, and no expression.
fn is_negated(members: &Value, filter: &str) -> bool {
    let is_there = members[filter].as_object().is_some_and(|conditions| {
        conditions
            .values()
            .any(|condition| condition["ComparisonOperator"] == "NOT_CONTAINS")
    });
    let expressions = [
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "FilterExpression",
        "KeyConditionExpression",
        "ProjectionExpression",
    ];
    is_there && !expressions.iter().any(|name| is_given(members, name))
}

/// Asks the legacy part for one item: it is refused in its own words.
fn try_legacy(
    database: &Store,
    operation: TableOperation,
    members: &Value,
) -> Result<(), DynoxideError> {
    let mut trial = members.clone();
    if let Some(trial) = trial.as_object_mut() {
        let is_given = |name: &str| trial.get(name).is_some_and(|given| !given.is_null());
        if is_given("FilterExpression") || is_given("ProjectionExpression") {
            // What belongs to expressions is checked when they are asked.
            trial.retain(|name, _| !name.contains("Expression") && name != "Select");
        }
        if trial
            .get("Limit")
            .is_none_or(|limit| limit.is_null() || limit.as_u64() > Some(1))
        {
            trial.insert("Limit".into(), json!(1));
        }
    }
    match operation {
        TableOperation::Query => database.query(decode(trial)?).map(drop),
        _ => database.scan(decode(trial)?).map(drop),
    }
}

/// A request on its way into expressions.
struct Rewriting {
    members: Map<String, Value>,
    names: Map<String, Value>,
    values: Map<String, Value>,
}

impl Rewriting {
    fn new(members: Value) -> Self {
        let mut members = match members {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let mut taken = |name: &str| match members.remove(name) {
            Some(Value::Object(taken)) => taken,
            _ => Map::new(),
        };
        Self {
            names: taken("ExpressionAttributeNames"),
            values: taken("ExpressionAttributeValues"),
            members,
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    fn take_conditions(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name) {
            Some(Value::Object(conditions)) if !conditions.is_empty() => Some(conditions),
            _ => None,
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.into(), value);
    }

    fn conditions(&mut self, name: &str, conditions: &Map<String, Value>, joiner: &str) {
        let texts: Vec<_> = conditions
            .iter()
            .map(|(attribute, condition)| self.condition(attribute, condition))
            .collect();
        self.set(name, texts.join(joiner).into());
    }

    fn condition(&mut self, attribute: &str, condition: &Value) -> String {
        let name = self.name(attribute);
        let list = condition["AttributeValueList"].as_array();
        let values: Vec<_> = list
            .into_iter()
            .flatten()
            .map(|value| self.value(value))
            .collect();
        let at = |index: usize| values.get(index).map_or("", String::as_str);
        let compared = |sign: &str| format!("{name} {sign} {}", at(0));
        match condition["ComparisonOperator"].as_str().unwrap_or_default() {
            "EQ" => compared("="),
            "NE" => compared("<>"),
            "LT" => compared("<"),
            "LE" => compared("<="),
            "GT" => compared(">"),
            "GE" => compared(">="),
            "BETWEEN" => format!("{name} BETWEEN {} AND {}", at(0), at(1)),
            "BEGINS_WITH" => format!("begins_with({name}, {})", at(0)),
            "CONTAINS" => format!("contains({name}, {})", at(0)),
            "NOT_CONTAINS" => {
                format!(
                    "(attribute_exists({name}) AND NOT contains({name}, {}))",
                    at(0)
                )
            }
            "NULL" => format!("attribute_not_exists({name})"),
            "NOT_NULL" => format!("attribute_exists({name})"),
            // The one that is left; what is none was refused.
            _ => format!("{name} IN ({})", values.join(", ")),
        }
    }

    fn name(&mut self, attribute: &str) -> String {
        free(&mut self.names, "#millstream", attribute.into())
    }

    fn value(&mut self, value: &Value) -> String {
        free(&mut self.values, ":millstream", value.clone())
    }

    fn done(mut self) -> Value {
        if !self.names.is_empty() {
            let names = Value::Object(std::mem::take(&mut self.names));
            self.set("ExpressionAttributeNames", names);
        }
        if !self.values.is_empty() {
            let values = Value::Object(std::mem::take(&mut self.values));
            self.set("ExpressionAttributeValues", values);
        }
        Value::Object(self.members)
    }
}

/// Keeps `value` under a name that is not taken.
fn free(kept: &mut Map<String, Value>, prefix: &str, value: Value) -> String {
    let mut number = kept.len();
    while kept.contains_key(&format!("{prefix}{number}")) {
        number += 1;
    }
    let name = format!("{prefix}{number}");
    kept.insert(name.clone(), value);
    name
}
