//! NOT_CONTAINS in the legacy conditions of a write: to DynamoDB it is false of an attribute that is not there, as
//! CONTAINS is; to the embedded database it is true.

use dynoxide::actions::get_item::GetItemRequest;
use serde_json::{Map, Value, json};

use crate::decode::decode;
use crate::operation::TableOperation;
use crate::store::Store;

/// Puts CONTAINS in place of NOT_CONTAINS where the item has no such attribute. The caller must let nothing else change
/// the table before the write.
pub(super) fn settle(database: &Store, operation: TableOperation, members: &mut Value) {
    if !matches!(
        operation,
        TableOperation::DeleteItem | TableOperation::PutItem | TableOperation::UpdateItem
    ) {
        return;
    }
    let is_there = members["Expected"]
        .as_object()
        .is_some_and(|expected| expected.values().any(is_negated));
    if !is_there {
        return;
    }
    // What cannot be looked up is refused by the write itself, which tells why.
    let Some(item) = stored(database, operation, members) else {
        return;
    };
    let Some(Value::Object(expected)) = members.get_mut("Expected") else {
        return;
    };
    for (attribute, condition) in expected {
        if is_negated(condition) && !item.contains_key(attribute) {
            condition["ComparisonOperator"] = "CONTAINS".into();
        }
    }
}

/// A NOT_CONTAINS that is not refused: errors repeat the operator.
fn is_negated(condition: &Value) -> bool {
    let is_scalar = |value: &Value| {
        ["S", "N", "B"]
            .iter()
            .any(|scalar| value.get(scalar).is_some())
    };
    condition["ComparisonOperator"] == "NOT_CONTAINS"
        && matches!(condition["AttributeValueList"].as_array().map(Vec::as_slice), Some([value]) if is_scalar(value))
}

/// The item that is written to, as it is; empty if there is none.
fn stored(
    database: &Store,
    operation: TableOperation,
    members: &Value,
) -> Option<Map<String, Value>> {
    let key = match operation {
        TableOperation::PutItem => key_of_item(database, members)?,
        _ => members["Key"].clone(),
    };
    let of_key = json!({"TableName": members["TableName"], "Key": key, "ConsistentRead": true});
    let found = database
        .get_item(decode::<GetItemRequest>(of_key).ok()?)
        .ok()?;
    match serde_json::to_value(found.item).ok()? {
        Value::Object(item) => Some(item),
        _ => Some(Map::new()),
    }
}

fn key_of_item(database: &Store, members: &Value) -> Option<Value> {
    let table = super::described(database, &members["TableName"]).ok()?;
    let mut key = Map::new();
    for element in table["KeySchema"].as_array()? {
        let name = element["AttributeName"].as_str()?;
        key.insert(name.to_owned(), members["Item"].get(name)?.clone());
    }
    Some(Value::Object(key))
}
