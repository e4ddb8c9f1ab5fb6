//! UpdateContinuousBackups and DescribeContinuousBackups: the setting is kept and shown. No backup is made.
//!
//! It is kept as a tag of the table, in the prefix that clients cannot use, so that it is written, kept and deleted as
//! the table is. ListTagsOfResource leaves it out; of the 50 tags of a table it takes one.

use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::list_tags_of_resource::ListTagsOfResourceRequest;
use dynoxide::actions::tag_resource::TagResourceRequest;
use dynoxide::actions::untag_resource::UntagResourceRequest;
use dynoxide::types::Tag;
use dynoxide::{Database, DynoxideError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::operation::TableOperation;

/// What the keys of the tables' own tags begin with.
const OWN: &str = "aws:millstream:";
/// The tag's key. Its value is the recovery period in days.
const TAG: &str = "aws:millstream:point-in-time-recovery";
/// The recovery period of who names none, in days; also the longest.
const PERIOD_DAYS_MAX: u8 = 35;

/// Input of DescribeContinuousBackups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeRequest {
    table_name: Option<String>,
}

/// Input of UpdateContinuousBackups.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UpdateRequest {
    table_name: Option<String>,
    point_in_time_recovery_specification: Option<Specification>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Specification {
    point_in_time_recovery_enabled: Option<bool>,
    recovery_period_in_days: Option<i64>,
}

/// Whether it is one of these operations.
pub(super) fn is_about(operation: TableOperation) -> bool {
    matches!(
        operation,
        TableOperation::DescribeContinuousBackups | TableOperation::UpdateContinuousBackups
    )
}

/// Whether a tag is the tables' own and not the client's.
pub(super) fn is_own(tag: &Tag) -> bool {
    tag.key.starts_with(OWN)
}

/// Shows the setting of a table that exists.
pub(super) fn describe(
    database: &Database,
    request: DescribeRequest,
) -> Result<Value, DynoxideError> {
    let table = find(database, request.table_name)?;
    description(database, &table)
}

/// Keeps the setting, and shows it.
pub(super) fn update(database: &Database, request: UpdateRequest) -> Result<Value, DynoxideError> {
    let Some(specification) = request.point_in_time_recovery_specification else {
        return Err(missing("pointInTimeRecoverySpecification"));
    };
    let Some(is_enabled) = specification.point_in_time_recovery_enabled else {
        return Err(missing(
            "pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled",
        ));
    };
    let period_days = specification
        .recovery_period_in_days
        .unwrap_or(i64::from(PERIOD_DAYS_MAX));
    if !(1..=i64::from(PERIOD_DAYS_MAX)).contains(&period_days) {
        return Err(DynoxideError::ValidationException(format!(
            "1 validation error detected: Value '{period_days}' at \
             'pointInTimeRecoverySpecification.recoveryPeriodInDays' failed to satisfy constraint: Member must have \
             value between 1 and {PERIOD_DAYS_MAX}"
        )));
    }
    let table = find(database, request.table_name)?;
    let resource_arn = Some(embedded_arn(&table));
    if is_enabled {
        let tag = Tag {
            key: TAG.into(),
            value: period_days.to_string(),
        };
        database.tag_resource(TagResourceRequest {
            resource_arn,
            tags: vec![tag],
        })?;
    } else {
        database.untag_resource(UntagResourceRequest {
            resource_arn,
            tag_keys: vec![TAG.into()],
        })?;
    }
    description(database, &table)
}

/// The name of a table that is there.
fn find(database: &Database, table_name: Option<String>) -> Result<String, DynoxideError> {
    let table_name = table_name.ok_or_else(|| missing("tableName"))?;
    let wanted = DescribeTableRequest {
        table_name: table_name.clone(),
    };
    match database.describe_table(wanted) {
        Ok(_) => Ok(table_name),
        Err(DynoxideError::ResourceNotFoundException(_)) => Err(
            DynoxideError::ResourceNotFoundException(format!("Table not found: {table_name}")),
        ),
        Err(other) => Err(other),
    }
}

fn description(database: &Database, table: &str) -> Result<Value, DynoxideError> {
    let listed = database.list_tags_of_resource(ListTagsOfResourceRequest {
        resource_arn: Some(embedded_arn(table)),
    })?;
    let period_days = listed
        .tags
        .iter()
        .find(|tag| tag.key == TAG)
        .and_then(|tag| tag.value.parse::<u8>().ok());
    let recovery = match period_days {
        Some(days) => json!({
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": days,
        }),
        None => json!({ "PointInTimeRecoveryStatus": "DISABLED" }),
    };
    Ok(json!({
        "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": recovery,
        }
    }))
}

/// The embedded database looks at no more of an ARN than the table's name.
pub(super) fn embedded_arn(table: &str) -> String {
    format!("arn:aws:dynamodb:dynoxide:000000000000:table/{table}")
}

fn missing(member: &str) -> DynoxideError {
    DynoxideError::ValidationException(format!(
        "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
    ))
}
