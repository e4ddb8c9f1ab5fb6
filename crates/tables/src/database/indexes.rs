//! Indexes that UpdateTable adds: an item is in one if it has the index's key attributes, each of the type that is defined
//! for it. The embedded database asks for any type that can be a key.

use dynoxide::DynoxideError;
use serde_json::Value;

use crate::store::Store;

/// The embedded database's text for a consistent read of an index, whether or not there is the index.
const NOT_CONSISTENT: &str = "Consistent reads are not supported on global secondary indexes";

/// An index that is to be made, and what its keys must be.
#[derive(Debug)]
pub(super) struct Made {
    table: String,
    index: String,
    /// Attributes and their types.
    keys: Vec<(String, String)>,
}

/// The indexes that an UpdateTable asks for.
pub(super) fn made(members: &Value) -> Vec<Made> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let definitions = list(&members["AttributeDefinitions"]);
    let type_of = |attribute: &Value| {
        let defined = definitions
            .iter()
            .find(|defined| defined["AttributeName"] == *attribute);
        defined.map(|defined| (text(attribute), text(&defined["AttributeType"])))
    };
    list(&members["GlobalSecondaryIndexUpdates"])
        .iter()
        .map(|update| &update["Create"])
        .filter(|create| create.is_object())
        .map(|create| Made {
            table: text(&members["TableName"]),
            index: text(&create["IndexName"]),
            keys: list(&create["KeySchema"])
                .iter()
                .filter_map(|key| type_of(&key["AttributeName"]))
                .collect(),
        })
        .collect()
}

/// Takes out of indexes that were just made what is not of their keys' types.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn narrow(store: &mut Store, made: &[Made]) -> Result<(), DynoxideError> {
    for index in made {
        let fits = |item: &Value| {
            let mut keys = index.keys.iter();
            keys.all(|(attribute, kind)| item[attribute].get(kind).is_some())
        };
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
