//! `postgres = { url = "postgresql://...", table = "NAME", columns = { column = ".field" } }`.

use std::sync::Arc;

use millstream_connectors::sinks::postgres::{Address, Postgres};
use millstream_connectors::{FieldPath, Guarantee, Opener};

use super::{DeclaredSink, Kind, options};
use crate::clients::Clients;
use crate::file::reader::{Reader, Section};

pub(super) const KIND: Kind = Kind {
    word: "postgres",
    example: "postgres = { url = \"postgresql://...\", table = \"NAME\", columns = { id = \".id\" } }",
    read,
};

/// Where a password comes from that is not in the file.
const PASSWORD: &str = "PGPASSWORD";

#[derive(Debug)]
struct Declared {
    address: Address,
    table: String,
    /// Each column, and the field that it comes from.
    columns: Vec<(String, FieldPath)>,
}

fn read(reader: &mut Reader<'_>, mut section: Section<'_>) -> Option<Arc<dyn DeclaredSink>> {
    let url = section.required(
        reader,
        "url",
        "\"postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full\"",
    );
    let address = url.and_then(|(url, at)| match url.parse::<Address>() {
        Ok(address) => Some(address),
        Err(error) => {
            let path = section.path_of("url");
            reader.problem(at, format!("{path}: {error}"));
            None
        }
    });
    let table = section.required(reader, "table", "\"NAME\"");
    let columns = columns(reader, &mut section);
    section.finish(reader);
    let (address, (table, table_at), columns) = (address?, table?, columns?);
    if let Err(error) = Postgres::check(&table, &columns) {
        reader.problem(table_at, error.to_string());
        return None;
    }
    Some(Arc::new(Declared {
        address,
        table,
        columns,
    }))
}

fn columns(reader: &mut Reader<'_>, section: &mut Section<'_>) -> Option<Vec<(String, FieldPath)>> {
    if !section.has("columns") {
        let path = section.path_of("columns");
        reader.problem(
            section.at(),
            format!(
                "{path} is missing: write columns = {{ ticker = \".ticker\", price = \".price\" }}"
            ),
        );
    }
    let mut inner = section.section(reader, "columns")?;
    let fields: Vec<Option<(String, FieldPath)>> = inner
        .rest()
        .into_iter()
        .map(|(name, _)| {
            let path = options::field(reader, &mut inner, &name).flatten();
            path.map(|path| (name, path))
        })
        .collect();
    fields.into_iter().collect()
}

impl DeclaredSink for Declared {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        let address = match std::env::var(PASSWORD) {
            Ok(password) => self.address.clone().or_password(&password),
            Err(_) => self.address.clone(),
        };
        let sink = Postgres::new(&address, &self.table, self.columns.clone());
        Ok(Arc::new(sink.map_err(|error| error.to_string())?))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }

    fn describe(&self) -> String {
        format!("PostgreSQL table {} at {}", self.table, self.address)
    }
}
