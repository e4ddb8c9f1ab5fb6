//! Whether a caller may do something to the tables that a request names.

use bytes::Bytes;
use millstream_policy::{Denial, Permissions, Question, decide};
use millstream_streams::{Caller, Identity};
use serde_json::Value;

use super::{TableAnswer, TableOperation};

/// Decides; the body to go on with. For a caller whose policies were asked it is written anew from what they were asked
/// about, so that a second reader cannot see another table in it.
///
/// # Errors
/// The answer to a caller that may not, and to a body that cannot be read.
pub(super) fn authorize(
    caller: &Caller,
    operation: TableOperation,
    body: &Bytes,
) -> Result<Bytes, TableAnswer> {
    let Identity::User(user) = &caller.identity else {
        return Ok(body.clone());
    };
    if user.permissions.may_do_everything() {
        return Ok(body.clone());
    }
    let request: Value = serde_json::from_slice(body)
        .map_err(|_| TableAnswer::framework_error(400, "SerializationException", ""))?;
    let nothing = Permissions::default();
    let permissions = match names_tables_in_statements(operation) {
        true => &nothing,
        false => &user.permissions,
    };
    for (action, resource) in questions(caller, operation, &request) {
        let question = Question {
            account: &caller.account,
            arn: &user.arn,
            action: &format!("dynamodb:{action}"),
            resource: &resource,
            owner: &caller.account,
        };
        let decided = decide(&question, permissions, None);
        decided.map_err(|denial| denied(&denial))?;
    }
    let body = serde_json::to_vec(&request).expect("JSON that was read can be written");
    Ok(body.into())
}

fn denied(denial: &Denial) -> TableAnswer {
    TableAnswer::framework_error(400, "AccessDeniedException", &denial.to_string())
}

/// Actions and resources. At least one: a request that names no table is about the one with no name, which a policy
/// allows only if it allows all tables.
fn questions(
    caller: &Caller,
    operation: TableOperation,
    request: &Value,
) -> Vec<(&'static str, String)> {
    let prefix = format!(
        "arn:aws:dynamodb:{}:{}:table/",
        caller.region, caller.account
    );
    let arn = |name: &str| match name.starts_with("arn:") {
        true => name.to_owned(),
        false => format!("{prefix}{name}"),
    };
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let name = operation.name();
    match operation {
        TableOperation::ListTables => vec![(name, "*".into())],
        TableOperation::TransactGetItems | TableOperation::TransactWriteItems => {
            let items = request.get("TransactItems").and_then(Value::as_array);
            let items = items.into_iter().flatten().filter_map(Value::as_object);
            let mut questions: Vec<_> = items
                .flatten()
                .map(|(member, item)| {
                    let table = item.get("TableName").and_then(Value::as_str);
                    (transact_action(member), arn(table.unwrap_or("")))
                })
                .collect();
            if questions.is_empty() {
                questions.push((name, arn("")));
            }
            questions
        }
        TableOperation::BatchGetItem | TableOperation::BatchWriteItem => {
            let items = request.get("RequestItems").and_then(Value::as_object);
            let tables = items.into_iter().flat_map(|items| items.keys());
            let mut questions: Vec<_> = tables.map(|table| (name, arn(table))).collect();
            if questions.is_empty() {
                questions.push((name, arn("")));
            }
            questions
        }
        _ => {
            let table = text("TableName").or_else(|| text("ResourceArn"));
            let table = arn(table.unwrap_or(""));
            match text("IndexName") {
                Some(index) => vec![(name, format!("{table}/index/{index}"))],
                None => vec![(name, table)],
            }
        }
    }
}

/// The tables are in the text of statements, which is not read here: only who may do everything may run them.
fn names_tables_in_statements(operation: TableOperation) -> bool {
    matches!(
        operation,
        TableOperation::ExecuteStatement
            | TableOperation::BatchExecuteStatement
            | TableOperation::ExecuteTransaction
    )
}

/// The action that one item of a transaction needs, as on AWS.
fn transact_action(member: &str) -> &'static str {
    match member {
        "Get" => "GetItem",
        "Put" => "PutItem",
        "Update" => "UpdateItem",
        "Delete" => "DeleteItem",
        "ConditionCheck" => "ConditionCheckItem",
        _ => "*",
    }
}
