//! Where definitions of tables are other than DynamoDB's.

use serde_json::{Value, json};

use super::super::tests::{leases, owner};
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
