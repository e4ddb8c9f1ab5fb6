//! Indexes that UpdateTable adds: an item is in one if it has the index's key attributes, each of the type that is defined
//! for it and no longer than a key may be. The embedded database asks for any type that can be a key.

use dynoxide::DynoxideError;
use serde_json::Value;

use crate::store::Store;

/// Longest value of a partition key and of a sort key, in bytes.
const HASH_BYTES_MAX: usize = 2048;
const RANGE_BYTES_MAX: usize = 1024;

/// The embedded database's text for a consistent read of an index, whether or not there is the index.
const NOT_CONSISTENT: &str = "Consistent reads are not supported on global secondary indexes";

/// An index that is to be made, and what its keys must be.
#[derive(Debug)]
pub(super) struct Made {
    table: String,
    index: String,
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    attribute: String,
    /// Its type.
    kind: String,
    bytes_max: usize,
}

impl Key {
    /// Whether an item has it.
    fn is_in(&self, item: &Value) -> bool {
        let value = item[&self.attribute][&self.kind].as_str();
        value.is_some_and(|value| {
            let bytes = match self.kind.as_str() {
                // In base64.
                "B" => (value.len() / 4 * 3).saturating_sub(value.matches('=').count()),
                _ => value.len(),
            };
            bytes <= self.bytes_max
        })
    }
}

/// The indexes that an UpdateTable asks for.
pub(super) fn made(members: &Value) -> Vec<Made> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let definitions = list(&members["AttributeDefinitions"]);
    let key = |element: &Value| {
        let attribute = &element["AttributeName"];
        let mut definitions = definitions.iter();
        let defined = definitions.find(|defined| defined["AttributeName"] == *attribute)?;
        Some(Key {
            attribute: text(attribute),
            kind: text(&defined["AttributeType"]),
            bytes_max: match element["KeyType"] == "RANGE" {
                true => RANGE_BYTES_MAX,
                false => HASH_BYTES_MAX,
            },
        })
    };
    list(&members["GlobalSecondaryIndexUpdates"])
        .iter()
        .map(|update| &update["Create"])
        .filter(|create| create.is_object())
        .map(|create| Made {
            table: text(&members["TableName"]),
            index: text(&create["IndexName"]),
            keys: list(&create["KeySchema"]).iter().filter_map(key).collect(),
        })
        .collect()
}

/// Checks the indexes that an UpdateTable asks for against the table as it is. Where there is none, nothing is wrong yet.
///
/// # Errors
/// A local index has the name of one, or an attribute is of another type there.
pub(super) fn check(store: &Store, members: &Value) -> Result<(), DynoxideError> {
    let made = made(members);
    if made.is_empty() {
        return Ok(());
    }
    let Ok(table) = super::described(store, &members["TableName"]) else {
        return Ok(());
    };
    let has = |list: &str, fits: &dyn Fn(&Value) -> bool| {
        table[list]
            .as_array()
            .is_some_and(|items| items.iter().any(fits))
    };
    for index in made {
        let is_namesake = |found: &Value| found["IndexName"] == *index.index;
        let is_redefined = |found: &Value| {
            let mut keys = index.keys.iter();
            keys.any(|key| {
                found["AttributeName"] == *key.attribute && found["AttributeType"] != *key.kind
            })
        };
        if has("LocalSecondaryIndexes", &is_namesake) {
            return Err(DynoxideError::ValidationException(
                "Attempting to create an index which already exists".into(),
            ));
        }
        if has("AttributeDefinitions", &is_redefined) {
            return Err(DynoxideError::ValidationException(
                "One or more parameter values were invalid: Attributes cannot be redefined. Please check that your \
                 attribute has the same type as previously defined."
                    .into(),
            ));
        }
    }
    Ok(())
}

/// Takes out of indexes that were just made what is not of their keys' types, or too long for one.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn narrow(store: &mut Store, made: &[Made]) -> Result<(), DynoxideError> {
    for index in made {
        let fits = |item: &Value| index.keys.iter().all(|key| key.is_in(item));
        store.retain_in_index(&index.table, &index.index, fits)?;
    }
    Ok(())
}

/// The error of a Query or Scan: that there is no such index comes before how it may be read.
pub(super) fn explained(store: &Store, members: &Value, error: DynoxideError) -> DynoxideError {
    let is_of_index =
        matches!(&error, DynoxideError::ValidationException(text) if text == NOT_CONSISTENT);
    let (Some(index), true) = (members["IndexName"].as_str(), is_of_index) else {
        return error;
    };
    let Ok(table) = super::described(store, &members["TableName"]) else {
        return error;
    };
    let is_there = table["GlobalSecondaryIndexes"]
        .as_array()
        .is_some_and(|indexes| indexes.iter().any(|found| found["IndexName"] == index));
    if is_there {
        return error;
    }
    DynoxideError::ValidationException(format!(
        "The table does not have the specified index: {}",
        crate::request::shortened(index)
    ))
}
