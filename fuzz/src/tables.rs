//! Requests of the table service.

use std::time::Duration;

use millstream_tables::{TableCaller, TableOperation, TableService, TableSettings};
use millstream_types::{AccountId, Region};

const LEASES: &[u8] = br#"{"TableName":"leases","BillingMode":"PAY_PER_REQUEST",
    "AttributeDefinitions":[{"AttributeName":"k","AttributeType":"S"}],"KeySchema":[{"AttributeName":"k","KeyType":"HASH"}]}"#;

/// The name of an operation in the first line, then any bytes as its body: answered, in DynamoDB's terms, and the server
/// is there to tell.
pub fn table_request(input: &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (name, body) = input.split_at(end);
    let Some(operation) = std::str::from_utf8(name)
        .ok()
        .and_then(TableOperation::from_name)
    else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tables = TableService::open(None, TableSettings::default()).expect("tables in memory");
        let account: AccountId = "111111111111".parse().expect("an account");
        let region: Region = "eu-west-1".parse().expect("a region");
        let caller = TableCaller {
            account: &account,
            region: &region,
            address: "localhost:4566",
            user: None,
        };
        let leases = LEASES.into();
        let made = tables.call(caller, TableOperation::CreateTable, &leases);
        assert_eq!(made.await.answer.status, 200);
        let called = tables
            .call(caller, operation, &body.to_vec().into())
            .await
            .answer;
        let text = String::from_utf8_lossy(&called.body);
        assert!(matches!(called.status, 200 | 400), "{operation:?}: {text}");
        assert!(called.status == 200 || text.contains("__type"), "{text}");
        assert!(tables.stop(Duration::from_secs(60)).await);
    });
}
