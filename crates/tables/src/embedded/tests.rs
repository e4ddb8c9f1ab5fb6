use super::*;
use crate::operation::TableOperation;

fn owner(account: &str) -> TableOwner {
    TableOwner {
        account: account.parse().unwrap(),
        region: "eu-west-1".parse().unwrap(),
    }
}

fn request(operation: TableOperation, body: &str) -> TableRequest {
    TableRequest::read(&owner("111111111111"), operation, &body.to_owned().into()).unwrap()
}

fn create(name: &str) -> TableRequest {
    let body = serde_json::json!({
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": "leaseKey", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    request(TableOperation::CreateTable, &body.to_string())
}

async fn names(tables: &EmbeddedTables, owner: &TableOwner) -> String {
    let listed = tables.call(owner.clone(), request(TableOperation::ListTables, "{}"));
    String::from_utf8(listed.await.body.to_vec()).unwrap()
}

#[tokio::test]
async fn owners_have_tables_of_their_own_that_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let files = TableFiles::open(folder.path().into(), Duration::ZERO, false).unwrap();
        EmbeddedTables::new(Some(Arc::new(files)), TableSettings::default())
    };
    let (one, two) = (owner("111111111111"), owner("222222222222"));
    let tables = open();
    let made = tables.call(one.clone(), create("leases"));
    assert_eq!(made.await.status, 200);
    assert_eq!(names(&tables, &two).await, r#"{"TableNames":[]}"#);
    assert!(tables.stop(Duration::from_secs(30)).await);
    let late = tables.call(one.clone(), request(TableOperation::ListTables, "{}"));
    assert_eq!(late.await.status, 503);

    let again = open();
    assert_eq!(names(&again, &one).await, r#"{"TableNames":["leases"]}"#);
    assert!(again.stop(Duration::from_secs(30)).await);
}

#[tokio::test]
async fn databases_beyond_the_bound_are_refused_for_now() {
    let settings = TableSettings {
        databases_max: 1,
        ..TableSettings::default()
    };
    let tables = EmbeddedTables::new(None, settings);
    let made = tables.call(owner("111111111111"), create("leases"));
    assert_eq!(made.await.status, 200);
    let refused = tables.call(
        owner("222222222222"),
        request(TableOperation::ListTables, "{}"),
    );
    let refused = refused.await;
    assert_eq!(refused.status, 400);
    assert!(
        refused
            .body
            .windows(38)
            .any(|window| window == b"ProvisionedThroughputExceededException")
    );
    assert!(tables.stop(Duration::from_secs(30)).await);
}

#[tokio::test]
async fn many_callers_share_one_database() {
    let tables = Arc::new(EmbeddedTables::new(None, TableSettings::default()));
    let one = owner("111111111111");
    let made = tables.call(one.clone(), create("leases"));
    assert_eq!(made.await.status, 200);
    let adds = (0..200).map(|_| {
        let add = r#"{"TableName":"leases","Key":{"leaseKey":{"S":"a"}},
            "AttributeUpdates":{"leaseCounter":{"Value":{"N":"1"},"Action":"ADD"}}}"#;
        tables.call(one.clone(), request(TableOperation::UpdateItem, add))
    });
    for answer in join_all(adds).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let get = r#"{"TableName":"leases","Key":{"leaseKey":{"S":"a"}},"ConsistentRead":true}"#;
    let item = tables
        .call(one, request(TableOperation::GetItem, get))
        .await;
    let item: serde_json::Value = serde_json::from_slice(&item.body).unwrap();
    assert_eq!(item["Item"]["leaseCounter"]["N"], "200");
    assert!(tables.stop(Duration::from_secs(30)).await);
}
