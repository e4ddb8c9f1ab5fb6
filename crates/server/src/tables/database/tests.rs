use serde_json::{Value, json};

use super::*;

fn owner() -> TableOwner {
    TableOwner {
        account: "123456789012".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn call(database: &mut OwnerDatabase, operation: TableOperation, body: &Value) -> (u16, Value) {
    let answer = database.call(operation, &Bytes::from(body.to_string()));
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

fn leases() -> Value {
    json!({
        "TableName": "leases",
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    })
}

#[test]
fn only_a_table_makes_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables/123456789012/eu-west-1.sqlite");
    let mut database = OwnerDatabase::open(owner(), Some(path.clone())).unwrap();
    let (status, answer) = call(&mut database, TableOperation::ListTables, &json!({}));
    assert_eq!((status, answer), (200, json!({"TableNames": []})));
    let missing = json!({"TableName": "leases"});
    let (status, answer) = call(&mut database, TableOperation::DescribeTable, &missing);
    assert_eq!(status, 400);
    assert_eq!(
        answer["__type"],
        "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"
    );
    let mut bad = leases();
    bad["KeySchema"] = json!([]);
    assert_eq!(
        call(&mut database, TableOperation::CreateTable, &bad).0,
        400
    );
    assert!(!path.exists() && !path.parent().unwrap().exists());

    let (status, answer) = call(&mut database, TableOperation::CreateTable, &leases());
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["TableDescription"]["TableArn"],
        "arn:aws:dynamodb:eu-west-1:123456789012:table/leases"
    );
    assert!(path.exists());
    drop(database);
    let mut again = OwnerDatabase::open(owner(), Some(path)).unwrap();
    let (_, answer) = call(&mut again, TableOperation::ListTables, &json!({}));
    assert_eq!(answer, json!({"TableNames": ["leases"]}));
    let (status, answer) = call(&mut again, TableOperation::CreateTable, &leases());
    assert_eq!(status, 400);
    assert_eq!(
        answer["__type"],
        "com.amazonaws.dynamodb.v20120810#ResourceInUseException"
    );
}

#[test]
fn the_journal_is_synced_before_each_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases.sqlite");
    let mut database = OwnerDatabase::open(owner(), Some(path.clone())).unwrap();
    assert_eq!(
        call(&mut database, TableOperation::CreateTable, &leases()).0,
        200
    );
    // A second connection has the library's own default level; the journal's kind is in the file.
    let connection = rusqlite::Connection::open(&path).unwrap();
    let pragma = |name: &str| {
        connection
            .query_row(&format!("PRAGMA {name}"), [], |row| {
                row.get::<_, rusqlite::types::Value>(0)
            })
            .unwrap()
    };
    assert_eq!(pragma("journal_mode"), "wal".to_owned().into());
    assert_eq!(pragma("synchronous"), 2_i64.into(), "2 is FULL");
}

#[test]
fn bodies_that_do_not_fit_are_refused_in_the_table_services_words() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    assert_eq!(
        call(&mut database, TableOperation::CreateTable, &leases()).0,
        200
    );
    let text = |answer: &TableAnswer| String::from_utf8(answer.body.to_vec()).unwrap();
    let broken = database.call(
        TableOperation::PutItem,
        &Bytes::from_static(b"{\"TableName\": "),
    );
    assert_eq!(broken.status, 400);
    assert_eq!(
        text(&broken),
        r#"{"__type":"com.amazon.coral.service#SerializationException"}"#
    );
    let (status, answer) = call(
        &mut database,
        TableOperation::GetItem,
        &json!({"TableName": 5, "Key": {"leaseKey": {"S": "a"}}}),
    );
    assert_eq!(status, 400);
    assert_eq!(
        answer["__type"],
        "com.amazon.coral.service#SerializationException"
    );
    assert_eq!(
        answer["Message"],
        "NUMBER_VALUE cannot be converted to String"
    );
    let (status, answer) = call(
        &mut database,
        TableOperation::PutItem,
        &json!({"TableName": "leases", "Item": {"leaseKey": {"S": ""}}}),
    );
    assert_eq!(status, 400);
    assert_eq!(
        answer["__type"],
        "com.amazon.coral.validate#ValidationException"
    );
}

#[test]
fn backups_are_answered_and_never_promised() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let request = json!({
        "TableName": "leases",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
    });
    let (status, answer) = call(
        &mut database,
        TableOperation::UpdateContinuousBackups,
        &request,
    );
    assert_eq!(status, 400, "{answer}");
    assert_eq!(
        call(&mut database, TableOperation::CreateTable, &leases()).0,
        200
    );
    for operation in [
        TableOperation::UpdateContinuousBackups,
        TableOperation::DescribeContinuousBackups,
    ] {
        let (status, answer) = call(&mut database, operation, &request);
        assert_eq!(status, 200);
        let description = &answer["ContinuousBackupsDescription"];
        assert_eq!(
            description["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
            "DISABLED"
        );
    }
}

#[test]
fn texts_of_errors_are_cut_and_items_are_not() {
    let long = "a".repeat(100_000);
    let error = serde_json::json!({
        "__type": "t",
        "message": long,
        "Item": { "k": { "S": long } },
        "CancellationReasons": [{ "Code": "c", "Message": long, "Item": { "k": { "S": long } } }],
    });
    let cut: serde_json::Value =
        serde_json::from_str(&super::with_cut_texts(error.to_string())).unwrap();
    for text in [&cut["message"], &cut["CancellationReasons"][0]["Message"]] {
        assert!(text.as_str().unwrap().len() <= millstream_wire::MESSAGE_BYTES_MAX);
    }
    assert_eq!(cut["Item"], error["Item"]);
    assert_eq!(cut["CancellationReasons"][0]["Item"], error["Item"]);
    let short = r#"{"message":"m", "__type":"t"}"#;
    assert_eq!(super::with_cut_texts(short.into()), short);
}
