//! Where indexes are other than DynamoDB's.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};

use super::super::tests::{leases, owner};
use super::{OwnerDatabase, database, done, put, refused};
use crate::files::TableFiles;
use crate::operation::TableOperation as Op;

#[test]
fn an_index_that_is_not_there_is_named_however_it_is_read() {
    let mut database = database();
    for operation in [Op::Scan, Op::Query] {
        let mut read =
            json!({"TableName": "leases", "IndexName": "absent", "ConsistentRead": true});
        if operation == Op::Query {
            read["KeyConditionExpression"] = json!("a = :a");
            read["ExpressionAttributeValues"] = json!({":a": {"S": "x"}});
        }
        let text = refused(&mut database, operation, &read);
        assert_eq!(text, "The table does not have the specified index: absent");
    }
}

#[test]
fn an_index_that_is_added_has_the_items_with_keys_of_its_types_and_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let files = TableFiles::open(folder.path().into(), Duration::ZERO, false);
    let mut database = OwnerDatabase::open(owner(), Some(Arc::new(files.unwrap()))).unwrap();
    done(&mut database, Op::CreateTable, &leases());
    for (key, owner, count) in [
        ("a", json!({"S": "ann"}), json!({"N": "1"})),
        ("b", json!({"N": "5"}), json!({"N": "1"})),
        ("c", json!({"S": "ann"}), json!({"S": "1"})),
        ("d", json!({"S": "n".repeat(2049)}), json!({"N": "1"})),
    ] {
        put(
            &mut database,
            json!({"leaseKey": {"S": key}, "own\"er": owner, "count": count}),
        );
    }
    let add = json!({
        "TableName": "leases",
        "AttributeDefinitions": [
            {"AttributeName": "leaseKey", "AttributeType": "S"},
            {"AttributeName": "own\"er", "AttributeType": "S"},
            {"AttributeName": "count", "AttributeType": "N"},
        ],
        "GlobalSecondaryIndexUpdates": [{"Create": {
            "IndexName": "by-owner",
            "KeySchema": [
                {"AttributeName": "own\"er", "KeyType": "HASH"},
                {"AttributeName": "count", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }}],
    });
    done(&mut database, Op::UpdateTable, &add);
    let scan = json!({"TableName": "leases", "IndexName": "by-owner"});
    let found = done(&mut database, Op::Scan, &scan);
    assert_eq!(found["Count"], 1, "{found}");
    assert_eq!(found["Items"][0]["leaseKey"]["S"], "a");
}

#[test]
fn what_a_local_index_does_not_have_is_fetched_from_the_table() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let table = json!({
        "TableName": "leases",
        "AttributeDefinitions": [
            {"AttributeName": "p", "AttributeType": "S"},
            {"AttributeName": "c", "AttributeType": "S"},
            {"AttributeName": "b", "AttributeType": "S"},
        ],
        "KeySchema": [key("p", "HASH"), key("c", "RANGE")],
        "LocalSecondaryIndexes": [{
            "IndexName": "by-b",
            "KeySchema": [key("p", "HASH"), key("b", "RANGE")],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    done(&mut database, Op::CreateTable, &table);
    let items = ["1", "2", "3"].map(|number| {
        json!({"p": {"S": "p"}, "c": {"S": number}, "b": {"S": number}, "d": {"M": {"x": {"S": number}}}})
    });
    for item in &items {
        put(&mut database, item.clone());
    }
    let query = |members: Value| {
        let mut query = json!({
            "TableName": "leases",
            "IndexName": "by-b",
            "KeyConditionExpression": "#p = :p AND b > :b",
            "ExpressionAttributeNames": {"#p": "p"},
            "ExpressionAttributeValues": {":p": {"S": "p"}, ":b": {"S": "1"}},
        });
        query
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        query
    };
    let mut found =
        |members: Value| done(&mut database, Op::Query, &query(members))["Items"].take();
    let whole = json!(items[1..]);
    assert_eq!(found(json!({"Select": "ALL_ATTRIBUTES"})), whole);
    let part = json!([{"d": items[1]["d"]}, {"d": items[2]["d"]}]);
    let names = json!({"#p": "p", "#d": "d"});
    let projected = json!({"ProjectionExpression": "#d.x", "ExpressionAttributeNames": names});
    assert_eq!(found(projected), part);
    // What the index has is not looked up.
    let keys = json!([{"c": {"S": "2"}}, {"c": {"S": "3"}}]);
    assert_eq!(found(json!({"ProjectionExpression": "c"})), keys);
    assert_eq!(found(json!({}))[0].as_object().unwrap().len(), 3);
    let text = refused(
        &mut database,
        Op::Query,
        &query(json!({"ProjectionExpression": "d, d.x"})),
    );
    assert!(text.contains("overlap"), "{text}");
}

/// A global index on a sort key of bytes takes 1,024 of them, in which base64's own length is not counted.
#[test]
fn an_index_that_is_added_has_the_items_whose_sort_keys_are_no_longer_than_one_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let files = TableFiles::open(folder.path().into(), Duration::ZERO, false);
    let mut database = OwnerDatabase::open(owner(), Some(Arc::new(files.unwrap()))).unwrap();
    done(&mut database, Op::CreateTable, &leases());
    for (key, bytes) in [("a", 1024), ("b", 1025)] {
        let bytes = BASE64.encode(vec![7; bytes]);
        put(
            &mut database,
            json!({"leaseKey": {"S": key}, "state": {"B": bytes}}),
        );
    }
    let add = json!({
        "TableName": "leases",
        "AttributeDefinitions": [
            {"AttributeName": "leaseKey", "AttributeType": "S"},
            {"AttributeName": "state", "AttributeType": "B"},
        ],
        "GlobalSecondaryIndexUpdates": [{"Create": {
            "IndexName": "by-state",
            "KeySchema": [
                {"AttributeName": "leaseKey", "KeyType": "HASH"},
                {"AttributeName": "state", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }}],
    });
    done(&mut database, Op::UpdateTable, &add);
    let scan = json!({"TableName": "leases", "IndexName": "by-state"});
    let found = done(&mut database, Op::Scan, &scan);
    assert_eq!(found["Count"], 1, "{found}");
    assert_eq!(found["Items"][0]["leaseKey"]["S"], "a");
}

#[test]
fn an_index_that_is_added_fits_the_table() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let defined = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let table = json!({
        "TableName": "leases",
        "AttributeDefinitions": [defined("p", "S"), defined("c", "S"), defined("b", "S")],
        "KeySchema": [key("p", "HASH"), key("c", "RANGE")],
        "LocalSecondaryIndexes": [{
            "IndexName": "by-b",
            "KeySchema": [key("p", "HASH"), key("b", "RANGE")],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    done(&mut database, Op::CreateTable, &table);
    let add = |index: &str, attribute: &str, kind: &str| {
        json!({
            "TableName": "leases",
            "AttributeDefinitions": [defined(attribute, kind)],
            "GlobalSecondaryIndexUpdates": [{"Create": {
                "IndexName": index,
                "KeySchema": [key(attribute, "HASH")],
                "Projection": {"ProjectionType": "ALL"},
            }}],
        })
    };
    let text = refused(&mut database, Op::UpdateTable, &add("by-b", "d", "S"));
    assert!(text.contains("already exists"), "{text}");
    let text = refused(&mut database, Op::UpdateTable, &add("again", "b", "N"));
    assert!(text.contains("Attributes cannot be redefined"), "{text}");
    done(&mut database, Op::UpdateTable, &add("again", "b", "S"));
}
