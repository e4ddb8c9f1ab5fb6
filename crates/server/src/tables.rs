//! Tables behind the same port: where applications of the KCL keep their leases.
//!
//! [`Tables`] is the seam: what keeps the tables. [`embedded`] keeps them in SQLite files in the data folder through
//! an embeddable DynamoDB. Ours are routing, the table of operations, names, accounts and regions, and bounds.

mod authorize;
mod continuous_backups;
mod database;
mod edge;
mod embedded;
mod names;
mod operation;
mod queue;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use millstream_types::{AccountId, Region};
use millstream_wire::cut_message;

pub(crate) use edge::TablesEdge;
pub(crate) use embedded::EmbeddedTables;
pub(crate) use operation::TableOperation;

/// Whose tables, and where. Tables of different owners know nothing of each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableOwner {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
}

/// The answer of an operation on tables: its body is JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableAnswer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl TableAnswer {
    /// An error of the table service itself, such as `ResourceNotFoundException`.
    pub(crate) fn error(status: u16, name: &str, message: &str) -> Self {
        Self::typed_error(
            status,
            &format!("com.amazonaws.dynamodb.v20120810#{name}"),
            message,
        )
    }

    /// An error of the framework below the table service, such as `SerializationException`; without a message if
    /// that is empty.
    pub(crate) fn framework_error(status: u16, name: &str, message: &str) -> Self {
        Self::typed_error(status, &format!("com.amazon.coral.service#{name}"), message)
    }

    fn typed_error(status: u16, error_type: &str, message: &str) -> Self {
        let body = if message.is_empty() {
            serde_json::json!({ "__type": error_type })
        } else {
            serde_json::json!({ "__type": error_type, "message": cut_message(message.into()) })
        };
        Self {
            status,
            body: body.to_string().into(),
        }
    }
}

/// Keeps tables.
pub(crate) trait Tables: Send + Sync + fmt::Debug {
    /// Does an operation whose input is the JSON text `body`. Answered within bounded time; a status of 500 leaves the
    /// outcome of a write unknown. Dropping the future drops the answer, and the operation too if it has not begun.
    fn call(
        &self,
        owner: TableOwner,
        operation: TableOperation,
        body: Bytes,
    ) -> BoxFuture<'static, TableAnswer>;

    /// Refuses new calls, finishes those that wait and closes everything; false if that took longer than `grace`.
    fn stop(&self, grace: Duration) -> BoxFuture<'static, bool>;
}
