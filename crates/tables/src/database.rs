//! One owner's database: decode, call, encode.

mod billing;
mod continuous_backups;
mod definitions;
mod error_texts;
mod indexes;
mod legacy_expected;
mod legacy_reads;
mod local_indexes;
mod tag_keys;
mod time_to_live;
mod updated_attributes;
mod updates;
mod value_operands;

use std::path::Path;
use std::sync::Arc;

use dynoxide::DynoxideError;
use dynoxide::actions::describe_table::DescribeTableRequest;
use serde::Serialize;
use serde_json::Value;

use crate::answer::TableAnswer;
use crate::attribute_names;
use crate::decode::{decode, enveloped};
use crate::expressions;
use crate::files::{Damage, TableFiles, line};
use crate::in_place::InPlace;
use crate::journal::Journal;
use crate::legacy_conditions;
use crate::names::own_arns;
use crate::operation::TableOperation;
use crate::owner::TableOwner;
use crate::request::TableRequest;
use crate::store::{Lost, Store};

/// The tables of one owner. There is no file before the first table is made; until then an empty database in memory
/// gives the answers.
pub(crate) struct OwnerDatabase {
    owner: TableOwner,
    /// Where it is kept; `None` for memory.
    files: Option<Arc<TableFiles>>,
    /// The file, once there is one.
    in_place: Option<(InPlace, Journal)>,
    database: Store,
    has_tables: bool,
    /// Whether all that was written is durable.
    is_durable: bool,
}

/// Why tables cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Their file is not as it must be.
    #[error("{0}")]
    Damaged(#[from] Damage),
    /// Anything else.
    #[error(transparent)]
    Failed(#[from] DynoxideError),
}

/// Why what was written is not durable.
#[derive(Debug)]
pub(crate) enum NotKept {
    /// It was taken back: nothing of it is done.
    Lost,
    /// The file is not as it must be.
    Damaged(Damage),
}

impl From<Damage> for NotKept {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

impl OwnerDatabase {
    /// Opens the owner's file, if there is one.
    pub(crate) fn open(
        owner: TableOwner,
        files: Option<Arc<TableFiles>>,
    ) -> Result<Self, OpenError> {
        let mut opened = Self {
            owner,
            files,
            in_place: None,
            database: Store::memory()?,
            has_tables: false,
            is_durable: true,
        };
        let kept = match &opened.files {
            Some(files) => files.find(&opened.owner)?,
            None => None,
        };
        if let Some(path) = kept {
            opened.open_file(&path)?;
        }
        Ok(opened)
    }

    fn open_file(&mut self, path: &Path) -> Result<(), OpenError> {
        let text = path.to_str().ok_or_else(|| {
            DynoxideError::InternalServerError("the data folder's path is not UTF-8".into())
        })?;
        let in_place = InPlace::of(path)?;
        self.database = Store::open(text)?;
        let journal = Journal::of(path).map_err(|error| {
            DynoxideError::InternalServerError(format!("the journal of {text}: {error}"))
        })?;
        self.in_place = Some((in_place, journal));
        self.has_tables = true;
        Ok(())
    }

    /// Whether all that was written is durable; else nothing may be answered before [`keep`](Self::keep).
    pub(crate) fn is_durable(&self) -> bool {
        self.is_durable
    }

    /// Makes all that was written durable, in the file that is at its place: what is written to another is lost.
    ///
    /// # Errors
    /// It is not durable. Unless the file is just gone, nobody is served from a place with [`NotKept::Damaged`] until the
    /// server starts again.
    pub(crate) fn keep(&mut self) -> Result<(), NotKept> {
        let ended = self.database.end_group();
        self.sync()?;
        ended.map_err(|Lost| NotKept::Lost)
    }

    fn sync(&mut self) -> Result<(), Damage> {
        let Some((in_place, journal)) = self.in_place.as_ref().filter(|_| !self.is_durable) else {
            self.is_durable = true;
            return Ok(());
        };
        let synced = journal.sync();
        let kept = synced.map_err(|error| Damage::Unsynced(error.to_string()));
        let kept = kept.and_then(|()| in_place.confirm());
        self.is_durable = kept.is_ok();
        kept.inspect_err(|damage| {
            if let (Damage::Replaced | Damage::Unsynced(_), Some(files)) = (damage, &self.files) {
                files.condemn(&self.owner, damage.clone());
            }
        })
    }

    /// Whether closing it loses nothing.
    pub(crate) fn may_close(&self) -> bool {
        self.files.is_some() || !self.has_tables
    }

    /// Whether a table was ever made.
    pub(crate) fn has_tables(&self) -> bool {
        self.has_tables
    }

    /// Deletes items past their time to live; how many.
    pub(crate) fn sweep(&mut self) -> Result<usize, DynoxideError> {
        if !self.has_tables {
            return Ok(0);
        }
        self.is_durable = false;
        self.database.whole()?.sweep_ttl()
    }

    pub(crate) fn call(&mut self, request: TableRequest) -> TableAnswer {
        let operation = request.operation();
        // What is kept in memory only is never waited for.
        self.is_durable &= operation.is_read() || self.files.is_none();
        let mut members = request.into_members();
        let completed = definitions::complete(operation, &mut members).and_then(|()| {
            let checked = attribute_names::check(&members);
            let checked = checked.and_then(|()| expressions::check(&members));
            let checked = checked.and_then(|()| legacy_conditions::check(&members));
            checked.map_err(DynoxideError::ValidationException)
        });
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
        if operation.is_control() {
            self.database.forget_definitions();
        }
        match result {
            Ok(body) => TableAnswer {
                status: 200,
                body: body.into(),
            },
            Err(error) => self.failed(operation, &error),
        }
    }

    /// Makes the file only for a request that makes a table.
    fn create_first_table(&mut self, members: Value) -> Result<Vec<u8>, DynoxideError> {
        let operation = TableOperation::CreateTable;
        let answer = self.execute(operation, members.clone())?;
        let Some(files) = &self.files else {
            self.has_tables = true;
            return Ok(answer);
        };
        let unusable = |error: &dyn std::fmt::Display| {
            DynoxideError::InternalServerError(format!("no file for tables: {error}"))
        };
        let made = match files.find(&self.owner) {
            Ok(None) => files.make(&self.owner).map_err(|error| unusable(&error)),
            // An attempt that failed after it was made.
            Ok(Some(path)) => Ok(path),
            Err(damage) => Err(unusable(&damage)),
        };
        // What was done in memory was the trial.
        self.database = Store::memory()?;
        self.open_file(&made?).map_err(|error| unusable(&error))?;
        self.execute(operation, members)
    }

    fn failed(&self, operation: TableOperation, error: &DynoxideError) -> TableAnswer {
        let status = error.status_code();
        if status < 500 {
            if let (true, DynoxideError::ResourceNotFoundException(text)) =
                (continuous_backups::is_about(operation), error)
            {
                // The only operations that do not say ResourceNotFoundException.
                return TableAnswer::error(status, "TableNotFoundException", text);
            }
            return TableAnswer {
                status,
                body: error_texts::with_cut_texts(error.to_json()).into(),
            };
        }
        tracing::error!(
            account = %self.owner.account,
            region = %self.owner.region,
            ?operation,
            %error,
            "an operation on tables failed"
        );
        let text = error.to_string();
        if ["malformed", "not a database", "not a valid database"]
            .iter()
            .any(|words| text.contains(words))
        {
            return unserved(&self.owner, &Damage::Damaged(text));
        }
        TableAnswer::internal_error()
    }

    fn execute(
        &mut self,
        operation: TableOperation,
        members: Value,
    ) -> Result<Vec<u8>, DynoxideError> {
        use TableOperation as Op;
        match operation {
            Op::DeleteItem | Op::GetItem | Op::PutItem | Op::Query | Op::Scan | Op::UpdateItem => {
                self.database.open_items()?;
                of_item(&self.database, operation, members)
            }
            Op::UpdateTable => {
                indexes::check(&self.database, &members)?;
                let made = indexes::made(&members);
                billing::note(self.database.whole()?, &members);
                let answer = self.database.whole()?.update_table(decode(members)?)?;
                self.database.forget_definitions();
                indexes::narrow(&mut self.database, &made)?;
                self.describe(&answer)
            }
            _ => self.of_tables(operation, members),
        }
    }

    /// Does what is not about a single item.
    fn of_tables(
        &self,
        operation: TableOperation,
        members: Value,
    ) -> Result<Vec<u8>, DynoxideError> {
        use TableOperation as Op;
        let database = self.database.whole()?;
        match operation {
            Op::BatchExecuteStatement => {
                encode(&database.batch_execute_statement(decode(members)?)?)
            }
            Op::BatchGetItem => encode(&database.batch_get_item(decode(members)?)?),
            Op::BatchWriteItem => encode(&database.batch_write_item(decode(members)?)?),
            Op::CreateTable => self.describe(&database.create_table(decode(members)?)?),
            Op::DeleteTable => self.delete_table(members),
            Op::DescribeContinuousBackups => {
                encode(&continuous_backups::describe(database, decode(members)?)?)
            }
            Op::DescribeTable => self.describe(&database.describe_table(decode(members)?)?),
            Op::DescribeTimeToLive => encode(&database.describe_time_to_live(decode(members)?)?),
            Op::ExecuteStatement => encode(&database.execute_statement(decode(members)?)?),
            Op::ExecuteTransaction => encode(&database.execute_transaction(decode(members)?)?),
            Op::ListTables => encode(&database.list_tables(decode(members)?)?),
            Op::ListTagsOfResource => {
                let mut listed = database.list_tags_of_resource(decode(members)?)?;
                listed.tags.retain(|tag| !continuous_backups::is_own(tag));
                encode(&listed)
            }
            // DynamoDB answers these two with no body at all.
            Op::TagResource => database.tag_resource(decode(members)?).map(|_| Vec::new()),
            Op::TransactGetItems => encode(&database.transact_get_items(decode(members)?)?),
            Op::TransactWriteItems => encode(&database.transact_write_items(decode(members)?)?),
            Op::UntagResource => database
                .untag_resource(decode(members)?)
                .map(|_| Vec::new()),
            Op::UpdateContinuousBackups => {
                encode(&continuous_backups::update(database, decode(members)?)?)
            }
            Op::UpdateTimeToLive => {
                time_to_live::check(database, &members)?;
                encode(&database.update_time_to_live(decode(members)?)?)
            }
            Op::DeleteItem
            | Op::DescribeEndpoints
            | Op::GetItem
            | Op::PutItem
            | Op::Query
            | Op::Scan
            | Op::UpdateItem
            | Op::UpdateTable => Err(DynoxideError::InternalServerError(format!(
                "{operation:?} is none of a database's operations on tables"
            ))),
        }
    }

    /// Deletes a table. Since when it is paid per request is known of a table that is there only.
    fn delete_table(&self, members: Value) -> Result<Vec<u8>, DynoxideError> {
        let database = self.database.whole()?;
        let named = serde_json::json!({ "TableName": members["TableName"] });
        let before = database.describe_table(decode(named)?);
        let before = before.and_then(|before| self.described(&before));
        let mut deleted = self.described(&database.delete_table(decode(members)?)?)?;
        definitions::leave_out_of_the_deleted(&mut deleted);
        let billing = before.map(|mut before| before["Table"]["BillingModeSummary"].take());
        if let Ok(billing @ Value::Object(_)) = billing {
            deleted["TableDescription"]["BillingModeSummary"] = billing;
        }
        encode(&deleted)
    }

    /// Encodes an answer that holds ARNs.
    fn describe<T: Serialize>(&self, answer: &T) -> Result<Vec<u8>, DynoxideError> {
        encode(&self.described(answer)?)
    }

    fn described<T: Serialize>(&self, answer: &T) -> Result<Value, DynoxideError> {
        let mut description = serde_json::to_value(answer).map_err(|error| unwritable(&error))?;
        billing::complete(self.database.whole()?, &mut description);
        own_arns(&self.owner, &mut description);
        Ok(description)
    }
}

/// Does what is about a single item, or reads many.
fn of_item(
    database: &Store,
    operation: TableOperation,
    mut members: Value,
) -> Result<Vec<u8>, DynoxideError> {
    use TableOperation as Op;
    legacy_expected::settle(database, operation, &mut members);
    let members = legacy_reads::in_expressions(database, operation, members)?;
    match operation {
        Op::DeleteItem => encode(&database.delete_item(enveloped(decode(members))?)?),
        Op::GetItem => encode(&database.get_item(decode(members)?)?),
        Op::PutItem => encode(&database.put_item(enveloped(decode(members))?)?),
        Op::Query => {
            let found = database.query(decode(members.clone())?);
            let found = found.map_err(|error| indexes::explained(database, &members, error))?;
            if members["IndexName"].is_null() {
                return encode(&found);
            }
            let mut answer = serde_json::to_value(&found).map_err(|error| unwritable(&error))?;
            local_indexes::fetch(database, &members, &mut answer)?;
            encode(&answer)
        }
        Op::Scan => {
            let found = database.scan(decode(members.clone())?);
            encode(&found.map_err(|error| indexes::explained(database, &members, error))?)
        }
        _ => encode(&updates::update_item(database, members)?),
    }
}

/// The description of a table, as DescribeTable answers it.
fn described(database: &Store, table: &Value) -> Result<Value, DynoxideError> {
    let named = serde_json::json!({ "TableName": table });
    let described = database.describe_table(decode::<DescribeTableRequest>(named)?)?;
    let mut described = serde_json::to_value(&described).map_err(|error| unwritable(&error))?;
    Ok(described["Table"].take())
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_vec(answer).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(format!("the answer cannot be written: {error}"))
}

/// The answer to whoever wants tables whose file is not as it must be. It names the file, by its place in the data folder.
pub(crate) fn unserved(owner: &TableOwner, damage: &Damage) -> TableAnswer {
    let text = format!(
        "The tables of this account and region cannot be served: {}",
        line(owner, damage)
    );
    TableAnswer::error(500, "InternalServerError", &text)
}

#[cfg(test)]
mod differences;
#[cfg(test)]
mod tests;
