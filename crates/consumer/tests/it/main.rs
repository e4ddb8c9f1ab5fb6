//! The contract of lease tables, on the table in memory and on the real server's DynamoDB API; both ways of reading, on
//! the real server's Kinesis API.
//!
//! The server's binary is the one named by `MILLSTREAM_BIN`, or the `millstream` in the folder of this crate's builds.
//! With `LEASE_TABLE_ENDPOINT_URL` the DynamoDB table is made at that endpoint instead.

#![expect(clippy::unwrap_used, reason = "a test panics where it fails")]

mod reading;
mod several_streams;

use std::path::PathBuf;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeValue, BillingMode};
use millstream_consumer::testing::{MemoryLeaseTable, check_lease_table};
use millstream_consumer::{DynamoDbLeaseTable, LeaseTable, LeaseTableError};
use millstream_testkit::ServerProcess;

const TABLE: &str = "LeaseTableContract";

fn server_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("MILLSTREAM_BIN") {
        return path.into();
    }
    let this = std::env::current_exe().unwrap();
    let beside = this.ancestors().nth(2).unwrap().join("millstream");
    assert!(
        beside.exists(),
        "no server at {}: build it with `cargo build -p millstream-cli`, or set MILLSTREAM_BIN",
        beside.display()
    );
    beside
}

/// A server on a data folder of its own, which lives as long as this.
fn start_server(folder: &tempfile::TempDir) -> ServerProcess {
    let mut command = ServerProcess::command(&server_binary());
    command.arg("--data-dir").arg(folder.path().join("data"));
    ServerProcess::start(command)
}

fn client(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

#[tokio::test]
async fn leases_in_memory_keep_the_contract() {
    check_lease_table(&MemoryLeaseTable::default()).await;
}

#[tokio::test]
async fn leases_in_dynamodb_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, _server) = match std::env::var("LEASE_TABLE_ENDPOINT_URL") {
        Ok(url) => (url, None),
        Err(_) => {
            let server = start_server(&folder);
            (server.endpoint(), Some(server))
        }
    };
    let client = client(&endpoint);
    let table = DynamoDbLeaseTable::new(client.clone(), TABLE);
    let missing = table.list().await;
    assert!(matches!(missing, Err(LeaseTableError::Missing(name)) if name == TABLE));
    check_lease_table(&table).await;

    let described = client.describe_table().table_name(TABLE).send().await;
    let described = described.unwrap().table.unwrap();
    let mode = described.billing_mode_summary().unwrap().billing_mode();
    assert_eq!(mode, Some(&BillingMode::PayPerRequest));

    // A KCL of version 3.5 keeps its leader in the same table.
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let leader = client.put_item().table_name(TABLE);
    leader
        .item("leaseKey", text("Leader"))
        .item("entityType", text("LEADER"))
        .send()
        .await
        .unwrap();
    let leases = table.list().await.unwrap();
    assert!(!leases.is_empty() && leases.iter().all(|lease| lease.lease_key != "Leader"));
    client
        .delete_table()
        .table_name(TABLE)
        .send()
        .await
        .unwrap();
}
