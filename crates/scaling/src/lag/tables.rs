//! Which tables hold leases.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeyType;

use super::LagError;

/// The key of a lease table, in every layout.
const LEASE_KEY: &str = "leaseKey";

/// The lease of `millstream scale`, in a table of its own: no application.
const SCALER: &str = "-Scaler";

/// Names of the tables that hold leases, in order. A table that goes meanwhile is left out.
///
/// # Errors
/// If the tables cannot be listed or described.
pub async fn lease_tables(client: &Client) -> Result<Vec<String>, LagError> {
    let mut found = Vec::new();
    let mut start = None;
    loop {
        let page = client
            .list_tables()
            .set_exclusive_start_table_name(start)
            .send()
            .await;
        let page = page.map_err(|error| LagError::of("ListTables", "tables", &error))?;
        for name in page.table_names() {
            if !name.ends_with(SCALER) && holds_leases(client, name).await? {
                found.push(name.clone());
            }
        }
        start = page.last_evaluated_table_name;
        if start.is_none() {
            return Ok(found);
        }
    }
}

async fn holds_leases(client: &Client, name: &str) -> Result<bool, LagError> {
    match client.describe_table().table_name(name).send().await {
        Ok(answer) => {
            let keys = answer
                .table
                .as_ref()
                .map(|table| table.key_schema())
                .unwrap_or_default();
            let is_lease_key = |key: &aws_sdk_dynamodb::types::KeySchemaElement| {
                key.attribute_name == LEASE_KEY && key.key_type == KeyType::Hash
            };
            Ok(keys.len() == 1 && keys.iter().all(is_lease_key))
        }
        Err(error) => {
            let error = LagError::of("DescribeTable", name, &error);
            match error.code() {
                Some("ResourceNotFoundException") => Ok(false),
                _ => Err(error),
            }
        }
    }
}

/// The tables that an application may have beside its leases: two of the KCL 3's, and its scalers' lease.
pub fn related_tables(application: &str) -> [String; 3] {
    ["CoordinatorState", "WorkerMetricStats", "Scaler"].map(|kind| format!("{application}-{kind}"))
}
