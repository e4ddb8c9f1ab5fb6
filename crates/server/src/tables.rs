//! Tables behind the same port: where applications of the KCL keep their leases.
//!
//! [`Tables`] is the seam: what keeps the tables. [`embedded`] keeps them in SQLite files in the data folder through
//! an embeddable DynamoDB. Ours are routing, the table of operations, names, accounts and regions, and bounds.

mod authorize;
mod continuous_backups;
mod database;
mod definitions;
mod edge;
mod embedded;
mod expression;
mod gate;
mod gzip;
mod legacy_expected;
mod legacy_reads;
mod members;
mod names;
mod operation;
mod queue;
mod request;
mod strict_json;
mod tag_keys;
mod updated_attributes;
mod updates;
mod value_operands;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use millstream_types::{AccountId, Region};
use millstream_wire::cut_message;

pub(crate) use edge::TablesEdge;
pub(crate) use embedded::EmbeddedTables;
pub(crate) use operation::TableOperation;
pub(crate) use request::TableRequest;

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

    /// A `ValidationException`.
    pub(crate) fn validation(message: &str) -> Self {
        Self::typed_error(
            400,
            "com.amazon.coral.validate#ValidationException",
            message,
        )
    }

    /// A `SerializationException`, in which the message has a capital; without a message if that is empty.
    pub(crate) fn serialization(message: &str) -> Self {
        let mut answer = Self::framework_error(400, "SerializationException", "");
        if !message.is_empty() {
            let body = serde_json::json!({
                "__type": "com.amazon.coral.service#SerializationException",
                "Message": message,
            });
            answer.body = body.to_string().into();
        }
        answer
    }

    /// The name in an error's `__type`; empty if there is none.
    pub(crate) fn error_name(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let name = body["__type"].as_str().unwrap_or_default();
        name.rsplit('#').next().unwrap_or_default().to_owned()
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
    /// Does what is asked for, to nothing but what the request says that it touches. Answered within bounded time; a status of 500 leaves the
    /// outcome of a write unknown. Dropping the future drops the answer, and the operation too if it has not begun.
    fn call(&self, owner: TableOwner, request: TableRequest) -> BoxFuture<'static, TableAnswer>;

    /// Refuses new calls, finishes those that wait and closes everything; false if that took longer than `grace`.
    fn stop(&self, grace: Duration) -> BoxFuture<'static, bool>;
}
