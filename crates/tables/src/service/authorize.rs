//! Whether a caller may do something to the tables that a request touches.

use millstream_policy::{Denial, Permissions, Question, decide};

use crate::answer::TableAnswer;
use crate::caller::TableCaller;
use crate::names::table_arn;
use crate::operation::TableOperation;
use crate::owner::TableOwner;
use crate::request::TableRequest;

/// Decides, by asking the caller's policies about everything that the request touches.
///
/// # Errors
/// The answer to a caller that may not.
pub(super) fn authorize(
    caller: TableCaller<'_>,
    owner: &TableOwner,
    request: &TableRequest,
) -> Result<(), TableAnswer> {
    let Some(user) = caller.user else {
        return Ok(());
    };
    if user.permissions.may_do_everything() {
        return Ok(());
    }
    let operation = request.operation();
    let nothing = Permissions::default();
    let permissions = match names_tables_in_statements(operation) {
        true => &nothing,
        false => user.permissions,
    };
    for touched in request.touched() {
        let resource = match operation {
            TableOperation::DescribeEndpoints | TableOperation::ListTables => "*".to_owned(),
            _ => table_arn(owner, &touched.resource()),
        };
        let question = Question {
            account: caller.account,
            arn: user.arn,
            action: &format!("dynamodb:{}", touched.action),
            resource: &resource,
            owner: &owner.account,
        };
        decide(&question, permissions, None).map_err(|denial| denied(&denial))?;
    }
    Ok(())
}

fn denied(denial: &Denial) -> TableAnswer {
    TableAnswer::framework_error(400, "AccessDeniedException", &denial.to_string())
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
