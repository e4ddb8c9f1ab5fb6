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
/// The name of a key's attribute is too long, or the capacity of a table that has one is not given.
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
    for list in ["attributeDefinitions", "keySchema"] {
        check_names(members, list)?;
    }
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

/// Every key of a table and of its indexes is in the first list.
fn check_names(members: &Map<String, Value>, list: &str) -> Result<(), DynoxideError> {
    let given = [&list[..1].to_ascii_uppercase(), &list[1..]].concat();
    let Some(Value::Array(attributes)) = members.get(&given) else {
        return Ok(());
    };
    for (at, attribute) in attributes.iter().enumerate() {
        let name = attribute["AttributeName"].as_str().unwrap_or_default();
        if name.len() > KEY_NAME_BYTES_MAX {
            return Err(DynoxideError::ValidationException(format!(
                "1 validation error detected: Value '{}' at '{list}.{}.member.attributeName' failed to satisfy \
                 constraint: Member must have length less than or equal to {KEY_NAME_BYTES_MAX}",
                shortened(name),
                at + 1
            )));
        }
    }
    Ok(())
}
