//! From a caller and a body to an answer: read, ask the caller's policies, call.

mod authorize;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::authorize::authorize;
use crate::answer::TableAnswer;
use crate::caller::TableCaller;
use crate::embedded::{EmbeddedTables, Tables};
use crate::files::{TableFiles, TablesCopyError, TablesOpenError};
use crate::operation::TableOperation;
use crate::request::{TableRequest, Touched};
use crate::settings::TableSettings;

/// An answer, and what the caller wanted to touch.
#[derive(Debug)]
pub struct Called {
    /// What the client gets.
    pub answer: TableAnswer,
    /// Nothing if the request could not be read.
    pub touched: Vec<Touched>,
}

/// The table service. Clones are handles to the same one.
#[derive(Debug, Clone)]
pub struct TableService {
    tables: Arc<dyn Tables>,
    files: Option<Arc<TableFiles>>,
}

impl TableService {
    /// Tables in a data folder (absolute; its lock is the caller's), or in memory. Looks at every file; reads and writes
    /// the disk for about as long as [`TableSettings::check_time`].
    ///
    /// # Errors
    /// If a file that must be there is not, or is damaged; see [`TableSettings::leaves_out_damaged`].
    pub fn open(
        data_dir: Option<PathBuf>,
        settings: TableSettings,
    ) -> Result<Self, TablesOpenError> {
        let open =
            |data_dir| TableFiles::open(data_dir, settings.check_time, settings.leaves_out_damaged);
        let files = data_dir.map(open).transpose()?.map(Arc::new);
        Ok(Self {
            tables: Arc::new(EmbeddedTables::new(files.clone(), settings)),
            files,
        })
    }

    /// Whether an `X-Amz-Target` names an operation of this service, be it one that is not here.
    pub fn claims(target: &str) -> bool {
        target.starts_with(TARGET_PREFIX)
    }

    /// The name of the operation in an `X-Amz-Target` that is this service's; empty in others.
    pub fn operation_name(target: &str) -> &str {
        target.strip_prefix(TARGET_PREFIX).unwrap_or("")
    }

    /// Does an operation for a caller, if it may. Answered within bounded time; a status of 500 leaves the outcome of a
    /// write unknown. Dropping the future drops the answer, and the operation too if it has not begun.
    pub async fn call(
        &self,
        caller: TableCaller<'_>,
        operation: TableOperation,
        body: &Bytes,
    ) -> Called {
        let owner = caller.owner();
        let request = match TableRequest::read(&owner, operation, body) {
            Ok(request) => request,
            Err(answer) => {
                return Called {
                    answer,
                    touched: Vec::new(),
                };
            }
        };
        let touched = request.touched().to_vec();
        let answer = match authorize(caller, &owner, &request) {
            Err(denied) => denied,
            Ok(()) => match request.refusal() {
                Some(refusal) => refusal.clone(),
                None if operation == TableOperation::DescribeEndpoints => {
                    TableAnswer::endpoint(caller.address)
                }
                None => self.tables.call(owner, request).await,
            },
        };
        Called { answer, touched }
    }

    /// Copies the files of all tables into another folder of the same form, while they are served: everything that was
    /// answered before is in the copies. Answers what was written, relative to the folder; nothing for tables in memory.
    /// Blocks for as long as reading and writing all of them takes.
    ///
    /// # Errors
    /// If a file is damaged, or the disk fails; some of the copies may be there then.
    pub fn copy_to(&self, folder: &Path) -> Result<Vec<PathBuf>, TablesCopyError> {
        match &self.files {
            Some(files) => files.copy_to(folder),
            None => Ok(Vec::new()),
        }
    }

    /// Refuses new calls, finishes those that wait and closes everything; false if that took longer than `grace`.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.tables.stop(grace).await
    }
}

/// Stands before the name of an operation in `X-Amz-Target`.
const TARGET_PREFIX: &str = "DynamoDB_20120810.";

#[cfg(test)]
mod tests;
