//! Expressions: what DynamoDB refuses in them by their text and the values that come with them, where the embedded
//! database takes it or tells less. What cannot be read here is left to the embedded database, which tells why.

mod condition;
mod functions;
mod operands;
mod paths;
mod tokens;
mod value;

use serde_json::{Map, Value};

use self::functions::Kind;
pub(crate) use self::value::{out_of_order, type_of};

/// The members in which values and names of an expression are.
const VALUES: &str = "ExpressionAttributeValues";
const NAMES: &str = "ExpressionAttributeNames";

/// Checks the expressions of a request, and of all that a transaction or a batch does.
///
/// # Errors
/// The text of DynamoDB's `ValidationException`.
pub(crate) fn check(members: &Map<String, Value>) -> Result<(), String> {
    check_one(members)?;
    if let Some(Value::Array(items)) = members.get("TransactItems") {
        let done = items.iter().filter_map(Value::as_object);
        let mut each = done.flat_map(|item| item.values().filter_map(Value::as_object));
        each.try_for_each(check_one)?;
    }
    if let Some(Value::Object(tables)) = members.get("RequestItems") {
        let mut each = tables.values().filter_map(Value::as_object);
        each.try_for_each(check_one)?;
    }
    Ok(())
}

fn check_one(members: &Map<String, Value>) -> Result<(), String> {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let nothing = Value::Null;
    let given = |name: &str| members.get(name).unwrap_or(&nothing);
    let (names, values) = (given(NAMES), given(VALUES));
    for (member, kind) in [
        ("UpdateExpression", Kind::Update),
        ("ConditionExpression", Kind::Condition),
        ("KeyConditionExpression", Kind::KeyCondition),
        ("FilterExpression", Kind::Filter),
        ("ProjectionExpression", Kind::Projection),
    ] {
        if let Some(text) = text(member) {
            check_text(kind, text, names, values).map_err(|why| {
                match why.starts_with("Invalid operator") {
                    true => why,
                    false => format!("Invalid {member}: {why}"),
                }
            })?;
        }
    }
    Ok(())
}

fn check_text(kind: Kind, text: &str, names: &Value, values: &Value) -> Result<(), String> {
    let Some(tokens) = tokens::read(text)? else {
        return Ok(());
    };
    paths::check_indexes(&tokens)?;
    match kind {
        Kind::Condition | Kind::Filter => match condition::read(&tokens) {
            Some(uses) => operands::check(kind, &uses, values),
            None => Ok(()),
        },
        Kind::Update => {
            functions::check_calls(kind, &tokens)?;
            paths::check(&paths::targets(&tokens, names))
        }
        Kind::KeyCondition => functions::check_calls(kind, &tokens),
        Kind::Projection => paths::check(&paths::listed(&tokens, names)),
    }
}

#[cfg(test)]
mod tests;
