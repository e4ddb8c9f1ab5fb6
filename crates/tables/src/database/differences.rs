//! Where the embedded database alone would answer otherwise than DynamoDB.

use serde_json::{Value, json};

use super::OwnerDatabase;
use super::tests::{call, leases, owner};
use crate::operation::TableOperation as Op;

mod definitions;
mod indexes;

/// With the table `leases`.
fn database() -> OwnerDatabase {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    done(&mut database, Op::CreateTable, &leases());
    database
}

fn done(database: &mut OwnerDatabase, operation: Op, body: &Value) -> Value {
    let (status, answer) = call(database, operation, body);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn refused(database: &mut OwnerDatabase, operation: Op, body: &Value) -> String {
    let (status, answer) = call(database, operation, body);
    assert_eq!(status, 400, "{answer}");
    let text = answer["message"].as_str().or(answer["Message"].as_str());
    text.unwrap_or_else(|| panic!("{answer}")).to_owned()
}

fn put(database: &mut OwnerDatabase, item: Value) {
    let body = json!({"TableName": "leases", "Item": item});
    done(database, Op::PutItem, &body);
}

/// An update of the item `key`, with further members.
fn update(key: &str, members: Value) -> Value {
    let mut body = json!({"TableName": "leases", "Key": {"leaseKey": {"S": key}}});
    let more = members.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

fn item(database: &mut OwnerDatabase, key: &str) -> Value {
    let body = json!({"TableName": "leases", "Key": {"leaseKey": {"S": key}}});
    done(database, Op::GetItem, &body)["Item"].take()
}

#[test]
fn what_only_removes_makes_no_item() {
    let mut database = database();
    for members in [
        json!({"UpdateExpression": "REMOVE a"}),
        json!({"UpdateExpression": "remove #set.y, a[0]", "ExpressionAttributeNames": {"#set": "set"}}),
        json!({"UpdateExpression": "DELETE a :a", "ExpressionAttributeValues": {":a": {"SS": ["x"]}}}),
        json!({"AttributeUpdates": {"a": {"Action": "DELETE"}}}),
    ] {
        done(&mut database, Op::UpdateItem, &update("k", members.clone()));
        assert_eq!(item(&mut database, "k"), Value::Null, "{members}");
    }
    // It is still checked in whole.
    let of_key = update("k", json!({"UpdateExpression": "REMOVE leaseKey"}));
    let text = refused(&mut database, Op::UpdateItem, &of_key);
    assert!(text.contains("This attribute is part of the key"), "{text}");
    let conditional =
        json!({"UpdateExpression": "REMOVE a", "ConditionExpression": "attribute_exists(a)"});
    let text = refused(&mut database, Op::UpdateItem, &update("k", conditional));
    assert_eq!(text, "The conditional request failed");
    // What sets, or does nothing at all, makes one; what removes from one that is there does so.
    done(&mut database, Op::UpdateItem, &update("k", json!({})));
    assert_eq!(item(&mut database, "k"), json!({"leaseKey": {"S": "k"}}));
    let set = json!({"UpdateExpression": "REMOVE b SET a = :a", "ExpressionAttributeValues": {":a": {"N": "1"}}});
    done(&mut database, Op::UpdateItem, &update("l", set));
    let remove = json!({"UpdateExpression": "REMOVE a"});
    done(&mut database, Op::UpdateItem, &update("l", remove));
    assert_eq!(item(&mut database, "l"), json!({"leaseKey": {"S": "l"}}));
}

#[test]
fn a_new_item_has_no_old_attributes() {
    let mut database = database();
    let set = json!({
        "UpdateExpression": "SET a = :a",
        "ExpressionAttributeValues": {":a": {"N": "1"}},
        "ReturnValues": "ALL_OLD",
    });
    let answer = done(&mut database, Op::UpdateItem, &update("k", set.clone()));
    assert_eq!(answer, json!({}));
    put(&mut database, json!({"leaseKey": {"S": "bare"}}));
    let answer = done(&mut database, Op::UpdateItem, &update("bare", set));
    assert_eq!(answer, json!({"Attributes": {"leaseKey": {"S": "bare"}}}));
}

#[test]
fn updated_attributes_are_the_named_elements_of_a_list() {
    let mut database = database();
    let numbers = |numbers: &[i32]| {
        let numbers: Vec<_> = numbers
            .iter()
            .map(|number| json!({"N": number.to_string()}))
            .collect();
        json!({"L": numbers})
    };
    let whole = json!({"M": {"b": {"S": "dog"}, "c": numbers(&[1, 2, 3, 4])}});
    put(
        &mut database,
        json!({"leaseKey": {"S": "k"}, "a": whole, "d": {"S": "cat"}}),
    );
    let mut updated = |which: &str, expression: &str, values: Value| {
        let mut members = json!({"ReturnValues": which, "UpdateExpression": expression});
        if !values.is_null() {
            members["ExpressionAttributeValues"] = values;
        }
        if expression.contains('#') {
            members["ExpressionAttributeNames"] = json!({"#c": "c"});
        }
        done(&mut database, Op::UpdateItem, &update("k", members))["Attributes"].take()
    };
    let seven = json!({":v": {"N": "7"}});
    assert_eq!(
        updated("UPDATED_OLD", "SET a.#c[1] = :v", seven.clone()),
        json!({"a": {"M": {"c": numbers(&[2])}}})
    );
    assert_eq!(
        updated(
            "UPDATED_NEW",
            "SET a.c[3] = :v, a.b = if_not_exists(a.b, :v), a.c[0] = :v",
            seven.clone()
        ),
        json!({"a": {"M": {"b": {"S": "dog"}, "c": numbers(&[7, 7])}}})
    );
    // An element that was not there is not shown, nor one that lands elsewhere than where it was set.
    assert_eq!(
        updated("UPDATED_OLD", "REMOVE a.c[2], a.c[9]", Value::Null),
        json!({"a": {"M": {"c": numbers(&[3])}}})
    );
    assert_eq!(
        updated("UPDATED_NEW", "SET a.c[100] = :v", seven),
        Value::Null
    );
    assert_eq!(
        updated("UPDATED_NEW", "REMOVE a.c[1]", Value::Null),
        json!({"a": {"M": {"c": numbers(&[7])}}})
    );
}

#[test]
fn not_contains_is_false_of_an_attribute_that_is_not_there() {
    let mut database = database();
    put(
        &mut database,
        json!({"leaseKey": {"S": "with"}, "a": {"S": "hello"}}),
    );
    put(&mut database, json!({"leaseKey": {"S": "without"}}));
    let none = |text: &str| json!({"a": {"ComparisonOperator": "NOT_CONTAINS", "AttributeValueList": [{"S": text}]}});
    // In what is expected of an item that is written.
    let write = |key: &str, text: &str| {
        let item = json!({"leaseKey": {"S": key}, "a": {"S": "hello"}});
        let key = json!({"leaseKey": {"S": key}});
        [
            (
                Op::PutItem,
                json!({"TableName": "leases", "Expected": none(text), "Item": item}),
            ),
            (
                Op::UpdateItem,
                json!({"TableName": "leases", "Expected": none(text), "Key": key}),
            ),
        ]
    };
    for (operation, body) in write("with", "dog") {
        done(&mut database, operation, &body);
    }
    for key in ["without", "absent"] {
        for (operation, body) in write(key, "dog") {
            let text = refused(&mut database, operation, &body);
            assert_eq!(
                text, "The conditional request failed",
                "{operation:?} {key}"
            );
        }
    }
    for (operation, body) in write("with", "ell") {
        refused(&mut database, operation, &body);
    }
    // In filters.
    let scan =
        json!({"TableName": "leases", "ScanFilter": none("dog"), "AttributesToGet": ["leaseKey"]});
    let answer = done(&mut database, Op::Scan, &scan);
    assert_eq!(answer["Items"], json!([{"leaseKey": {"S": "with"}}]));
    assert_eq!(
        (&answer["Count"], &answer["ScannedCount"]),
        (&json!(1), &json!(2))
    );
    let mut either =
        json!({"TableName": "leases", "ScanFilter": none("dog"), "ConditionalOperator": "OR"});
    either["ScanFilter"]["b"] = json!({"ComparisonOperator": "NULL"});
    assert_eq!(done(&mut database, Op::Scan, &either)["Count"], 2);
    for (key, count) in [("with", 1), ("without", 0)] {
        let query = json!({
            "TableName": "leases",
            "KeyConditions": {"leaseKey": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": key}]}},
            "QueryFilter": none("dog"),
        });
        assert_eq!(done(&mut database, Op::Query, &query)["Count"], count);
    }
    // Errors are those of what was asked.
    let mut two = scan.clone();
    two["ScanFilter"]["a"]["AttributeValueList"] = json!([{"S": "a"}, {"S": "b"}]);
    let text = refused(&mut database, Op::Scan, &two);
    assert!(text.contains("NOT_CONTAINS ComparisonOperator"), "{text}");
}

#[test]
fn legacy_key_conditions_go_with_a_filter_expression() {
    let mut database = database();
    put(
        &mut database,
        json!({"leaseKey": {"S": "k"}, "a": {"N": "5"}}),
    );
    let query = |value: &str| {
        json!({
            "TableName": "leases",
            "KeyConditions": {"leaseKey": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "k"}]}},
            "FilterExpression": "#millstream0 > :millstream0",
            "ExpressionAttributeNames": {"#millstream0": "a"},
            "ExpressionAttributeValues": {":millstream0": {"N": value}},
        })
    };
    for (value, count) in [("4", 1), ("5", 0)] {
        let answer = done(&mut database, Op::Query, &query(value));
        assert_eq!(
            (&answer["Count"], &answer["ScannedCount"]),
            (&json!(count), &json!(1))
        );
    }
    let mut broken = query("4");
    broken["KeyConditions"]["leaseKey"]["ComparisonOperator"] = json!("NE");
    let text = refused(&mut database, Op::Query, &broken);
    assert!(!text.contains("KeyConditionExpression"), "{text}");
    let mut mixed = query("4");
    mixed["QueryFilter"] = json!({"a": {"ComparisonOperator": "NULL"}});
    let text = refused(&mut database, Op::Query, &mixed);
    assert!(
        text.starts_with("Can not use both expression and non-expression parameters"),
        "{text}"
    );
}

#[test]
fn functions_take_values_of_the_request() {
    let mut database = database();
    put(
        &mut database,
        json!({"leaseKey": {"S": "k"}, "a": {"N": "5"}}),
    );
    let mut count = |filter: &str, values: Value| {
        let scan = json!({"TableName": "leases", "FilterExpression": filter, "ExpressionAttributeValues": values});
        done(&mut database, Op::Scan, &scan)["Count"].take()
    };
    for (size, value) in [
        (3, json!({"S": "dog"})),
        (2, json!({"B": "AAA="})),
        (2, json!({"NS": ["1", "2"]})),
        (1, json!({"M": {"x": {"L": []}}})),
    ] {
        for (wanted, found) in [(size, 1), (size + 1, 0)] {
            let values = json!({":v": value, ":n": {"N": wanted.to_string()}});
            assert_eq!(count("size( :v )=:n", values), found, "{value}");
        }
    }
    let of_both = json!({":v": {"S": "12345"}, ":t": {"S": "S"}});
    assert_eq!(
        count(
            "size(:v) = a AND NOT attribute_type(:v, :t)",
            of_both.clone()
        ),
        0
    );
    assert_eq!(
        count(
            "size(:v) = a AND attribute_type(:v, :t) AND a <> :v",
            of_both
        ),
        1
    );
    let other = json!({":v": {"N": "0"}, ":t": {"S": "S"}});
    assert_eq!(count("attribute_type(:v, :t)", other), 0);
    let conditional = json!({
        "UpdateExpression": "SET c = :val",
        "ConditionExpression": "attribute_type (:val, :type)",
        "ExpressionAttributeValues": {":val": {"N": "0"}, ":type": {"S": "N"}},
    });
    done(
        &mut database,
        Op::UpdateItem,
        &update("k", conditional.clone()),
    );
    let mut in_transaction = update("k", conditional);
    in_transaction["ExpressionAttributeValues"][":type"] = json!({"S": "NS"});
    let body = json!({"TransactItems": [{"Update": in_transaction}]});
    let text = refused(&mut database, Op::TransactWriteItems, &body);
    assert!(text.contains("[ConditionalCheckFailed]"), "{text}");
    // What is refused stays refused.
    for (filter, values) in [
        ("size(:v) = :n", json!({":v": {"N": "1"}, ":n": {"N": "1"}})),
        ("size(:v) = :n", json!({":v": {"B": "?"}, ":n": {"N": "1"}})),
        (
            "attribute_type(:v, :t)",
            json!({":v": {"N": "x"}, ":t": {"S": "N"}}),
        ),
        (
            "attribute_type(:v, :t)",
            json!({":v": {"N": "1"}, ":t": {"S": "DOG"}}),
        ),
        ("size(:n) = a", json!({":v": {"S": "1"}, ":n": {"S": "1"}})),
    ] {
        let scan = json!({"TableName": "leases", "FilterExpression": filter, "ExpressionAttributeValues": values});
        let (status, answer) = call(&mut database, Op::Scan, &scan);
        assert_eq!(status, 400, "{filter} {answer}");
    }
}

#[test]
fn legacy_key_conditions_go_with_a_projection_expression() {
    let mut database = database();
    put(
        &mut database,
        json!({"leaseKey": {"S": "a"}, "n": {"N": "1"}, "m": {"N": "2"}}),
    );
    let query = json!({
        "TableName": "leases",
        "KeyConditions": {"leaseKey": {"ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}]}},
        "ProjectionExpression": "#n",
        "ExpressionAttributeNames": {"#n": "n"},
    });
    let found = done(&mut database, Op::Query, &query);
    assert_eq!(found["Items"], json!([{"n": {"N": "1"}}]));
}

#[test]
fn tags_have_bounds_from_the_start_and_their_answers_no_body() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let tags = |count: usize| -> Value {
        let tag = |at: usize| json!({"Key": at.to_string(), "Value": "v"});
        (0..count).map(tag).collect()
    };
    let mut table = leases();
    table["Tags"] = tags(51);
    assert!(refused(&mut database, Op::CreateTable, &table).contains("at most 50 tags"));
    table["Tags"] = tags(49);
    done(&mut database, Op::CreateTable, &table);
    let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/leases";
    for (key, value) in [("ok", "#!%%^$$&"), ("->>;-)])", "ok")] {
        let tag = json!({"ResourceArn": arn, "Tags": [{"Key": key, "Value": value}]});
        let text = refused(&mut database, Op::TagResource, &tag);
        assert!(text.contains("characters that are not allowed"), "{text}");
    }
    let tag =
        json!({"ResourceArn": arn, "Tags": [{"Key": "größe", "Value": "a b_c.d:e/f=g+h-i@j"}]});
    let untag = json!({"ResourceArn": arn, "TagKeys": ["größe"]});
    for (operation, body) in [(Op::TagResource, &tag), (Op::UntagResource, &untag)] {
        let body = body.to_string().into();
        let request = crate::request::TableRequest::read(&owner(), operation, &body).unwrap();
        let answer = database.call(request);
        assert_eq!((answer.status, &answer.body[..]), (200, &b""[..]));
    }
}

#[test]
fn an_update_that_makes_no_item_shows_none() {
    let mut database = database();
    let remove = json!({"UpdateExpression": "REMOVE a", "ReturnValues": "ALL_NEW"});
    let answer = done(&mut database, Op::UpdateItem, &update("k", remove));
    assert_eq!(answer, json!({}));
}

#[test]
fn elements_are_deleted_from_a_set_of_their_type_only() {
    let mut database = database();
    put(
        &mut database,
        json!({"leaseKey": {"S": "k"}, "text": {"S": "x"}, "numbers": {"NS": ["1", "2"]}}),
    );
    let delete = |attribute: &str, set: Value| {
        update(
            "k",
            json!({"AttributeUpdates": {attribute: {"Action": "DELETE", "Value": set}}}),
        )
    };
    for (attribute, set) in [
        ("text", json!({"SS": ["x"]})),
        ("numbers", json!({"SS": ["1"]})),
    ] {
        let text = refused(&mut database, Op::UpdateItem, &delete(attribute, set));
        assert_eq!(text, "Type mismatch for attribute to update");
    }
    let nothing = delete("numbers", json!({"NS": []}));
    let text = refused(&mut database, Op::UpdateItem, &nothing);
    assert!(text.contains("may not be empty"), "{text}");
    done(
        &mut database,
        Op::UpdateItem,
        &delete("numbers", json!({"NS": ["1"]})),
    );
    done(
        &mut database,
        Op::UpdateItem,
        &delete("absent", json!({"NS": ["1"]})),
    );
    assert_eq!(item(&mut database, "k")["numbers"], json!({"NS": ["2"]}));
}

#[test]
fn a_sum_with_too_many_digits_is_an_overflow() {
    let mut database = database();
    let sum = json!({
        "UpdateExpression": "SET a = :v - :w",
        "ExpressionAttributeValues": {":v": {"N": "1e50"}, ":w": {"N": "1"}},
    });
    let text = refused(&mut database, Op::UpdateItem, &update("k", sum));
    assert!(text.starts_with("Number overflow."), "{text}");
    assert_eq!(item(&mut database, "k"), Value::Null);
}
