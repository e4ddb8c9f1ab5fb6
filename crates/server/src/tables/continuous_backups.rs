//! UpdateContinuousBackups and DescribeContinuousBackups: the KCL asks for them on request and needs an answer. No
//! backups are made, and the answer says so.

use dynoxide::{Database, DynoxideError};
use serde::Deserialize;
use serde_json::{Value, json};

/// Input of both operations, as far as it matters.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    table_name: Option<String>,
}

/// Answers for a table that exists, whatever was asked for: point-in-time recovery stays disabled.
pub(super) fn describe(database: &Database, body: &[u8]) -> Result<Value, DynoxideError> {
    let request: Request = super::database::decode(body)?;
    let table_name = request.table_name.ok_or_else(|| {
        DynoxideError::ValidationException(
            "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: \
             Member must not be null"
                .into(),
        )
    })?;
    let wanted = dynoxide::actions::describe_table::DescribeTableRequest {
        table_name: table_name.clone(),
    };
    database
        .describe_table(wanted)
        .map_err(|error| match error {
            DynoxideError::ResourceNotFoundException(_) => {
                DynoxideError::ResourceNotFoundException(format!("Table not found: {table_name}"))
            }
            other => other,
        })?;
    Ok(json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "DISABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "DISABLED" },
        }
    }))
}
