//! UpdateItem, where DynamoDB's answer depends on whether the item was there, and where it names parts of attributes.

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::updated_attributes;
use crate::decode::{decode, enveloped};

/// The error of a path that leads nowhere. DynamoDB does not look for paths in an item that is not there.
const NO_SUCH_PATH: &str =
    "The document path provided in the update expression is invalid for update";

/// Does UpdateItem. What only removes makes no item where there was none, and an item that is new has no old attributes.
/// The caller must let nothing else change the table meanwhile.
pub(super) fn update_item(database: &Database, members: Value) -> Result<Value, DynoxideError> {
    let only_removes = only_removes(&members);
    let returned = members["ReturnValues"].as_str().unwrap_or_default();
    let is_all_old = returned == "ALL_OLD";
    let shown = match returned {
        "UPDATED_OLD" | "UPDATED_NEW" => updated_attributes::targets(&members),
        _ => Vec::new(),
    };
    let was_absent = (only_removes || is_all_old) && is_absent(database, &members);
    let mut answer = if was_absent && only_removes {
        without_item(database, members)?
    } else {
        database.update_item(request(members)?)?
    };
    if was_absent && is_all_old {
        answer.attributes = None;
    }
    let mut answer = serde_json::to_value(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
    updated_attributes::narrow(&mut answer, &shown);
    Ok(answer)
}

fn request(members: Value) -> Result<UpdateItemRequest, DynoxideError> {
    enveloped(decode(members))
}

/// Whether nothing in an update can make an item. SET and ADD are reserved words: they stand for nothing else.
fn only_removes(members: &Value) -> bool {
    if let Some(expression) = members["UpdateExpression"].as_str() {
        let is_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '#' | ':');
        return !expression
            .split(|char| !is_word(char))
            .any(|word| word.eq_ignore_ascii_case("SET") || word.eq_ignore_ascii_case("ADD"));
    }
    members["AttributeUpdates"]
        .as_object()
        .is_some_and(|updates| {
            !updates.is_empty() && updates.values().all(|update| update["Action"] == "DELETE")
        })
}

/// Whether there is no such item; false too if that cannot be told, so that the update itself tells why.
fn is_absent(database: &Database, members: &Value) -> bool {
    let of_key = json!({
        "TableName": members["TableName"],
        "Key": members["Key"],
        "ConsistentRead": true,
    });
    decode::<GetItemRequest>(of_key)
        .and_then(|request| database.get_item(request))
        .is_ok_and(|found| found.item.is_none())
}

/// What the update of an item that is not there answers, or why it is refused: done to an empty table of the same keys
/// in memory, so that no crash can leave an item.
fn without_item(database: &Database, members: Value) -> Result<UpdateItemResponse, DynoxideError> {
    let named = json!({"TableName": members["TableName"]});
    let described = database.describe_table(decode::<DescribeTableRequest>(named)?)?;
    let described = serde_json::to_value(&described)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
    let keys = &described["Table"]["KeySchema"];
    let is_key = |definition: &&Value| {
        keys.as_array().is_some_and(|keys| {
            keys.iter()
                .any(|key| key["AttributeName"] == definition["AttributeName"])
        })
    };
    let definitions: Vec<_> = described["Table"]["AttributeDefinitions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(is_key)
        .collect();
    let table = json!({
        "TableName": members["TableName"],
        "KeySchema": keys,
        "AttributeDefinitions": definitions,
        "BillingMode": "PAY_PER_REQUEST",
    });
    let empty = Database::memory()?;
    empty.create_table(decode::<CreateTableRequest>(table)?)?;
    match empty.update_item(request(members)?) {
        Err(DynoxideError::ValidationException(text)) if text.contains(NO_SUCH_PATH) => {
            Ok(UpdateItemResponse::default())
        }
        answer => answer,
    }
}
