//! Names of attributes in a request: how long they may be, and that a list of them is not empty.

use serde_json::{Map, Value};

/// Longest name of an attribute that is no key, in bytes.
const NAME_BYTES_MAX: usize = 65535;

/// Checks the names in a request, and in all that a transaction or a batch does.
///
/// # Errors
/// The text of DynamoDB's `ValidationException`.
pub(crate) fn check(members: &Map<String, Value>) -> Result<(), String> {
    check_one(members)?;
    let transacted = members.get("TransactItems").and_then(Value::as_array);
    for item in transacted.into_iter().flatten() {
        let done = item.as_object().into_iter().flat_map(Map::values);
        done.filter_map(Value::as_object).try_for_each(check_one)?;
    }
    let tables = members.get("RequestItems").and_then(Value::as_object);
    for table in tables.into_iter().flat_map(Map::values) {
        match table {
            Value::Object(read) => check_one(read)?,
            Value::Array(writes) => {
                let puts = writes.iter().map(|write| &write["PutRequest"]);
                puts.filter_map(Value::as_object).try_for_each(check_one)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_one(members: &Map<String, Value>) -> Result<(), String> {
    let keys = ["Item", "AttributeUpdates"].map(|member| members.get(member));
    let keys = keys.into_iter().flatten().filter_map(Value::as_object);
    keys.flat_map(Map::keys).try_for_each(|name| fits(name))?;
    let aliased = members
        .get("ExpressionAttributeNames")
        .and_then(Value::as_object);
    let aliased = aliased.into_iter().flat_map(Map::values);
    aliased.filter_map(Value::as_str).try_for_each(fits)?;
    let Some(Value::Array(listed)) = members.get("AttributesToGet") else {
        return Ok(());
    };
    if listed.is_empty() {
        return Err(
            "1 validation error detected: Value '[]' at 'attributesToGet' failed to satisfy constraint: Member must \
             have length greater than or equal to 1"
                .to_owned(),
        );
    }
    listed.iter().filter_map(Value::as_str).try_for_each(fits)
}

fn fits(name: &str) -> Result<(), String> {
    match name.len() {
        ..=NAME_BYTES_MAX => Ok(()),
        _ => Err(format!(
            "One or more parameter values were invalid: Attribute name is too large, must be less than {} bytes",
            NAME_BYTES_MAX + 1
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checked(members: Value) -> Result<(), String> {
        check(members.as_object().unwrap())
    }

    #[test]
    fn names_of_attributes_have_65535_bytes_wherever_they_stand() {
        let of = |size: usize| {
            let name = "n".repeat(size);
            [
                json!({"Item": {&name: {"N": "1"}}}),
                json!({"AttributeUpdates": {&name: {"Action": "DELETE"}}}),
                json!({"AttributesToGet": ["a", &name]}),
                json!({"ExpressionAttributeNames": {"#n": &name}}),
                json!({"TransactItems": [{"Put": {"Item": {&name: {"N": "1"}}}}]}),
                json!({"RequestItems": {"leases": {"AttributesToGet": [&name]}}}),
                json!({"RequestItems": {"leases": [{"PutRequest": {"Item": {&name: {"N": "1"}}}}]}}),
            ]
        };
        for members in of(65535) {
            assert_eq!(checked(members), Ok(()));
        }
        for members in of(65536) {
            let text = checked(members).unwrap_err();
            assert!(text.ends_with("must be less than 65536 bytes"), "{text}");
        }
    }

    #[test]
    fn a_list_of_no_attributes_is_refused() {
        let none = || json!({"AttributesToGet": []});
        for members in [none(), json!({"RequestItems": {"leases": none()}})] {
            let text = checked(members).unwrap_err();
            assert!(text.contains("at 'attributesToGet'"), "{text}");
        }
    }
}
