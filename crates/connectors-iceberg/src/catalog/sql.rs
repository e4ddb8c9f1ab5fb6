//! A catalog in PostgreSQL: a row of a table says where the metadata is, and a commit is one UPDATE of it that compares.
//!
//! The two tables are those that the JDBC catalog of Java and pyiceberg's SQL catalog have. Those that are made now have a column
//! that tells tables from views, older ones have not; where it says nothing, everyone takes a row for a table.

mod database;

use std::str::FromStr;

use iceberg::io::FileIO;
use iceberg::spec::{Schema, TableMetadata, TableMetadataBuilder};
use iceberg::table::Table;
use iceberg::{Error, ErrorKind, MetadataLocation, TableCommit, TableCreation, TableIdent};
use millstream_connectors::SinkError;
use millstream_connectors::sinks::postgres::Address;

use self::database::Database;
use super::{InvalidCatalog, unknown};

const ARE_THERE: &str = "\
    SELECT 'yes' WHERE to_regclass('iceberg_tables') IS NOT NULL AND to_regclass('iceberg_namespace_properties') IS NOT NULL";
const MAKE: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS iceberg_tables ( \
         catalog_name varchar(255) NOT NULL, table_namespace varchar(255) NOT NULL, table_name varchar(255) NOT NULL, \
         metadata_location varchar(1000), previous_metadata_location varchar(1000), \
         iceberg_type varchar(5), PRIMARY KEY (catalog_name, table_namespace, table_name))",
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties ( \
         catalog_name varchar(255) NOT NULL, namespace varchar(255) NOT NULL, property_key varchar(255) NOT NULL, \
         property_value varchar(1000) NOT NULL, PRIMARY KEY (catalog_name, namespace, property_key))",
];
/// A namespace is there if it has a property; this is the one of those that have no other.
const ADD_NAMESPACE: &str = "\
    INSERT INTO iceberg_namespace_properties (catalog_name, namespace, property_key, property_value) \
    VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING";
/// Of the row's members those that the table has columns for.
const ADD_TABLE: &str = "\
    INSERT INTO iceberg_tables SELECT made.* FROM jsonb_populate_record(NULL::iceberg_tables, jsonb_build_object( \
        'catalog_name', $1, 'table_namespace', $2, 'table_name', $3, 'metadata_location', $4, 'iceberg_type', 'TABLE')) AS made \
    ON CONFLICT DO NOTHING RETURNING metadata_location";
const FIND: &str = "\
    SELECT metadata_location FROM iceberg_tables AS found \
    WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3 \
      AND coalesce(to_jsonb(found) ->> 'iceberg_type', 'TABLE') = 'TABLE'";
const MOVE_ON: &str = "\
    UPDATE iceberg_tables SET metadata_location = $4, previous_metadata_location = $5 \
    WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3 AND metadata_location = $5 \
    RETURNING metadata_location";

/// The catalog of one name in a database.
#[derive(Debug)]
pub(super) struct Sql {
    database: Database,
    name: String,
    warehouse: Option<String>,
}

impl Sql {
    pub(super) fn new(
        address: &Address,
        name: String,
        warehouse: Option<String>,
    ) -> Result<Self, InvalidCatalog> {
        let database = Database::new(address);
        Ok(Self {
            database: database.map_err(|error| InvalidCatalog(error.to_string()))?,
            name,
            warehouse,
        })
    }

    pub(super) async fn load(
        &self,
        table: &TableIdent,
        files: FileIO,
    ) -> Result<Option<Table>, SinkError> {
        let namespace = namespace(table);
        let row = [&self.name, &namespace, table.name()];
        let found = match self.database.ask(FIND, &row).await {
            Err(refused) if refused.has_no_table => return Ok(None),
            found => found?.pop(),
        };
        let Some(location) = found else {
            return Ok(None);
        };
        let location = location
            .ok_or_else(|| SinkError::new(format!("table {table} has a row without metadata")))?;
        let metadata = TableMetadata::read_from(&files, &location).await;
        let metadata =
            metadata.map_err(|error| SinkError::of(&format!("table {table}"), &error))?;
        super::opened(table, files, metadata, Some(location)).map(Some)
    }

    pub(super) async fn create(
        &self,
        table: &TableIdent,
        schema: &Schema,
        files: FileIO,
    ) -> Result<(), SinkError> {
        let warehouse = self.warehouse.as_deref().ok_or_else(|| {
            SinkError::new(format!(
                "there is no table {table}: make it, or write where it is to lie with warehouse = \"s3://...\""
            ))
        })?;
        // Not every role may make them, and one that may not must not try where they are.
        if self.database.ask(ARE_THERE, &[]).await?.is_empty() {
            for statement in MAKE {
                self.database.ask(statement, &[]).await?;
            }
        }
        let namespace = namespace(table);
        self.database
            .ask(ADD_NAMESPACE, &[&self.name, &namespace])
            .await?;
        let failed = |error: Error| SinkError::of(&format!("table {table}"), &error);
        let (metadata, location) = made(table, schema, warehouse).map_err(failed)?;
        metadata.write_to(&files, &location).await.map_err(failed)?;
        let location = location.to_string();
        let row = [&self.name, &namespace, table.name(), &location];
        if self.database.ask(ADD_TABLE, &row).await?.is_empty() {
            // Somebody was faster.
            files.delete(&location).await.ok();
        }
        Ok(())
    }

    pub(super) async fn commit(&self, base: &Table, commit: TableCommit) -> iceberg::Result<Table> {
        let (table, files) = (base.identifier(), base.file_io());
        let before = base.metadata_location_result()?;
        let next = commit.apply(base.clone())?;
        let after = next.metadata_location_result()?;
        let location = MetadataLocation::from_str(after)?;
        next.metadata().write_to(files, &location).await?;
        let row = [&self.name, &namespace(table), table.name(), after, before];
        let moved = self.database.ask(MOVE_ON, &row).await;
        let moved = moved.map_err(|error| unknown(error.into()))?;
        if !moved.is_empty() {
            return Ok(next);
        }
        // No row has it, and none will.
        files.delete(after).await.ok();
        Err(Error::new(
            ErrorKind::CatalogCommitConflicts,
            format!("somebody else committed to {table}"),
        ))
    }
}

/// Levels of a namespace, as both write them.
fn namespace(table: &TableIdent) -> String {
    table.namespace().as_ref().join(".")
}

/// A table of this schema that has no snapshot yet, and where that is to be written.
fn made(
    table: &TableIdent,
    schema: &Schema,
    warehouse: &str,
) -> iceberg::Result<(TableMetadata, MetadataLocation)> {
    let levels = table.namespace().as_ref().join("/");
    let location = format!(
        "{}/{levels}/{}",
        warehouse.trim_end_matches('/'),
        table.name()
    );
    let creation = TableCreation::builder()
        .name(table.name().to_owned())
        .location(location.clone())
        .schema(schema.clone())
        .build();
    let metadata = TableMetadataBuilder::from_table_creation(creation)?
        .build()?
        .metadata;
    let location = MetadataLocation::new_with_metadata(location, &metadata);
    Ok((metadata, location))
}

#[cfg(test)]
mod tests;
