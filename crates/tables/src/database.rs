//! One owner's database: decode, call, encode.

mod continuous_backups;
mod definitions;
mod legacy_expected;
mod legacy_reads;
mod tag_keys;
mod updated_attributes;
mod updates;
mod value_operands;

use std::path::{Path, PathBuf};

use dynoxide::{Database, DynoxideError};
use millstream_wire::{MESSAGE_BYTES_MAX, cut_message};
use serde::Serialize;
use serde_json::Value;

use crate::answer::TableAnswer;
use crate::decode::{decode, enveloped};
use crate::names::own_arns;
use crate::operation::TableOperation;
use crate::owner::TableOwner;
use crate::request::TableRequest;

/// The tables of one owner. There is no file before the first table is made; until then an empty database in memory
/// gives the answers.
pub(crate) struct OwnerDatabase {
    owner: TableOwner,
    /// Where it is kept; `None` for memory.
    path: Option<PathBuf>,
    database: Database,
    has_tables: bool,
}

impl OwnerDatabase {
    /// Opens what is kept at `path`, if there is anything.
    pub(crate) fn open(owner: TableOwner, path: Option<PathBuf>) -> Result<Self, DynoxideError> {
        let kept = path.as_deref().filter(|path| path.exists());
        let database = match kept {
            Some(path) => open_file(path)?,
            None => Database::memory()?,
        };
        Ok(Self {
            has_tables: kept.is_some(),
            owner,
            database,
            path,
        })
    }

    /// Whether closing it loses nothing.
    pub(crate) fn may_close(&self) -> bool {
        self.path.is_some() || !self.has_tables
    }

    /// Whether a table was ever made.
    pub(crate) fn has_tables(&self) -> bool {
        self.has_tables
    }

    /// Deletes items past their time to live; how many.
    pub(crate) fn sweep(&self) -> Result<usize, DynoxideError> {
        if self.has_tables {
            self.database.sweep_ttl()
        } else {
            Ok(0)
        }
    }

    pub(crate) fn call(&mut self, request: TableRequest) -> TableAnswer {
        let operation = request.operation();
        let mut members = request.into_members();
        let completed = definitions::complete(operation, &mut members);
        value_operands::resolve(&mut members);
        let members = Value::Object(members);
        let result = completed
            .and_then(|()| tag_keys::check(&members))
            .and_then(|()| {
                if operation == TableOperation::CreateTable && !self.has_tables {
                    self.create_first_table(members)
                } else {
                    self.execute(operation, members)
                }
            });
        match result {
            Ok(body) => TableAnswer {
                status: 200,
                body: body.into(),
            },
            Err(error) => failed(operation, &error),
        }
    }

    /// Makes the file only for a request that makes a table.
    fn create_first_table(&mut self, members: Value) -> Result<Vec<u8>, DynoxideError> {
        let operation = TableOperation::CreateTable;
        let answer = self.execute(operation, members.clone())?;
        let Some(path) = self.path.as_deref() else {
            self.has_tables = true;
            return Ok(answer);
        };
        // That was the trial, in memory.
        self.database = Database::memory()?;
        if let Some(folder) = path.parent() {
            create_folder(folder).map_err(|error| {
                DynoxideError::InternalServerError(format!("{}: {error}", folder.display()))
            })?;
        }
        self.database = open_file(path)?;
        self.has_tables = true;
        self.execute(operation, members)
    }

    fn execute(
        &self,
        operation: TableOperation,
        mut members: Value,
    ) -> Result<Vec<u8>, DynoxideError> {
        use TableOperation as Op;
        let database = &self.database;
        legacy_expected::settle(database, operation, &mut members);
        let members = legacy_reads::in_expressions(database, operation, members)?;
        match operation {
            Op::BatchExecuteStatement => {
                encode(&database.batch_execute_statement(decode(members)?)?)
            }
            Op::BatchGetItem => encode(&database.batch_get_item(decode(members)?)?),
            Op::BatchWriteItem => encode(&database.batch_write_item(decode(members)?)?),
            Op::CreateTable => self.describe(&database.create_table(decode(members)?)?),
            Op::DeleteItem => encode(&database.delete_item(enveloped(decode(members))?)?),
            Op::DeleteTable => self.describe(&database.delete_table(decode(members)?)?),
            Op::DescribeContinuousBackups => {
                encode(&continuous_backups::describe(database, decode(members)?)?)
            }
            Op::DescribeTable => self.describe(&database.describe_table(decode(members)?)?),
            Op::DescribeTimeToLive => encode(&database.describe_time_to_live(decode(members)?)?),
            Op::ExecuteStatement => encode(&database.execute_statement(decode(members)?)?),
            Op::ExecuteTransaction => encode(&database.execute_transaction(decode(members)?)?),
            Op::GetItem => encode(&database.get_item(decode(members)?)?),
            Op::ListTables => encode(&database.list_tables(decode(members)?)?),
            Op::ListTagsOfResource => {
                let mut listed = database.list_tags_of_resource(decode(members)?)?;
                listed.tags.retain(|tag| !continuous_backups::is_own(tag));
                encode(&listed)
            }
            Op::PutItem => encode(&database.put_item(enveloped(decode(members))?)?),
            Op::Query => encode(&database.query(decode(members)?)?),
            Op::Scan => encode(&database.scan(decode(members)?)?),
            Op::TagResource => encode(&database.tag_resource(decode(members)?)?),
            Op::TransactGetItems => encode(&database.transact_get_items(decode(members)?)?),
            Op::TransactWriteItems => encode(&database.transact_write_items(decode(members)?)?),
            Op::UntagResource => encode(&database.untag_resource(decode(members)?)?),
            Op::UpdateContinuousBackups => {
                encode(&continuous_backups::update(database, decode(members)?)?)
            }
            Op::UpdateItem => encode(&updates::update_item(database, members)?),
            Op::UpdateTable => self.describe(&database.update_table(decode(members)?)?),
            Op::UpdateTimeToLive => encode(&database.update_time_to_live(decode(members)?)?),
        }
    }

    /// Encodes an answer that holds ARNs.
    fn describe<T: Serialize>(&self, answer: &T) -> Result<Vec<u8>, DynoxideError> {
        let mut description = serde_json::to_value(answer).map_err(|error| unwritable(&error))?;
        own_arns(&self.owner, &mut description);
        encode(&description)
    }
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_vec(answer).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(format!("the answer cannot be written: {error}"))
}

fn failed(operation: TableOperation, error: &DynoxideError) -> TableAnswer {
    let status = error.status_code();
    if status >= 500 {
        tracing::error!(?operation, %error, "an operation on tables failed");
        return TableAnswer::error(500, "InternalServerError", "Internal server error");
    }
    TableAnswer {
        status,
        body: with_cut_texts(error.to_json()).into(),
    }
}

/// An error's JSON with its texts cut, which repeat what was sent; an item that is a part of the answer stays whole.
fn with_cut_texts(json: String) -> String {
    if json.len() <= MESSAGE_BYTES_MAX {
        return json;
    }
    let Ok(mut error) = serde_json::from_str::<serde_json::Value>(&json) else {
        return json;
    };
    cut_texts(&mut error);
    if let Some(reasons) = error.get_mut("CancellationReasons") {
        let reasons = reasons.as_array_mut().into_iter().flatten();
        reasons.for_each(cut_texts);
    }
    error.to_string()
}

fn cut_texts(error: &mut serde_json::Value) {
    for name in ["message", "Message"] {
        if let Some(serde_json::Value::String(text)) = error.get_mut(name) {
            *text = cut_message(std::mem::take(text));
        }
    }
}

/// The file's journal is synced before each answer: the library's default, pinned by a test.
fn open_file(path: &Path) -> Result<Database, DynoxideError> {
    let text = path.to_str().ok_or_else(|| {
        DynoxideError::InternalServerError("the data folder's path is not UTF-8".into())
    })?;
    Database::new(text)
}

/// Makes a folder and syncs the one that it is in, so that a power cut leaves both or none.
fn create_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folder(parent)?;
        std::fs::create_dir(folder)?;
        std::fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod differences;
#[cfg(test)]
mod tests;
