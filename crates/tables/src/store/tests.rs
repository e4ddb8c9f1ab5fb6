use serde_json::{Value, json};

use super::*;
use crate::decode::decode;

const TABLE: &str = "leases";

/// A store in a file, with a table.
fn store(folder: &tempfile::TempDir) -> Store {
    let path = folder.path().join("tables.sqlite");
    let mut store = Store::open(path.to_str().unwrap()).unwrap();
    let table = json!({
        "TableName": TABLE,
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    let made = store.whole().unwrap().create_table(decode(table).unwrap());
    made.unwrap();
    store.open_items().unwrap();
    store
}

fn put(store: &Store, key: &str) -> Result<(), DynoxideError> {
    let put = json!({"TableName": TABLE, "Item": {"k": {"S": key}}});
    store.put_item(decode(put).unwrap()).map(drop)
}

fn put_new(store: &Store, key: &str) -> Result<(), DynoxideError> {
    let put = json!({
        "TableName": TABLE,
        "Item": {"k": {"S": key}},
        "ConditionExpression": "attribute_not_exists(k)",
    });
    store.put_item(decode(put).unwrap()).map(drop)
}

/// The keys that somebody else sees, who opens the file.
fn committed(folder: &tempfile::TempDir) -> Vec<String> {
    let file = rusqlite::Connection::open(folder.path().join("tables.sqlite")).unwrap();
    let mut keys = file
        .prepare("SELECT item_json ->> '$.k.S' FROM leases ORDER BY 1")
        .unwrap();
    let keys = keys.query_map([], |row| row.get(0)).unwrap();
    keys.map(Result::unwrap).collect()
}

fn seen(store: &Store) -> Value {
    let scan = decode(json!({"TableName": TABLE, "Select": "COUNT"})).unwrap();
    serde_json::to_value(store.scan(scan).unwrap()).unwrap()["Count"].take()
}

#[test]
fn writes_of_a_group_are_seen_in_it_and_committed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "a").unwrap();
    put(&store, "b").unwrap();
    assert_eq!(seen(&store), 2);
    assert_eq!(committed(&folder), Vec::<String>::new());
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["a", "b"]);
    store.end_group().unwrap();
}

#[test]
fn a_write_that_is_refused_leaves_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put_new(&store, "a").unwrap();
    for _ in 0..3 {
        let refused = put_new(&store, "a").unwrap_err();
        assert!(
            matches!(refused, DynoxideError::ConditionalCheckFailedException(..)),
            "{refused}"
        );
    }
    put_new(&store, "b").unwrap();
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["a", "b"]);
    // A group of nothing but a refusal.
    put_new(&store, "b").unwrap_err();
    store.end_group().unwrap();
    put_new(&store, "c").unwrap();
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["a", "b", "c"]);
}

/// A write that fails half-way, as when an index cannot be written.
#[test]
fn a_write_that_fails_half_way_is_taken_back_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "a").unwrap();
    let items = store.items.as_ref().unwrap();
    let failed = items.write(|storage| {
        // As the library does it.
        storage.begin_transaction()?;
        storage.put_item(TABLE, "torn", "", "{}", 2)?;
        storage.rollback()?;
        Err::<(), _>(DynoxideError::InternalServerError("no index".into()))
    });
    failed.unwrap_err();
    put(&store, "b").unwrap();
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["a", "b"]);
}

#[test]
fn what_is_about_tables_comes_behind_the_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "a").unwrap();
    let scan = decode(json!({"TableName": TABLE})).unwrap();
    let found = store.whole().unwrap().scan(scan).unwrap();
    assert_eq!(serde_json::to_value(found).unwrap()["Count"], 1);
    assert_eq!(committed(&folder), ["a"]);
    // A table that is gone is gone for single items too.
    let gone = json!({"TableName": TABLE});
    let gone = store.whole().unwrap().delete_table(decode(gone).unwrap());
    gone.unwrap();
    store.forget_definitions();
    store.open_items().unwrap();
    let refused = put(&store, "b").unwrap_err();
    assert!(
        matches!(refused, DynoxideError::ResourceNotFoundException(_)),
        "{refused}"
    );
    store.end_group().unwrap();
}

#[test]
fn a_panic_takes_the_group_back_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "kept").unwrap();
    store.end_group().unwrap();
    put(&store, "a").unwrap();
    let items = store.items.as_ref().unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        items.write::<()>(|storage| {
            storage.put_item(TABLE, "torn", "", "{}", 2).unwrap();
            panic!("in the library")
        })
    }));
    panicked.unwrap_err();
    assert!(put(&store, "b").is_err() && store.whole().is_err());
    assert_eq!(store.end_group(), Err(Lost));
    assert_eq!(committed(&folder), ["kept"]);
    put(&store, "c").unwrap();
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["c", "kept"]);
}

/// As SQLite itself does it when a disk is full.
#[test]
fn a_transaction_that_sqlite_gives_up_is_a_lost_group() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "a").unwrap();
    let items = store.items.as_ref().unwrap();
    let given_up = items.write(|storage| {
        items.without_shield(|| storage.conn().execute_batch("ROLLBACK"))?;
        Ok(())
    });
    given_up.unwrap_err();
    put(&store, "b").unwrap_err();
    assert_eq!(store.end_group(), Err(Lost));
    assert_eq!(committed(&folder), Vec::<String>::new());
    put(&store, "c").unwrap();
    store.end_group().unwrap();
    assert_eq!(committed(&folder), ["c"]);
}

/// A change of tables must not make a lost group look kept.
#[test]
fn a_lost_group_is_told_of_even_behind_a_change_of_tables() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(&folder);
    put(&store, "a").unwrap();
    store.tear();
    assert!(store.whole().is_err());
    store.forget_definitions();
    assert_eq!(store.end_group(), Err(Lost));
    assert_eq!(store.end_group(), Ok(()));
    assert_eq!(committed(&folder), Vec::<String>::new());
}
