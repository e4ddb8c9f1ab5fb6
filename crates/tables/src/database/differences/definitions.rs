//! Where definitions of tables are other than DynamoDB's.

use serde_json::{Value, json};

use super::super::tests::{call, leases, owner};
use super::{OwnerDatabase, database, done, refused};
use crate::operation::TableOperation as Op;

#[test]
fn a_table_shows_whether_it_is_protected_from_the_start() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let made = done(&mut database, Op::CreateTable, &leases());
    assert_eq!(made["TableDescription"]["DeletionProtectionEnabled"], false);
    let mut protected = leases();
    protected["TableName"] = json!("protected");
    protected["DeletionProtectionEnabled"] = json!(true);
    let made = done(&mut database, Op::CreateTable, &protected);
    assert_eq!(made["TableDescription"]["DeletionProtectionEnabled"], true);
}

#[test]
fn keys_have_names_and_values_of_bounded_length() {
    let mut database = database();
    let table = |name: String| {
        json!({
            "TableName": "other",
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        })
    };
    let text = refused(&mut database, Op::CreateTable, &table("n".repeat(256)));
    assert!(
        text.ends_with(
            "at 'attributeDefinitions.1.member.attributeName' failed to satisfy constraint: Member must have length \
             less than or equal to 255"
        ),
        "{text}"
    );
    done(&mut database, Op::CreateTable, &table("n".repeat(255)));
    let lease =
        |size: usize| json!({"TableName": "leases", "Item": {"leaseKey": {"S": "k".repeat(size)}}});
    done(&mut database, Op::PutItem, &lease(2048));
    let text = refused(&mut database, Op::PutItem, &lease(2049));
    assert!(text.contains("Size of hashkey has exceeded"), "{text}");
}

#[test]
fn a_table_says_what_it_can_do_or_is_refused() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let mut table = leases();
    table["BillingMode"] = Value::Null;
    let text = refused(&mut database, Op::CreateTable, &table);
    assert!(
        text.contains("ReadCapacityUnits and WriteCapacityUnits must both be specified"),
        "{text}"
    );
    table["ProvisionedThroughput"] = json!({"ReadCapacityUnits": 1, "WriteCapacityUnits": 1});
    done(&mut database, Op::CreateTable, &table);
}

#[test]
fn a_table_shows_since_when_it_is_paid_per_request_while_that_is_known() {
    let mut database = database();
    let describe = json!({"TableName": "leases"});
    let summary = |database: &mut OwnerDatabase| {
        let table = done(database, Op::DescribeTable, &describe)["Table"].take();
        let at = table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"].clone();
        (at, table["CreationDateTime"].clone())
    };
    let (since, made) = summary(&mut database);
    assert!(since.is_number() && since == made, "{since} {made}");
    let set = json!({
        "TableName": "leases",
        "BillingMode": "PROVISIONED",
        "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
    });
    done(&mut database, Op::UpdateTable, &set);
    assert_eq!(summary(&mut database).0, Value::Null);
    let back = json!({"TableName": "leases", "BillingMode": "PAY_PER_REQUEST"});
    done(&mut database, Op::UpdateTable, &back);
    assert_eq!(summary(&mut database).0, Value::Null);
    let tags = json!({"ResourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/leases"});
    let listed = done(&mut database, Op::ListTagsOfResource, &tags);
    assert_eq!(listed["Tags"], json!([]));
}

#[test]
fn keys_of_indexes_have_names_of_bounded_length() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let name = "n".repeat(256);
    let index = |key: &[(&str, &str)]| {
        let schema = key
            .iter()
            .map(|(name, kind)| json!({"AttributeName": name, "KeyType": kind}));
        let schema: Vec<Value> = schema.collect();
        json!([{"IndexName": "i", "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}])
    };
    for (list, key, at) in [
        ("GlobalSecondaryIndexes", vec![(&*name, "HASH")], 1),
        (
            "LocalSecondaryIndexes",
            vec![("leaseKey", "HASH"), (&*name, "RANGE")],
            2,
        ),
    ] {
        let mut table = leases();
        table[list] = index(&key);
        let text = refused(&mut database, Op::CreateTable, &table);
        let list = [&list[..1].to_ascii_lowercase(), &list[1..]].concat();
        let path = format!("at '{list}.1.member.keySchema.{at}.member.attributeName' failed");
        assert!(
            text.contains(&path) && text.ends_with("equal to 255"),
            "{text}"
        );
    }
    done(&mut database, Op::CreateTable, &leases());
    let create = index(&[(&name, "HASH")])[0].take();
    let add = json!({"TableName": "leases", "GlobalSecondaryIndexUpdates": [{"Create": create}]});
    let text = refused(&mut database, Op::UpdateTable, &add);
    let path = "at 'globalSecondaryIndexUpdates.1.member.create.keySchema.1.member.attributeName'";
    assert!(text.contains(path), "{text}");
}

#[test]
fn an_attribute_is_defined_once() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let mut table = leases();
    let definitions = table["AttributeDefinitions"].as_array_mut().unwrap();
    definitions.push(json!({"AttributeName": "leaseKey", "AttributeType": "N"}));
    let text = refused(&mut database, Op::CreateTable, &table);
    assert!(
        text.contains("Duplicate AttributeName") && text.ends_with("leaseKey"),
        "{text}"
    );
}

#[test]
fn a_table_that_is_deleted_shows_no_schema_any_more() {
    let mut database = database();
    let deleted = done(
        &mut database,
        Op::DeleteTable,
        &json!({"TableName": "leases"}),
    );
    let table = &deleted["TableDescription"];
    for member in ["KeySchema", "AttributeDefinitions", "CreationDateTime"] {
        assert_eq!(table[member], Value::Null, "{table}");
    }
    assert_eq!(table["TableStatus"], "DELETING");
    assert_eq!(
        table["TableArn"],
        "arn:aws:dynamodb:eu-west-1:123456789012:table/leases"
    );
    let since = &table["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"];
    assert!(since.is_number(), "{table}");
}

#[test]
fn a_time_to_live_is_set_once_and_ended_by_its_name() {
    let mut database = database();
    let set = |attribute: &str, is_enabled: bool| {
        let wanted = json!({"AttributeName": attribute, "Enabled": is_enabled});
        json!({"TableName": "leases", "TimeToLiveSpecification": wanted})
    };
    let is_other = "TimeToLive is active on a different AttributeName: current AttributeName is at";
    let refused = |database: &mut OwnerDatabase, attribute: &str, is_enabled, text: &str| {
        let found = refused(database, Op::UpdateTimeToLive, &set(attribute, is_enabled));
        assert!(found.ends_with(text), "{found}");
    };
    let off = "TimeToLive is already disabled";
    refused(&mut database, "at", false, off);
    refused(&mut database, &"n".repeat(256), true, "equal to 255");
    refused(&mut database, "", true, "greater than or equal to 1");
    done(&mut database, Op::UpdateTimeToLive, &set("at", true));
    refused(&mut database, "at", true, "TimeToLive is already enabled");
    refused(&mut database, "other", true, is_other);
    refused(&mut database, "other", false, is_other);
    done(&mut database, Op::UpdateTimeToLive, &set("at", false));
    refused(&mut database, "at", false, off);
    done(&mut database, Op::UpdateTimeToLive, &set("other", true));
}

#[test]
fn backups_of_no_table_are_an_error_of_their_own() {
    let mut database = database();
    let absent = json!({"TableName": "absent"});
    let mut update = absent.clone();
    update["PointInTimeRecoverySpecification"] = json!({"PointInTimeRecoveryEnabled": true});
    for (operation, body) in [
        (Op::DescribeContinuousBackups, absent),
        (Op::UpdateContinuousBackups, update),
    ] {
        let (status, answer) = call(&mut database, operation, &body);
        assert_eq!(status, 400);
        assert_eq!(
            answer["__type"],
            "com.amazonaws.dynamodb.v20120810#TableNotFoundException"
        );
        assert_eq!(answer["message"], "Table not found: absent");
    }
}
