//! The embedded database, and in a file a second connection to it on which writes of single items that wait together
//! share one transaction.
//!
//! The library begins and ends a transaction in each write. On that connection SQLite is told to leave out these
//! statements while a group is open (an authorizer that ignores them: the action is not done, the statement is); a
//! savepoint around each write stands in their place. Everything else goes by the library's own connection, after the
//! group was committed.

mod group;

use dynoxide::actions::delete_item::{DeleteItemRequest, DeleteItemResponse};
use dynoxide::actions::describe_table::{DescribeTableRequest, DescribeTableResponse};
use dynoxide::actions::get_item::{GetItemRequest, GetItemResponse};
use dynoxide::actions::put_item::{PutItemRequest, PutItemResponse};
use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::{ScanRequest, ScanResponse};
use dynoxide::actions::update_item::{UpdateItemRequest, UpdateItemResponse};
use dynoxide::actions::{delete_item, get_item, put_item, query, scan, update_item};
use dynoxide::storage::Storage;
use dynoxide::{Database, DynoxideError};
use futures::FutureExt;
use serde_json::Value;

use self::group::Items;
pub(crate) use self::group::Lost;

/// The tables of one owner. One thread at a time calls it.
pub(crate) struct Store {
    database: Database,
    /// The file; `None` for memory.
    path: Option<String>,
    /// The connection of single items: opened when it is needed, and anew when the definitions of tables have changed,
    /// which the library keeps for each connection.
    items: Option<Items>,
    /// Whether a group was lost that has not ended yet.
    is_lost: bool,
}

/// What the native library's futures come to: they never wait.
fn done<T>(future: impl Future<Output = T>) -> T {
    future
        .now_or_never()
        .expect("the library's native futures do not wait")
}

impl Store {
    /// Tables in memory.
    pub(crate) fn memory() -> Result<Self, DynoxideError> {
        Ok(Self {
            database: Database::memory()?,
            path: None,
            items: None,
            is_lost: false,
        })
    }

    /// Tables in a file, which is made if it is not there.
    pub(crate) fn open(path: &str) -> Result<Self, DynoxideError> {
        let database = Database::new(path)?;
        // Only so can the level be set from outside: to NORMAL, beside levels that are the defaults. See `journal`.
        database.disable_bulk_loading()?;
        Ok(Self {
            database,
            path: Some(path.to_owned()),
            items: None,
            is_lost: false,
        })
    }

    /// Gets ready for an operation on single items.
    ///
    /// # Errors
    /// The connection cannot be opened.
    pub(crate) fn open_items(&mut self) -> Result<(), DynoxideError> {
        if let (Some(path), None) = (&self.path, &self.items) {
            self.items = Some(Items::open(path)?);
        }
        Ok(())
    }

    /// Everything but single items: the group is committed before it, and it must be durable before it is answered.
    ///
    /// # Errors
    /// The group cannot be committed: no write of it is done.
    pub(crate) fn whole(&self) -> Result<&Database, DynoxideError> {
        self.items.as_ref().map_or(Ok(()), Items::commit)?;
        Ok(&self.database)
    }

    /// Forgets what tables there are, for they have changed.
    pub(crate) fn forget_definitions(&mut self) {
        let items = self.items.take();
        self.is_lost |= items.is_some_and(|items| items.end_group().is_err());
    }

    /// Commits what was written to single items.
    ///
    /// # Errors
    /// No write of the group is done, whatever its answer says.
    pub(crate) fn end_group(&mut self) -> Result<(), Lost> {
        let ended = self.items.as_ref().map_or(Ok(()), Items::end_group);
        match std::mem::take(&mut self.is_lost) {
            true => Err(Lost),
            false => ended,
        }
    }

    /// Takes the entries out of a global index whose items do not fit. In memory all of them stay.
    ///
    /// # Errors
    /// The file cannot be read or written: all of them stay.
    pub(crate) fn retain_in_index(
        &mut self,
        table: &str,
        index: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<(), DynoxideError> {
        self.open_items()?;
        self.items.as_ref().map_or(Ok(()), |items| {
            items.write(|storage| retain_in_index(storage, table, index, fits))?;
            items.commit()
        })
    }

    /// What is known of a table. Changes of items that are in the group are not counted in it.
    pub(crate) fn describe_table(
        &self,
        request: DescribeTableRequest,
    ) -> Result<DescribeTableResponse, DynoxideError> {
        self.database.describe_table(request)
    }

    pub(crate) fn get_item(
        &self,
        request: GetItemRequest,
    ) -> Result<GetItemResponse, DynoxideError> {
        match &self.items {
            Some(items) => done(get_item::execute(items.read()?, request)),
            None => self.database.get_item(request),
        }
    }

    pub(crate) fn query(&self, request: QueryRequest) -> Result<QueryResponse, DynoxideError> {
        match &self.items {
            Some(items) => done(query::execute(items.read()?, request)),
            None => self.database.query(request),
        }
    }

    pub(crate) fn scan(&self, request: ScanRequest) -> Result<ScanResponse, DynoxideError> {
        match &self.items {
            Some(items) => done(scan::execute(items.read()?, request)),
            None => self.database.scan(request),
        }
    }

    pub(crate) fn put_item(
        &self,
        request: PutItemRequest,
    ) -> Result<PutItemResponse, DynoxideError> {
        match &self.items {
            Some(items) => items.write(|storage| done(put_item::execute(storage, request))),
            None => self.database.put_item(request),
        }
    }

    pub(crate) fn update_item(
        &self,
        request: UpdateItemRequest,
    ) -> Result<UpdateItemResponse, DynoxideError> {
        match &self.items {
            Some(items) => items.write(|storage| done(update_item::execute(storage, request))),
            None => self.database.update_item(request),
        }
    }

    pub(crate) fn delete_item(
        &self,
        request: DeleteItemRequest,
    ) -> Result<DeleteItemResponse, DynoxideError> {
        match &self.items {
            Some(items) => items.write(|storage| done(delete_item::execute(storage, request))),
            None => self.database.delete_item(request),
        }
    }
}

#[cfg(test)]
impl Store {
    /// As if SQLite had given up the group.
    pub(crate) fn tear(&self) {
        self.items.iter().for_each(Items::tear);
    }
}

fn retain_in_index(
    storage: &Storage,
    table: &str,
    index: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<(), DynoxideError> {
    let quoted = format!("{table}::gsi::{index}").replace('"', "\"\"");
    let mut entries = storage.conn().prepare(&format!(
        "SELECT table_pk, table_sk, item_json FROM \"{quoted}\""
    ))?;
    let mut rows = entries.query([])?;
    let mut misfits: Vec<(String, String)> = Vec::new();
    while let Some(row) = rows.next()? {
        let item: String = row.get(2)?;
        let item = serde_json::from_str(&item)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))?;
        if !fits(&item) {
            misfits.push((row.get(0)?, row.get(1)?));
        }
    }
    for (hash, range) in misfits {
        storage.delete_gsi_item(table, index, &hash, &range)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
