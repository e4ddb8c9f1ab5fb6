//! UpdateItem, where DynamoDB's answer depends on whether the item was there, and where it names parts of attributes.

use dynoxide::actions::create_table::CreateTableRequest;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::{Database, DynoxideError};
use serde_json::{Value, json};

use super::updated_attributes;
use crate::decode::{decode, enveloped};
use crate::expressions::type_of;
use crate::store::Store;

/// The error of a path that leads nowhere. DynamoDB does not look for paths in an item that is not there.
const NO_SUCH_PATH: &str =
    "The document path provided in the update expression is invalid for update";

/// The embedded database's error of a sum that has too many digits, and DynamoDB's.
const TOO_PRECISE: &str = "Attempting to store more than 38 significant digits in a Number";
const OVERFLOW: &str =
    "Number overflow. Attempting to store a number with magnitude larger than supported range";

/// Does UpdateItem. What only removes makes no item where there was none, and an item that is new has no old attributes.
/// The caller must let nothing else change the table meanwhile.
pub(super) fn update_item(database: &Store, members: Value) -> Result<Value, DynoxideError> {
    check_sets(database, &members)?;
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
        let is_computed = !members["UpdateExpression"].is_null();
        let done = database.update_item(request(members)?);
        done.map_err(|error| match error {
            // A value that is given with so many digits is refused before, in other words.
            DynoxideError::ValidationException(text) if is_computed && text == TOO_PRECISE => {
                DynoxideError::ValidationException(OVERFLOW.into())
            }
            other => other,
        })?
    };
    // There is no old item, and no new one if none was made.
    if was_absent && (is_all_old || only_removes) {
        answer.attributes = None;
    }
    let mut answer = serde_json::to_value(&answer)
        .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
    updated_attributes::narrow(&mut answer, &shown);
    Ok(answer)
}

/// Refuses to delete elements from what is no set of their type, and to delete none.
fn check_sets(database: &Store, members: &Value) -> Result<(), DynoxideError> {
    let updates = members["AttributeUpdates"].as_object();
    let mut deleted = updates
        .into_iter()
        .flatten()
        .filter(|(_, update)| update["Action"] == "DELETE")
        .filter_map(|(attribute, update)| Some((attribute, type_of(&update["Value"])?)))
        .filter(|(_, kind)| ["SS", "NS", "BS"].contains(kind))
        .peekable();
    if deleted.peek().is_none() {
        return Ok(());
    }
    // What cannot be looked up is refused by the update itself, which tells why.
    let Some(item) = stored(database, members) else {
        return Ok(());
    };
    for (attribute, kind) in deleted {
        let set = &members["AttributeUpdates"][attribute]["Value"][kind];
        if set.as_array().is_some_and(Vec::is_empty) {
            return Err(DynoxideError::ValidationException(
                "One or more parameter values were invalid: A set may not be empty".into(),
            ));
        }
        if type_of(&item[attribute]).is_some_and(|found| found != kind) {
            return Err(DynoxideError::ValidationException(
                "Type mismatch for attribute to update".into(),
            ));
        }
    }
    Ok(())
}

/// The item that is updated, as it is; null if there is none.
fn stored(database: &Store, members: &Value) -> Option<Value> {
    let of_key = json!({
        "TableName": members["TableName"],
        "Key": members["Key"],
        "ConsistentRead": true,
    });
    let request = decode::<GetItemRequest>(of_key).ok()?;
    serde_json::to_value(database.get_item(request).ok()?.item).ok()
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
fn is_absent(database: &Store, members: &Value) -> bool {
    stored(database, members).is_some_and(|item| item.is_null())
}

/// What the update of an item that is not there answers, or why it is refused: done to an empty table of the same keys
/// in memory, so that no crash can leave an item.
fn without_item(database: &Store, members: Value) -> Result<UpdateItemResponse, DynoxideError> {
    let described = super::described(database, &members["TableName"])?;
    let keys = &described["KeySchema"];
    let is_key = |definition: &&Value| {
        keys.as_array().is_some_and(|keys| {
            keys.iter()
                .any(|key| key["AttributeName"] == definition["AttributeName"])
        })
    };
    let definitions: Vec<_> = described["AttributeDefinitions"]
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
