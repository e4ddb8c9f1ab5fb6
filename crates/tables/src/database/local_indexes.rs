//! Queries of a local index that ask for what is not projected into it: DynamoDB fetches it from the table. The embedded
//! database answers what is projected.

use std::collections::BTreeSet;

use dynoxide::DynoxideError;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::query::QueryRequest;
use serde_json::{Map, Value, json};

use crate::decode::decode;
use crate::store::Store;

const PROJECTIONS: [&str; 3] = ["AttributesToGet", "ProjectionExpression", "Select"];
const NAMES: &str = "ExpressionAttributeNames";

/// Puts whole items, or what is asked for of them, in the place of those in a Query's answer, if the request needs that.
///
/// # Errors
/// An item cannot be read.
pub(super) fn fetch(
    store: &Store,
    members: &Value,
    answer: &mut Value,
) -> Result<(), DynoxideError> {
    let is_of_items = answer["Items"]
        .as_array()
        .is_some_and(|items| !items.is_empty());
    let (Some(index), true) = (members["IndexName"].as_str(), is_of_items) else {
        return Ok(());
    };
    let asked = asked(members);
    if asked.is_none() && members["Select"] != "ALL_ATTRIBUTES" {
        return Ok(());
    }
    let table = super::described(store, &members["TableName"])?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let indexes = list(&table["LocalSecondaryIndexes"]);
    let Some(index) = indexes.iter().find(|found| found["IndexName"] == index) else {
        return Ok(());
    };
    let name = |key: &Value| key["AttributeName"].as_str().unwrap_or_default().to_owned();
    let keys: Vec<String> = list(&table["KeySchema"]).iter().map(name).collect();
    let mut projected: BTreeSet<String> = list(&index["KeySchema"]).iter().map(name).collect();
    projected.extend(keys.iter().cloned());
    let others = list(&index["Projection"]["NonKeyAttributes"]);
    projected.extend(others.iter().filter_map(Value::as_str).map(str::to_owned));
    let is_all = index["Projection"]["ProjectionType"] == "ALL";
    if is_all || asked.is_some_and(|asked| asked.is_subset(&projected)) {
        return Ok(());
    }
    // The same items in the same order, with their keys.
    let mut found = query(store, &without_projection(members))?;
    let mut items = Vec::new();
    for item in list(&found["Items"].take()) {
        let key: Map<String, Value> = keys
            .iter()
            .map(|name| (name.clone(), item[name].clone()))
            .collect();
        items.push(get(store, members, &key)?);
    }
    answer["Items"] = items.into();
    Ok(())
}

/// The attributes that a projection names; `None` if there is none.
fn asked(members: &Value) -> Option<BTreeSet<String>> {
    if let Some(attributes) = members["AttributesToGet"].as_array() {
        let names = attributes.iter().filter_map(Value::as_str);
        return Some(names.map(str::to_owned).collect());
    }
    let text = members["ProjectionExpression"].as_str()?;
    let attribute = |path: &str| {
        let name = path.split(['.', '[']).next().unwrap_or_default().trim();
        members[NAMES][name].as_str().unwrap_or(name).to_owned()
    };
    Some(text.split(',').map(attribute).collect())
}

fn query(store: &Store, members: &Value) -> Result<Value, DynoxideError> {
    let found = store.query(decode::<QueryRequest>(members.clone())?)?;
    serde_json::to_value(&found).map_err(|error| super::unwritable(&error))
}

/// The request without what chooses attributes, and without the names that only that uses.
fn without_projection(members: &Value) -> Value {
    let mut plain = members.clone();
    if let Some(plain) = plain.as_object_mut() {
        plain.retain(|name, _| !PROJECTIONS.contains(&name.as_str()));
        let texts = ["FilterExpression", "KeyConditionExpression"];
        let texts: Vec<&str> = texts
            .iter()
            .filter_map(|name| members[*name].as_str())
            .collect();
        keep_names(plain, &texts);
    }
    plain
}

/// One item, or what is asked for of it.
fn get(store: &Store, members: &Value, key: &Map<String, Value>) -> Result<Value, DynoxideError> {
    let mut wanted = Map::new();
    wanted.insert("TableName".into(), members["TableName"].clone());
    wanted.insert("Key".into(), json!(key));
    for name in ["AttributesToGet", "ProjectionExpression", NAMES] {
        wanted.insert(name.into(), members[name].clone());
    }
    let texts: Vec<&str> = members["ProjectionExpression"]
        .as_str()
        .into_iter()
        .collect();
    keep_names(&mut wanted, &texts);
    let found = store.get_item(decode::<GetItemRequest>(Value::Object(wanted))?)?;
    let item = serde_json::to_value(found.item).map_err(|error| super::unwritable(&error))?;
    Ok(if item.is_null() { json!({}) } else { item })
}

/// Leaves the names that stand in one of the texts: others are refused.
fn keep_names(members: &mut Map<String, Value>, texts: &[&str]) {
    let Some(Value::Object(names)) = members.get_mut(NAMES) else {
        members.remove(NAMES);
        return;
    };
    let is_word = |char: char| char.is_alphanumeric() || matches!(char, '_' | '#' | ':');
    names.retain(|name, _| {
        texts
            .iter()
            .any(|text| text.split(|char| !is_word(char)).any(|word| word == name))
    });
    if names.is_empty() {
        members.remove(NAMES);
    }
}
