//! What is asked about is what is done and what is told, whatever else a request says.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dynoxide::actions;
use futures::FutureExt;
use futures::future::BoxFuture;
use millstream_policy::{Kind, Permissions, Policy};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::caller::TableUser;
use crate::owner::TableOwner;

/// Keeps nothing, and remembers what reached it.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<TableRequest>>);

impl Tables for Recorder {
    fn call(&self, _: TableOwner, request: TableRequest) -> BoxFuture<'static, TableAnswer> {
        self.0.lock().push(request);
        let done = TableAnswer {
            status: 200,
            body: Bytes::from_static(b"{}"),
        };
        std::future::ready(done).boxed()
    }

    fn stop(&self, _: Duration) -> BoxFuture<'static, bool> {
        std::future::ready(true).boxed()
    }
}

/// May do everything to the table `open`, and is denied everything about `secret`.
fn permissions() -> Permissions {
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "arn:aws:dynamodb:eu-west-1:111111111111:table/open"},
        {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "dynamodb:*", "Resource": [
            "arn:aws:dynamodb:eu-west-1:111111111111:table/secret",
            "arn:aws:dynamodb:eu-west-1:111111111111:table/secret/index/*",
        ]},
    ]});
    let policy = Policy::parse(Kind::Identity, &policy.to_string()).unwrap();
    Permissions::new(vec![policy])
}

/// A request of each operation that is about the table `open`.
fn requests() -> Vec<(TableOperation, Value)> {
    use TableOperation as Op;
    let key = json!({"k": {"S": "a"}});
    let table = json!({"TableName": "open"});
    let of_item = json!({"TableName": "open", "Key": key});
    let arn = "arn:aws:dynamodb:eu-west-1:111111111111:table/open";
    vec![
        (
            Op::BatchGetItem,
            json!({"RequestItems": {"open": {"Keys": [key]}}}),
        ),
        (
            Op::BatchWriteItem,
            json!({"RequestItems": {"open": [{"PutRequest": {"Item": key}}]}}),
        ),
        (
            Op::CreateTable,
            json!({
                "TableName": "open",
                "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            }),
        ),
        (Op::DeleteItem, of_item.clone()),
        (Op::DeleteTable, table.clone()),
        (Op::DescribeContinuousBackups, table.clone()),
        (Op::DescribeTable, table.clone()),
        (Op::DescribeTimeToLive, table.clone()),
        (Op::GetItem, of_item.clone()),
        (Op::ListTagsOfResource, json!({"ResourceArn": arn})),
        (Op::PutItem, json!({"TableName": "open", "Item": key})),
        (
            Op::Query,
            json!({"TableName": "open", "IndexName": "i", "KeyConditions": {}}),
        ),
        (Op::Scan, table.clone()),
        (
            Op::TagResource,
            json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]}),
        ),
        (
            Op::TransactGetItems,
            json!({"TransactItems": [{"Get": of_item}]}),
        ),
        (
            Op::TransactWriteItems,
            json!({"TransactItems": [
                {"Put": {"TableName": "open", "Item": key}},
                {"Update": {"TableName": arn, "Key": key, "UpdateExpression": "SET a = b"}},
                {"Delete": of_item},
                {"ConditionCheck": {"TableName": "open", "Key": key, "ConditionExpression": "a = b"}},
            ]}),
        ),
        (
            Op::UntagResource,
            json!({"ResourceArn": arn, "TagKeys": ["a"]}),
        ),
        (
            Op::UpdateContinuousBackups,
            json!({
                "TableName": "open",
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
            }),
        ),
        (Op::UpdateItem, of_item),
        (
            Op::UpdateTable,
            json!({"TableName": "open", "BillingMode": "PAY_PER_REQUEST"}),
        ),
        (
            Op::UpdateTimeToLive,
            json!({
                "TableName": "open",
                "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": true},
            }),
        ),
    ]
}

/// The resources that the embedded database takes from a request, as its own types read it; nothing if they refuse it.
fn reached(request: &TableRequest) -> BTreeSet<String> {
    use TableOperation as Op;
    fn read<T: DeserializeOwned>(
        members: &Value,
        tables: impl Fn(T) -> Vec<String>,
    ) -> Vec<String> {
        serde_json::from_value(members.clone())
            .map(tables)
            .unwrap_or_default()
    }
    let members = Value::Object(request.clone().into_members());
    let of_arn = |arn: Option<String>| {
        let arn = arn.unwrap_or_default();
        let name = arn.split_once("table/").map(|(_, name)| name.to_owned());
        name.into_iter().collect::<Vec<_>>()
    };
    let of_index = |table: String, index: Option<String>| match index {
        Some(index) => vec![format!("{table}/index/{index}")],
        None => vec![table],
    };
    let members = &members;
    let tables = match request.operation() {
        Op::BatchGetItem => read(
            members,
            |it: actions::batch_get_item::BatchGetItemRequest| {
                it.request_items.into_keys().collect()
            },
        ),
        Op::BatchWriteItem => read(
            members,
            |it: actions::batch_write_item::BatchWriteItemRequest| {
                it.request_items.into_keys().collect()
            },
        ),
        Op::CreateTable => read(members, |it: actions::create_table::CreateTableRequest| {
            vec![it.table_name]
        }),
        Op::DeleteItem => read(members, |it: actions::delete_item::DeleteItemRequest| {
            vec![it.table_name]
        }),
        Op::DeleteTable => read(members, |it: actions::delete_table::DeleteTableRequest| {
            vec![it.table_name]
        }),
        Op::DescribeTable | Op::DescribeContinuousBackups | Op::UpdateContinuousBackups => read(
            members,
            |it: actions::describe_table::DescribeTableRequest| vec![it.table_name],
        ),
        Op::DescribeTimeToLive => read(
            members,
            |it: actions::describe_time_to_live::DescribeTimeToLiveRequest| vec![it.table_name],
        ),
        Op::GetItem => read(members, |it: actions::get_item::GetItemRequest| {
            vec![it.table_name]
        }),
        Op::ListTagsOfResource => read(
            members,
            |it: actions::list_tags_of_resource::ListTagsOfResourceRequest| of_arn(it.resource_arn),
        ),
        Op::PutItem => read(members, |it: actions::put_item::PutItemRequest| {
            vec![it.table_name]
        }),
        Op::Query => read(members, |it: actions::query::QueryRequest| {
            of_index(it.table_name, it.index_name)
        }),
        Op::Scan => read(members, |it: actions::scan::ScanRequest| {
            of_index(it.table_name, it.index_name)
        }),
        Op::TagResource => read(members, |it: actions::tag_resource::TagResourceRequest| {
            of_arn(it.resource_arn)
        }),
        Op::TransactGetItems => read(
            members,
            |it: actions::transact_get_items::TransactGetItemsRequest| {
                it.transact_items
                    .into_iter()
                    .map(|item| item.get.table_name)
                    .collect()
            },
        ),
        Op::TransactWriteItems => read(
            members,
            |it: actions::transact_write_items::TransactWriteItemsRequest| {
                let of_item = |item: actions::transact_write_items::TransactWriteItem| {
                    let tables = [
                        item.put.map(|it| it.table_name),
                        item.update.map(|it| it.table_name),
                        item.delete.map(|it| it.table_name),
                        item.condition_check.map(|it| it.table_name),
                    ];
                    tables.into_iter().flatten()
                };
                it.transact_items.into_iter().flat_map(of_item).collect()
            },
        ),
        Op::UntagResource => read(
            members,
            |it: actions::untag_resource::UntagResourceRequest| of_arn(it.resource_arn),
        ),
        Op::UpdateItem => read(members, |it: actions::update_item::UpdateItemRequest| {
            vec![it.table_name]
        }),
        Op::UpdateTable => read(members, |it: actions::update_table::UpdateTableRequest| {
            vec![it.table_name]
        }),
        Op::UpdateTimeToLive => read(
            members,
            |it: actions::update_time_to_live::UpdateTimeToLiveRequest| vec![it.table_name],
        ),
        Op::BatchExecuteStatement
        | Op::DescribeEndpoints
        | Op::ExecuteStatement
        | Op::ExecuteTransaction
        | Op::ListTables => Vec::new(),
    };
    tables.into_iter().collect()
}

/// Calls, and checks that what was reached is what was asked about and told.
fn check(operation: TableOperation, body: &str) -> Result<Called, TestCaseError> {
    let tables = Arc::new(Recorder::default());
    let service = TableService {
        tables: Arc::clone(&tables) as Arc<dyn Tables>,
        files: None,
    };
    let permissions = permissions();
    let (account, region) = ("111111111111".parse(), "eu-west-1".parse());
    let caller = TableCaller {
        account: &account.unwrap(),
        region: &region.unwrap(),
        address: "localhost:4566",
        user: Some(TableUser {
            arn: "arn:aws:iam::111111111111:user/ann",
            permissions: &permissions,
        }),
    };
    let body = Bytes::from(body.to_owned());
    let called = service
        .call(caller, operation, &body)
        .now_or_never()
        .expect("nothing waits");
    for request in tables.0.lock().iter() {
        let told: BTreeSet<_> = called.touched.iter().map(Touched::resource).collect();
        let reached = reached(request);
        prop_assert!(
            reached.is_empty() || reached == told,
            "{reached:?} {told:?}"
        );
        let is_secret = |resource: &String| resource.starts_with("secret");
        prop_assert!(!reached.iter().any(is_secret), "{reached:?}");
        prop_assert!(!told.iter().any(is_secret), "{told:?}");
    }
    Ok(called)
}

#[test]
fn each_operation_reaches_what_it_names() {
    for (operation, request) in requests() {
        let called = check(operation, &request.to_string()).unwrap();
        assert_eq!(
            called.answer.status, 200,
            "{operation:?} {:?}",
            called.answer
        );
        let told: BTreeSet<_> = called.touched.iter().map(Touched::resource).collect();
        let expected = if operation == TableOperation::Query {
            "open/index/i"
        } else {
            "open"
        };
        assert_eq!(told, BTreeSet::from([expected.to_owned()]), "{operation:?}");
        let denied = request.to_string().replace("open", "secret");
        let denied = check(operation, &denied).unwrap();
        assert_eq!(
            denied.answer.error_name(),
            "AccessDeniedException",
            "{operation:?}"
        );
    }
}

#[test]
fn ways_around_a_policy_end_before_the_tables() {
    let arn = |partition: &str, name: &str| {
        format!("arn:{partition}:dynamodb:eu-west-1:111111111111:table/{name}")
    };
    use TableOperation as Op;
    for (operation, body, error) in [
        (
            Op::GetItem,
            json!({"TableName": "secret", "IndexName": "i", "Key": {}}),
            "AccessDeniedException",
        ),
        (
            Op::DeleteTable,
            json!({"TableName": "secret", "IndexName": "i"}),
            "AccessDeniedException",
        ),
        (
            Op::DeleteTable,
            json!({"TableName": "open", "IndexName": "i"}),
            "ValidationException",
        ),
        (
            Op::DeleteTable,
            json!({"TableName": arn("aws-x", "secret")}),
            "ResourceNotFoundException",
        ),
        (
            Op::TagResource,
            json!({"TableName": "open", "ResourceArn": arn("aws", "secret"), "Tags": []}),
            "AccessDeniedException",
        ),
        (
            Op::TagResource,
            json!({"ResourceArn": arn("aws", "secret/x"), "Tags": []}),
            "ValidationException",
        ),
        (
            Op::TagResource,
            json!({"ResourceArn": arn("aws-x", "secret"), "Tags": []}),
            "ResourceNotFoundException",
        ),
        (
            Op::TransactWriteItems,
            json!({"TransactItems": [{"Delete": ["secret", {}]}]}),
            "SerializationException",
        ),
        (
            Op::TransactWriteItems,
            json!({"TransactItems": [[{"TableName": "secret"}]]}),
            "SerializationException",
        ),
        (
            Op::BatchGetItem,
            json!({"RequestItems": {"open": {"Keys": []}, arn("aws", "open"): {"Keys": []}}}),
            "ValidationException",
        ),
    ] {
        let called = check(operation, &body.to_string()).unwrap();
        assert_eq!(called.answer.error_name(), error, "{operation:?} {body}");
    }
    let twice = r#"{"TableName":"secret","TableName":"open"}"#;
    let called = check(Op::DescribeTable, twice).unwrap();
    assert_eq!(called.answer.error_name(), "SerializationException");
}

/// What is put into a request.
#[derive(Debug, Clone)]
enum Extra {
    /// A member at the beginning of one of its objects, which may have it already.
    Member(Index, &'static str, usize),
    /// Another value in place of one of its texts.
    Text(Index, usize),
}

/// Texts of JSON that name the other table, or try to.
const VALUES: &[&str] = &[
    r#""secret""#,
    r#""open""#,
    r#""i""#,
    r#""arn:aws:dynamodb:eu-west-1:111111111111:table/secret""#,
    r#""arn:aws-x:dynamodb:eu-west-1:111111111111:table/secret""#,
    r#""arn:aws:dynamodb:eu-west-1:111111111111:table/secret/index/i""#,
    r#""arn:aws:dynamodb:eu-west-1:111111111111:table/open/../secret""#,
    r#""arn:aws:dynamodb::111111111111:table/secret""#,
    r#""secret/index/open""#,
    r#""open/index/../../secret""#,
    "null",
    "7",
    r#"{"secret":{"Keys":[{"k":{"S":"a"}}]}}"#,
    r#"{"secret":[{"DeleteRequest":{"Key":{"k":{"S":"a"}}}}]}"#,
    r#"[{"Get":{"TableName":"secret","Key":{"k":{"S":"a"}}}}]"#,
    r#"[{"Put":{"TableName":"secret","Item":{"k":{"S":"a"}}}}]"#,
    r#"[{"Delete":["secret",{"k":{"S":"a"}}]}]"#,
    r#"["secret",{"k":{"S":"a"}}]"#,
];

fn extra() -> impl Strategy<Value = Extra> {
    let names = select(vec![
        "TableName",
        "ResourceArn",
        "IndexName",
        "RequestItems",
        "TransactItems",
        "Get",
        "Put",
        "Delete",
        "Update",
        "ConditionCheck",
        "Key",
        "Keys",
        "secret",
        "tableName",
        "table_name",
        "Table\\u004eame",
        "TargetTableName",
    ]);
    prop_oneof![
        (any::<Index>(), names, 0..VALUES.len())
            .prop_map(|(at, name, value)| Extra::Member(at, name, value)),
        (any::<Index>(), 0..VALUES.len()).prop_map(|(at, value)| Extra::Text(at, value)),
    ]
}

fn put(extra: &Extra, body: &str) -> String {
    match extra {
        Extra::Member(at, name, value) => {
            let objects: Vec<_> = body.match_indices('{').map(|(at, _)| at + 1).collect();
            let at = objects[at.index(objects.len())];
            let comma = if body[at..].starts_with('}') { "" } else { "," };
            format!(
                r#"{}"{name}":{}{comma}{}"#,
                &body[..at],
                VALUES[*value],
                &body[at..]
            )
        }
        Extra::Text(at, value) => {
            let texts: Vec<_> = body.match_indices(":\"").map(|(at, _)| at + 1).collect();
            if texts.is_empty() {
                return body.to_owned();
            }
            let start = texts[at.index(texts.len())];
            let end = body[start + 1..].find('"').expect("texts end") + start + 2;
            format!("{}{}{}", &body[..start], VALUES[*value], &body[end..])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_is_touched_is_what_was_asked_about_whatever_else_is_said(
        request in select(requests()),
        extras in proptest::collection::vec(extra(), 1..4),
    ) {
        let (operation, body) = request;
        let body = extras.iter().fold(body.to_string(), |body, extra| put(extra, &body));
        check(operation, &body)?;
    }
}

#[test]
fn the_endpoint_is_where_the_caller_is_and_policies_are_asked() {
    let called = check(TableOperation::DescribeEndpoints, "{}").unwrap();
    let answer: Value = serde_json::from_slice(&called.answer.body).unwrap();
    let endpoint = json!({"Address": "localhost:4566", "CachePeriodInMinutes": 1440});
    assert_eq!(
        (called.answer.status, answer),
        (200, json!({"Endpoints": [endpoint]}))
    );
    let service = TableService {
        tables: Arc::<Recorder>::default(),
        files: None,
    };
    let (account, region) = ("111111111111".parse(), "eu-west-1".parse());
    let caller = TableCaller {
        account: &account.unwrap(),
        region: &region.unwrap(),
        address: "localhost:4566",
        user: Some(TableUser {
            arn: "arn:aws:iam::111111111111:user/ann",
            permissions: &Permissions::default(),
        }),
    };
    let body = Bytes::from_static(b"{}");
    let denied = service
        .call(caller, TableOperation::DescribeEndpoints, &body)
        .now_or_never()
        .expect("nothing waits");
    assert_eq!(denied.answer.error_name(), "AccessDeniedException");
}
