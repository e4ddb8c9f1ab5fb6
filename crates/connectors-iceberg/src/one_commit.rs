//! One commit of one table as it was loaded: what iceberg's transactions want to see of a catalog.
//!
//! A transaction asks the catalog for the table anew and, if another commit came in between, adds its files to that
//! without a second look. Here it is shown the table that was looked at, and a conflict comes back to who can look.

use std::collections::HashMap;

use async_trait::async_trait;
use iceberg::table::Table;
use iceberg::{
    Error, ErrorKind, Namespace, NamespaceIdent, Result, TableCommit, TableCreation, TableIdent,
};

use crate::catalog::Catalog;

/// A catalog of one table, which takes one commit.
#[derive(Debug)]
pub(crate) struct OneCommit<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) base: Table,
}

fn nothing_else<T>() -> Result<T> {
    Err(Error::new(
        ErrorKind::FeatureUnsupported,
        "one commit of one table, and nothing else",
    ))
}

#[async_trait]
impl iceberg::Catalog for OneCommit<'_> {
    async fn load_table(&self, _: &TableIdent) -> Result<Table> {
        Ok(self.base.clone())
    }

    async fn update_table(&self, commit: TableCommit) -> Result<Table> {
        self.catalog.commit(&self.base, commit).await
    }

    async fn list_namespaces(&self, _: Option<&NamespaceIdent>) -> Result<Vec<NamespaceIdent>> {
        nothing_else()
    }

    async fn create_namespace(
        &self,
        _: &NamespaceIdent,
        _: HashMap<String, String>,
    ) -> Result<Namespace> {
        nothing_else()
    }

    async fn get_namespace(&self, _: &NamespaceIdent) -> Result<Namespace> {
        nothing_else()
    }

    async fn namespace_exists(&self, _: &NamespaceIdent) -> Result<bool> {
        nothing_else()
    }

    async fn update_namespace(&self, _: &NamespaceIdent, _: HashMap<String, String>) -> Result<()> {
        nothing_else()
    }

    async fn drop_namespace(&self, _: &NamespaceIdent) -> Result<()> {
        nothing_else()
    }

    async fn list_tables(&self, _: &NamespaceIdent) -> Result<Vec<TableIdent>> {
        nothing_else()
    }

    async fn create_table(&self, _: &NamespaceIdent, _: TableCreation) -> Result<Table> {
        nothing_else()
    }

    async fn drop_table(&self, _: &TableIdent) -> Result<()> {
        nothing_else()
    }

    async fn purge_table(&self, _: &TableIdent) -> Result<()> {
        nothing_else()
    }

    async fn table_exists(&self, _: &TableIdent) -> Result<bool> {
        nothing_else()
    }

    async fn rename_table(&self, _: &TableIdent, _: &TableIdent) -> Result<()> {
        nothing_else()
    }

    async fn register_table(&self, _: &TableIdent, _: String) -> Result<Table> {
        nothing_else()
    }
}
