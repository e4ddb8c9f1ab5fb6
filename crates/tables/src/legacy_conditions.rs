//! Legacy conditions (`Expected`, `QueryFilter`, `ScanFilter`, `KeyConditions`): what DynamoDB refuses in their values,
//! where the embedded database takes it, or names neither member nor value.

use serde_json::{Map, Value};

use crate::expressions::{out_of_order, type_of};
use crate::request::shortened;

/// In the order in which DynamoDB lists them.
const OPERATORS: [&str; 13] = [
    "IN",
    "NULL",
    "BETWEEN",
    "LT",
    "NOT_CONTAINS",
    "EQ",
    "GT",
    "NOT_NULL",
    "NE",
    "LE",
    "BEGINS_WITH",
    "GE",
    "CONTAINS",
];
const JOINERS: [&str; 2] = ["OR", "AND"];
const INVALID: &str = "One or more parameter values were invalid:";

/// Checks the legacy conditions of a request.
///
/// # Errors
/// The text of DynamoDB's `ValidationException`.
pub(crate) fn check(members: &Map<String, Value>) -> Result<(), String> {
    for member in ["keyConditions", "queryFilter", "scanFilter"] {
        for (attribute, condition) in conditions(members, member) {
            let at = format!(
                "{member}.{}.member.comparisonOperator",
                shortened(attribute)
            );
            check_enum(&condition["ComparisonOperator"], &at, &OPERATORS)?;
        }
    }
    if let Some(joiner) = members.get("ConditionalOperator") {
        check_enum(joiner, "conditionalOperator", &JOINERS)?;
    }
    for member in ["queryFilter", "scanFilter", "expected"] {
        for (_, condition) in conditions(members, member) {
            check_values(condition)?;
        }
    }
    Ok(())
}

/// The conditions of a member by their attributes. DynamoDB's texts name a member with a small letter.
fn conditions<'a>(
    members: &'a Map<String, Value>,
    member: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let name = [&member[..1].to_ascii_uppercase(), &member[1..]].concat();
    let conditions = members.get(&name).and_then(Value::as_object);
    conditions.into_iter().flatten()
}

fn check_enum(given: &Value, at: &str, known: &[&str]) -> Result<(), String> {
    match given.as_str() {
        Some(given) if !known.contains(&given) => Err(format!(
            "1 validation error detected: Value '{}' at '{at}' failed to satisfy constraint: Member must satisfy enum \
             value set: [{}]",
            shortened(given),
            known.join(", ")
        )),
        _ => Ok(()),
    }
}

/// Whether the values are of types that the operator takes. How many there are is left to the embedded database.
fn check_values(condition: &Value) -> Result<(), String> {
    let operator = condition["ComparisonOperator"].as_str().unwrap_or_default();
    let Some(values) = condition["AttributeValueList"].as_array() else {
        return Ok(());
    };
    let types: &[&str] = match (operator, values.len()) {
        ("LT" | "LE" | "GT" | "GE", 1) | ("BETWEEN", 2) | ("IN", 1..) => &["S", "N", "B"],
        ("BEGINS_WITH", 1) => &["S", "B"],
        ("CONTAINS" | "NOT_CONTAINS", 1) => &["S", "N", "B", "BOOL", "NULL"],
        _ => return Ok(()),
    };
    for found in values.iter().filter_map(type_of) {
        if !types.contains(&found) {
            return Err(format!(
                "{INVALID} ComparisonOperator {operator} is not valid for {found} AttributeValue type"
            ));
        }
    }
    if values
        .windows(2)
        .any(|pair| type_of(&pair[0]) != type_of(&pair[1]))
    {
        return Err(format!(
            "{INVALID} AttributeValues inside AttributeValueList must be of same type"
        ));
    }
    match (operator, &values[..]) {
        ("BETWEEN", [lower, upper]) if out_of_order(lower, upper).is_some() => Err(format!(
            "{INVALID} The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn checked(member: &str, operator: &str, values: Value) -> Result<(), String> {
        let condition =
            json!({"a": {"ComparisonOperator": operator, "AttributeValueList": values}});
        check(json!({ member: condition }).as_object().unwrap())
    }

    #[test]
    fn operators_are_named_that_are_none() {
        for (member, at) in [
            ("KeyConditions", "keyConditions"),
            ("QueryFilter", "queryFilter"),
            ("ScanFilter", "scanFilter"),
        ] {
            let why = checked(member, "eq", json!([{"S": "x"}])).unwrap_err();
            assert!(
                why.starts_with(&format!(
                    "1 validation error detected: Value 'eq' at '{at}.a.member.comparisonOperator' failed to satisfy \
                     constraint: Member must satisfy enum value set: [IN, "
                )),
                "{why}"
            );
        }
        let or = json!({"ConditionalOperator": "or"});
        let why = check(or.as_object().unwrap()).unwrap_err();
        assert!(why.contains("Value 'or' at 'conditionalOperator'"), "{why}");
        for joiner in ["AND", "OR"] {
            let joined = json!({"ConditionalOperator": joiner});
            assert_eq!(check(joined.as_object().unwrap()), Ok(()));
        }
    }

    #[test]
    fn values_are_of_the_types_that_an_operator_takes() {
        for member in ["Expected", "QueryFilter", "ScanFilter"] {
            for (operator, values, why) in [
                (
                    "LE",
                    json!([{"L": []}]),
                    "ComparisonOperator LE is not valid for L AttributeValue type",
                ),
                (
                    "BEGINS_WITH",
                    json!([{"N": "3"}]),
                    "ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
                ),
                (
                    "NOT_CONTAINS",
                    json!([{"L": []}]),
                    "ComparisonOperator NOT_CONTAINS is not valid for L AttributeValue type",
                ),
                (
                    "BETWEEN",
                    json!([{"SS": ["a"]}, {"SS": ["b"]}]),
                    "ComparisonOperator BETWEEN is not valid for SS AttributeValue type",
                ),
                (
                    "BETWEEN",
                    json!([{"S": "a"}, {"N": "3"}]),
                    "AttributeValues inside AttributeValueList must be of same type",
                ),
                (
                    "IN",
                    json!([{"S": "a"}, {"N": "3"}]),
                    "AttributeValues inside AttributeValueList must be of same type",
                ),
                (
                    "BETWEEN",
                    json!([{"N": "3"}, {"N": "2"}]),
                    "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
                ),
            ] {
                let found = checked(member, operator, values).unwrap_err();
                assert_eq!(
                    found,
                    format!("One or more parameter values were invalid: {why}")
                );
            }
            for (operator, values) in [
                ("EQ", json!([{"L": []}])),
                ("NE", json!([{"M": {}}])),
                ("BETWEEN", json!([{"N": "2"}, {"N": "10"}])),
                ("BETWEEN", json!([{"N": "2"}, {"S": "a"}, {"S": "b"}])),
                ("IN", json!([{"N": "2"}, {"N": "1"}])),
                ("CONTAINS", json!([{"BOOL": true}])),
                ("NULL", json!([])),
                ("LT", json!("?")),
            ] {
                assert_eq!(checked(member, operator, values), Ok(()), "{operator}");
            }
        }
    }
}
