//! What DynamoDB says of a table's definition and the embedded database does not.

use dynoxide::DynoxideError;
use serde_json::{Map, Value};

use crate::operation::TableOperation;
use crate::request::shortened;

/// Longest name of an attribute that is a key of a table or an index, in bytes.
const KEY_NAME_BYTES_MAX: usize = 255;

/// Checks a definition's bounds, and says what it leaves to a default that DynamoDB's answer shows.
///
/// # Errors
/// The name of a key's attribute is too long, an attribute is defined twice, or the capacity of a table that has one is not given.
pub(super) fn complete(
    operation: TableOperation,
    members: &mut Map<String, Value>,
) -> Result<(), DynoxideError> {
    if !matches!(
        operation,
        TableOperation::CreateTable | TableOperation::UpdateTable
    ) {
        return Ok(());
    }
    check_names(members)?;
    check_defined_once(members)?;
    if operation == TableOperation::CreateTable {
        let is_given = |name: &str| members.get(name).is_some_and(|given| !given.is_null());
        if !is_given("BillingMode") && !is_given("ProvisionedThroughput") {
            // PROVISIONED is what a table is that does not say.
            return Err(DynoxideError::ValidationException(
                "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be \
                 specified when BillingMode is PROVISIONED"
                    .into(),
            ));
        }
        // The embedded database shows what was given only.
        let protection = members
            .entry("DeletionProtectionEnabled")
            .or_insert(Value::Null);
        if protection.is_null() {
            *protection = Value::Bool(false);
        }
    }
    Ok(())
}

/// Checks the names in the definitions, the table's key and the keys of its indexes, in this order.
fn check_names(members: &Map<String, Value>) -> Result<(), DynoxideError> {
    let none = Value::Null;
    let given = |name: &str| members.get(name).unwrap_or(&none);
    check_list(given("AttributeDefinitions"), "attributeDefinitions")?;
    check_list(given("KeySchema"), "keySchema")?;
    for list in ["globalSecondaryIndexes", "localSecondaryIndexes"] {
        for (at, index) in items(given(&capital(list))) {
            check_list(
                &index["KeySchema"],
                &format!("{list}.{at}.member.keySchema"),
            )?;
        }
    }
    let list = "globalSecondaryIndexUpdates";
    for (at, update) in items(given(&capital(list))) {
        let path = format!("{list}.{at}.member.create.keySchema");
        check_list(&update["Create"]["KeySchema"], &path)?;
    }
    Ok(())
}

/// The items of a list, counted from one.
fn items(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    (1..).zip(list.as_array().into_iter().flatten())
}

/// A member's name; DynamoDB's texts have it with a small letter.
fn capital(name: &str) -> String {
    [&name[..1].to_ascii_uppercase(), &name[1..]].concat()
}

fn check_list(list: &Value, path: &str) -> Result<(), DynoxideError> {
    for (at, attribute) in items(list) {
        let name = attribute["AttributeName"].as_str().unwrap_or_default();
        if name.len() > KEY_NAME_BYTES_MAX {
            return Err(DynoxideError::ValidationException(format!(
                "1 validation error detected: Value '{}' at '{path}.{at}.member.attributeName' failed to satisfy \
                 constraint: Member must have length less than or equal to {KEY_NAME_BYTES_MAX}",
                shortened(name),
            )));
        }
    }
    Ok(())
}

/// An attribute has one type.
fn check_defined_once(members: &Map<String, Value>) -> Result<(), DynoxideError> {
    let definitions = members.get("AttributeDefinitions").unwrap_or(&Value::Null);
    let mut names = std::collections::HashSet::new();
    for (_, definition) in items(definitions) {
        let name = definition["AttributeName"].as_str().unwrap_or_default();
        if !names.insert(name) {
            return Err(DynoxideError::ValidationException(format!(
                "One or more parameter values were invalid: Duplicate AttributeName in AttributeDefinitions: {}",
                shortened(name)
            )));
        }
    }
    Ok(())
}

/// Takes out of the description of a table that was deleted what DynamoDB does not tell of it any more.
pub(super) fn leave_out_of_the_deleted(described: &mut Value) {
    if let Some(table) = described["TableDescription"].as_object_mut() {
        for member in [
            "AttributeDefinitions",
            "CreationDateTime",
            "GlobalSecondaryIndexes",
            "KeySchema",
            "LocalSecondaryIndexes",
        ] {
            table.remove(member);
        }
    }
}
