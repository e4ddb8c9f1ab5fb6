use std::time::Duration;

use serde_json::{Value, json};

use super::*;

pub(super) fn owner() -> TableOwner {
    TableOwner {
        account: "123456789012".parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn files(data_dir: &Path) -> Option<Arc<TableFiles>> {
    let files = TableFiles::open(data_dir.into(), Duration::ZERO, false);
    Some(Arc::new(files.unwrap()))
}

pub(super) fn call(
    database: &mut OwnerDatabase,
    operation: TableOperation,
    body: &Value,
) -> (u16, Value) {
    let read = TableRequest::read(&owner(), operation, &body.to_string().into());
    let answer = match read {
        Ok(request) => match request.refusal() {
            Some(refusal) => refusal.clone(),
            None => database.call(request),
        },
        Err(refusal) => refusal,
    };
    let body = match &answer.body[..] {
        b"" => Value::Null,
        body => serde_json::from_slice(body).unwrap(),
    };
    (answer.status, body)
}

pub(super) fn leases() -> Value {
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
    let files = files(folder.path());
    let mut database = OwnerDatabase::open(owner(), files.clone()).unwrap();
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
    let mut again = OwnerDatabase::open(owner(), files).unwrap();
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
fn what_was_written_is_durable_once_it_is_kept_and_reads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = OwnerDatabase::open(owner(), files(folder.path())).unwrap();
    let put = json!({"TableName": "leases", "Item": {"leaseKey": {"S": "a"}}});
    let get = json!({"TableName": "leases", "Key": {"leaseKey": {"S": "a"}}});
    for (operation, body) in [
        (TableOperation::CreateTable, &leases()),
        (TableOperation::PutItem, &put),
    ] {
        assert!(database.is_durable());
        assert_eq!(call(&mut database, operation, body).0, 200);
        assert!(!database.is_durable());
        assert_eq!(call(&mut database, TableOperation::GetItem, &get).0, 200);
        assert!(!database.is_durable());
        database.keep().unwrap();
    }
    assert_eq!(call(&mut database, TableOperation::GetItem, &get).0, 200);
    assert!(database.is_durable());
}

#[test]
fn a_sync_that_failed_is_not_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let mut database = OwnerDatabase::open(owner(), files.clone()).unwrap();
    let created = call(&mut database, TableOperation::CreateTable, &leases());
    assert_eq!(created.0, 200);
    database.keep().unwrap();
    database.in_place.as_mut().unwrap().1 = Journal::that_fails();
    let put = json!({"TableName": "leases", "Item": {"leaseKey": {"S": "a"}}});
    assert_eq!(call(&mut database, TableOperation::PutItem, &put).0, 200);
    assert!(matches!(
        database.keep(),
        Err(NotKept::Damaged(Damage::Unsynced(_)))
    ));
    drop(database);
    let again = OwnerDatabase::open(owner(), files).map(|_| ());
    assert!(
        matches!(again, Err(OpenError::Damaged(Damage::Unsynced(_)))),
        "{again:?}"
    );
}

#[test]
fn a_group_that_is_lost_is_not_kept_and_the_next_one_is() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let mut database = OwnerDatabase::open(owner(), files).unwrap();
    let create = call(&mut database, TableOperation::CreateTable, &leases());
    assert_eq!(create.0, 200);
    database.keep().unwrap();
    let put = |database: &mut OwnerDatabase, key: &str| {
        let put = json!({"TableName": "leases", "Item": {"leaseKey": {"S": key}}});
        call(database, TableOperation::PutItem, &put).0
    };
    assert_eq!(put(&mut database, "lost"), 200);
    database.database.tear();
    assert_eq!(put(&mut database, "refused"), 500);
    assert!(matches!(database.keep(), Err(NotKept::Lost)));
    assert_eq!(put(&mut database, "kept"), 200);
    database.keep().unwrap();
    let scan = json!({"TableName": "leases"});
    let (_, found) = call(&mut database, TableOperation::Scan, &scan);
    assert_eq!(found["Items"], json!([{"leaseKey": {"S": "kept"}}]));
}

/// What `Database` gives no other way to: the level at which SQLite syncs what keeps the file whole, and leaves the last
/// commits to us.
#[test]
fn the_library_still_means_the_same_by_its_level() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("leases.sqlite");
    let storage = dynoxide::storage::Storage::new(path.to_str().unwrap()).unwrap();
    let pragmas = || {
        [
            "journal_mode",
            "synchronous",
            "cache_size",
            "temp_store",
            "mmap_size",
        ]
        .map(|name| {
            let value = storage
                .conn()
                .query_row(&format!("PRAGMA {name}"), [], |row| {
                    row.get::<_, rusqlite::types::Value>(0)
                });
            format!("{:?}", value.unwrap())
        })
    };
    let before = pragmas();
    storage.disable_bulk_loading().unwrap();
    let mut normal = before.clone();
    assert_eq!(normal[0], r#"Text("wal")"#);
    assert_eq!(normal[1], "Integer(2)", "2 is FULL");
    normal[1] = "Integer(1)".to_owned();
    assert_eq!(pragmas(), normal, "1 is NORMAL, and nothing else changes");
}

#[test]
fn bodies_that_do_not_fit_are_refused_in_the_table_services_words() {
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    assert_eq!(
        call(&mut database, TableOperation::CreateTable, &leases()).0,
        200
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
fn point_in_time_recovery_is_kept_with_the_table_and_shown() {
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let open = || OwnerDatabase::open(owner(), files.clone()).unwrap();
    let mut database = open();
    let describe = json!({"TableName": "leases"});
    let update = |specification: Value| json!({"TableName": "leases", "PointInTimeRecoverySpecification": specification});
    let enable = update(json!({"PointInTimeRecoveryEnabled": true}));
    let recovery = |(status, answer): (u16, Value)| {
        assert_eq!(status, 200, "{answer}");
        let description = &answer["ContinuousBackupsDescription"];
        assert_eq!(description["ContinuousBackupsStatus"], "ENABLED");
        description["PointInTimeRecoveryDescription"].clone()
    };
    use TableOperation as Op;
    let (status, answer) = call(&mut database, Op::UpdateContinuousBackups, &enable);
    assert_eq!(status, 400, "{answer}");
    assert_eq!(call(&mut database, Op::CreateTable, &leases()).0, 200);
    let off = json!({"PointInTimeRecoveryStatus": "DISABLED"});
    let shown = call(&mut database, Op::DescribeContinuousBackups, &describe);
    assert_eq!(recovery(shown), off);
    for bad in [
        json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 36}),
        json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 0}),
        json!({}),
    ] {
        let (status, answer) = call(&mut database, Op::UpdateContinuousBackups, &update(bad));
        assert_eq!(status, 400, "{answer}");
    }

    let on = json!({"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35});
    let changed = call(&mut database, Op::UpdateContinuousBackups, &enable);
    assert_eq!(recovery(changed), on);
    drop(database);
    let mut database = open();
    let shown = call(&mut database, Op::DescribeContinuousBackups, &describe);
    assert_eq!(recovery(shown), on, "after the file was opened again");
    let arn = json!({"ResourceArn": "arn:aws:dynamodb:eu-west-1:123456789012:table/leases"});
    let (_, tags) = call(&mut database, Op::ListTagsOfResource, &arn);
    assert_eq!(tags, json!({"Tags": []}));

    let fewer = update(json!({"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 7}));
    let changed = recovery(call(&mut database, Op::UpdateContinuousBackups, &fewer));
    assert_eq!(changed["RecoveryPeriodInDays"], 7);
    let disable = update(json!({"PointInTimeRecoveryEnabled": false}));
    assert_eq!(
        recovery(call(&mut database, Op::UpdateContinuousBackups, &disable)),
        off
    );

    call(&mut database, Op::UpdateContinuousBackups, &enable);
    assert_eq!(call(&mut database, Op::DeleteTable, &describe).0, 200);
    assert_eq!(call(&mut database, Op::CreateTable, &leases()).0, 200);
    let shown = call(&mut database, Op::DescribeContinuousBackups, &describe);
    assert_eq!(recovery(shown), off, "a table made anew");
}

/// The kind: a name of ours that a client can use too. The setting above is kept under such a key.
#[test]
fn keys_that_are_reserved_for_aws_are_refused_wherever_tags_are_given_or_taken() {
    use TableOperation as Op;
    let mut database = OwnerDatabase::open(owner(), None).unwrap();
    let key = "aws:millstream:point-in-time-recovery";
    let mut create = leases();
    create["Tags"] = json!([{"Key": "AWS:x", "Value": "y"}]);
    assert_eq!(call(&mut database, Op::CreateTable, &create).0, 400);
    assert_eq!(call(&mut database, Op::CreateTable, &leases()).0, 200);
    let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/leases";
    let tag = json!({"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}, {"Key": key, "Value": "35"}]});
    let (status, answer) = call(&mut database, Op::TagResource, &tag);
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer.to_string().contains("reserved for AWS use"),
        "{answer}"
    );
    let untag = json!({"ResourceArn": arn, "TagKeys": [key]});
    assert_eq!(call(&mut database, Op::UntagResource, &untag).0, 400);
    let (_, tags) = call(
        &mut database,
        Op::ListTagsOfResource,
        &json!({"ResourceArn": arn}),
    );
    assert_eq!(tags, json!({"Tags": []}));
}

/// Texts that go as deep as the bounds let them, by the member that they go into.
fn deepest_expressions() -> Vec<(&'static str, String)> {
    let conditions = [
        format!("{}a<b{}", "a<b OR (".repeat(299), ")".repeat(299)),
        format!("{}a<b{}", "a<b AND (".repeat(299), ")".repeat(299)),
        format!("{}a<b{}", "NOT(a<b AND ".repeat(149), ")".repeat(149)),
        format!("{}a<b", "NOT ".repeat(299)),
        format!("{}a<b{}", "(NOT ".repeat(299), ")".repeat(299)),
        "(".repeat(300),
        format!("{}a<b", "(".repeat(300)),
        format!("{}a", "size(".repeat(300)),
        format!("a IN ({})", vec!["a"; 2000].join(",")),
        vec!["a<b"; 300].join(" OR "),
        vec!["a<b"; 300].join(" AND "),
        vec!["a"; 32].join(".") + " = :v",
    ];
    let mut texts = Vec::new();
    for name in [
        "ConditionExpression",
        "FilterExpression",
        "KeyConditionExpression",
    ] {
        texts.extend(conditions.iter().map(|text| (name, text.clone())));
    }
    texts.extend([
        (
            "UpdateExpression",
            format!(
                "SET a = {}:v{}",
                "if_not_exists(a,".repeat(200),
                ")".repeat(200)
            ),
        ),
        ("UpdateExpression", format!("SET a = {}", "(".repeat(300))),
        (
            "UpdateExpression",
            format!("SET a = {}", vec![":v"; 300].join(" + ")),
        ),
        ("UpdateExpression", format!("REMOVE a{}", "[0]".repeat(31))),
        ("ProjectionExpression", vec!["a"; 32].join(".")),
        ("ProjectionExpression", "(".repeat(300)),
    ]);
    texts
}

/// The deepest statements that fit into the length of one.
fn deepest_statements() -> Vec<String> {
    let select = |condition: &str| format!("SELECT * FROM leases WHERE {condition}");
    let around = |open: &str, count: usize, inside: &str, close: &str| {
        format!("{}{inside}{}", open.repeat(count), close.repeat(count))
    };
    let mut statements = Vec::new();
    for count in [60, 64, 65, 66, 1_000, 4_000] {
        statements.extend([
            select(&around("(", count, "a = 1", ")")),
            select(&around("NOT ", count.min(2_000), "a = 1", "")),
            select(&format!("a = {}", around("[", count, "1", "]"))),
            select(&format!(
                "a = {}",
                around("{'a':", count.min(1_300), "1", "}")
            )),
            select(&format!("a = {}1", "-".repeat(count))),
            select(&format!("a{} = 1", ".a".repeat(count))),
            select(&vec!["a = 1"; count.min(800)].join(" OR ")),
            select(&vec!["a = 1"; count.min(800)].join(" AND ")),
            select(&around("size(", count.min(1_300), "a", ")")),
            format!(
                "INSERT INTO leases VALUE {{'leaseKey': 'x', 'a': {}}}",
                around("[", count, "1", "]")
            ),
            format!(
                "UPDATE leases SET a{} = 1 WHERE leaseKey = 'a'",
                "[0]".repeat(count.min(2_600))
            ),
            format!(
                "UPDATE leases SET a = {} WHERE leaseKey = 'a'",
                around("list_append(a, ", count.min(400), "a", ")")
            ),
        ]);
    }
    statements
}

/// A value inside of so many lists or maps.
fn nested(kind: &str, depth: usize) -> Value {
    (0..depth).fold(json!({"S": "x"}), |inner, _| match kind {
        "L" => json!({"L": [inner]}),
        _ => json!({"M": {"a": inner}}),
    })
}

#[test]
fn the_deepest_requests_within_bounds_need_an_eighth_of_the_stack() {
    let deepest = || {
        use TableOperation as Op;
        let mut database = OwnerDatabase::open(owner(), None).unwrap();
        assert_eq!(call(&mut database, Op::CreateTable, &leases()).0, 200);
        let item = json!({"TableName": "leases", "Item": {
            "leaseKey": {"S": "a"}, "a": nested("L", 31), "b": nested("M", 31),
        }});
        assert_eq!(call(&mut database, Op::PutItem, &item).0, 200);
        let key = json!({"leaseKey": {"S": "a"}});
        let mut answered = 0;
        for (member, text) in deepest_expressions() {
            let values = text.contains(":v").then(|| json!({":v": nested("L", 31)}));
            for operation in [
                Op::PutItem,
                Op::UpdateItem,
                Op::DeleteItem,
                Op::GetItem,
                Op::Query,
                Op::Scan,
            ] {
                let mut body = json!({"TableName": "leases", member: text});
                match operation {
                    Op::PutItem => body["Item"] = item["Item"].clone(),
                    Op::UpdateItem | Op::DeleteItem | Op::GetItem => body["Key"] = key.clone(),
                    _ => {}
                }
                if operation == Op::Query && member != "KeyConditionExpression" {
                    body["KeyConditions"] = json!({"leaseKey": {
                        "ComparisonOperator": "EQ", "AttributeValueList": [{"S": "a"}],
                    }});
                }
                if let Some(values) = &values {
                    body["ExpressionAttributeValues"] = values.clone();
                }
                let (status, answer) = call(&mut database, operation, &body);
                assert!(status == 200 || status == 400, "{answer}");
                answered += usize::from(status == 200);
            }
            let check = json!({"TransactItems": [{"ConditionCheck": {
                "TableName": "leases", "Key": key, "ConditionExpression": text,
            }}]});
            call(&mut database, Op::TransactWriteItems, &check);
        }
        assert!(answered > 0, "some of them are evaluated");
        for statement in deepest_statements() {
            let (status, answer) = call(
                &mut database,
                Op::ExecuteStatement,
                &json!({"Statement": statement}),
            );
            assert!(status == 200 || status == 400, "{answer}");
        }
        for kind in ["L", "M"] {
            for depth in [31, 32, 60, 61, 62, 63, 1_000] {
                let value = nested(kind, depth);
                for body in [
                    json!({"Item": {"leaseKey": {"S": "a"}, "a": value}}),
                    json!({"Key": {"leaseKey": value}}),
                    json!({"Key": key, "Expected": {"a": {"Value": value}}}),
                    json!({"Key": key, "AttributeUpdates": {"a": {"Value": value}}}),
                    json!({"Statement": "SELECT * FROM leases WHERE a = ?", "Parameters": [value]}),
                    json!({"ExclusiveStartKey": {"leaseKey": value}}),
                    json!({"ScanFilter": {"a": {"ComparisonOperator": "EQ", "AttributeValueList": [value]}}}),
                ] {
                    let mut body = body;
                    body["TableName"] = "leases".into();
                    for operation in [Op::PutItem, Op::UpdateItem, Op::Scan, Op::ExecuteStatement] {
                        if operation == Op::ExecuteStatement {
                            body.as_object_mut().unwrap().remove("TableName");
                        }
                        let (status, answer) = call(&mut database, operation, &body);
                        assert!(status == 200 || status == 400, "{answer}");
                    }
                }
            }
        }
    };
    let thread = std::thread::Builder::new()
        .stack_size(crate::embedded::STACK_BYTES / 8)
        .spawn(deepest);
    thread.unwrap().join().unwrap();
}
