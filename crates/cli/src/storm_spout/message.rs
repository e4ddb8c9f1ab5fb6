//! Messages of the multi-lang protocol: JSON, and `end` on a line of its own behind each.

use serde::Deserialize;
use serde_json::{Value, json};

/// The first message.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Handshake {
    /// Where a file with the process's number as its name is expected.
    #[serde(rename = "pidDir")]
    pub(super) pid_folder: String,
}

/// Every message after that.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase")]
pub(super) enum Command {
    /// Tuples are wanted.
    Next,
    /// A tuple and all that came of it is done.
    Ack { id: String },
    /// It is not.
    Fail { id: String },
    /// The topology runs.
    Activate,
    /// It does not.
    Deactivate,
    /// A later protocol may say more; it is answered as everything is.
    #[serde(other)]
    Other,
}

pub(super) fn process_number(pid: u32) -> Value {
    json!({"pid": pid})
}

pub(super) fn sync() -> Value {
    json!({"command": "sync"})
}

pub(super) fn emit(id: &str, tuple: &[Value]) -> Value {
    json!({"command": "emit", "id": id, "tuple": tuple, "need_task_ids": false})
}
