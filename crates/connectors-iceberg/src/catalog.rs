//! Where tables are found, and where a commit passes or not: a REST catalog, or rows of a database.

mod rest;
mod sql;

use std::path::Path;
use std::sync::Arc;

use http::Uri;
use iceberg::io::FileIO;
use iceberg::spec::{Schema, TableMetadata};
use iceberg::table::Table;
use iceberg::{Error, ErrorKind, Runtime, TableCommit, TableIdent};
use millstream_connectors::SinkError;
use millstream_connectors::sinks::postgres::Address;
use millstream_types::WallClock;

use self::rest::Rest;
use self::sql::Sql;

pub use self::rest::Who;

/// Where tables are found.
#[derive(Debug)]
pub struct Catalog(Kind);

#[derive(Debug)]
enum Kind {
    Rest(Rest),
    Sql(Sql),
}

/// There can be no such catalog.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidCatalog(String);

impl Catalog {
    /// The catalog at this URL, checked by the authorities of that file or those that the machine trusts. Nothing is sent
    /// yet.
    ///
    /// # Errors
    /// If nothing is there to check it by.
    pub fn rest(
        url: &Uri,
        warehouse: Option<String>,
        who: Who,
        authorities: Option<&Path>,
        clock: Arc<dyn WallClock>,
    ) -> Result<Self, InvalidCatalog> {
        let rest = Rest::new(url, warehouse, who, authorities, clock);
        rest.map(|rest| Self(Kind::Rest(rest)))
    }

    /// The catalog of this name in a database of PostgreSQL, in the tables that the JDBC catalog of Java and pyiceberg's SQL
    /// catalog share. What is made lies under the warehouse, a location. Nothing is sent yet.
    ///
    /// # Errors
    /// If nothing is there to check the database by.
    pub fn sql(
        address: &Address,
        name: String,
        warehouse: Option<String>,
    ) -> Result<Self, InvalidCatalog> {
        let sql = Sql::new(address, name, warehouse);
        sql.map(|sql| Self(Kind::Sql(sql)))
    }

    /// The table, if it is there.
    pub(crate) async fn load(
        &self,
        table: &TableIdent,
        files: FileIO,
    ) -> Result<Option<Table>, SinkError> {
        match &self.0 {
            Kind::Rest(rest) => rest.load(table, files).await,
            Kind::Sql(sql) => sql.load(table, files).await,
        }
    }

    /// Makes the table, and its namespace, unless they are there.
    pub(crate) async fn create(
        &self,
        table: &TableIdent,
        schema: &Schema,
        files: FileIO,
    ) -> Result<(), SinkError> {
        match &self.0 {
            Kind::Rest(rest) => rest.create(table, schema).await,
            Kind::Sql(sql) => sql.create(table, schema, files).await,
        }
    }

    /// Commits once. [`ErrorKind::CatalogCommitConflicts`] if another commit came before, and nothing was done; after any
    /// other error it may have been done.
    pub(crate) async fn commit(&self, base: &Table, commit: TableCommit) -> iceberg::Result<Table> {
        match &self.0 {
            Kind::Rest(rest) => rest.commit(base, commit).await,
            Kind::Sql(sql) => sql.commit(base, commit).await,
        }
    }
}

fn opened(
    table: &TableIdent,
    files: FileIO,
    metadata: TableMetadata,
    location: Option<String>,
) -> Result<Table, SinkError> {
    let builder = Table::builder()
        .identifier(table.clone())
        .file_io(files)
        .metadata(metadata)
        .runtime(Runtime::current());
    let builder = match location {
        Some(location) => builder.metadata_location(location),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| SinkError::of(&format!("table {table}"), &error))
}

fn unknown(error: SinkError) -> Error {
    Error::new(ErrorKind::Unexpected, error.message)
}
