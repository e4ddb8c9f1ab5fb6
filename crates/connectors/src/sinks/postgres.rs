//! `postgres`: each item becomes a row of a table. Idempotent: a row has the item's id as its key, so an item that comes
//! again is the row that is there.
//!
//! Items are copied into a table of the connection and from there, by one statement, into the table that is meant; both
//! in one transaction. Values are turned into the columns' types by the server, so whatever it reads as text it takes.
//! What it refuses is found by halves: the others are written.

mod address;
mod connection;
mod server;
mod statements;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use self::connection::Pool;
use self::statements::Statements;
use super::halves::in_halves;
use crate::{FieldPath, Guarantee, Item, Opener, Outcome, Sink, SinkError, SinkFuture};

pub use self::address::{Address, InvalidAddress};
pub use self::server::{Connection, Server};

/// The column of the ids.
pub const ID: &str = "millstream_id";
/// The column of the revisions.
pub const REVISION: &str = "millstream_revision";

/// Most rows of one transaction.
const ROWS_MAX: usize = 2000;
/// Once it has looked for refused rows for so long it says what it knows: the caller's deadline is further away.
const SEARCH_TIME: Duration = Duration::from_secs(15);

/// Opens sinks that write rows. All of them share a few connections.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: Arc<Pool>,
    columns: Arc<[(String, FieldPath)]>,
    search_time: Duration,
}

/// A table that cannot be written to by anyone.
#[derive(Debug, thiserror::Error)]
pub enum InvalidTable {
    /// The name has more than a schema and a table, or nothing.
    #[error("{0:?} is no name of a table: write \"table\" or \"schema.table\"")]
    Name(String),
    /// Nothing but the id would be written.
    #[error("a row needs a column: columns = {{ ticker = \".ticker\" }}")]
    NoColumns,
    /// The id and the revision are written by the sink.
    #[error("the column {0} is written by the sink itself")]
    Reserved(String),
    /// The certificates cannot be read.
    #[error("the certificates that the server is checked by: {0}")]
    Certificates(String),
}

impl Postgres {
    /// Whether rows of this table (`table` or `schema.table`) can be written, each column from a field.
    ///
    /// # Errors
    /// See [`InvalidTable`]; the certificates are not looked at.
    pub fn check(table: &str, columns: &[(String, FieldPath)]) -> Result<(), InvalidTable> {
        Self::statements(table, columns).map(|_| ())
    }

    /// Rows of a table. Nothing is sent yet.
    ///
    /// # Errors
    /// See [`InvalidTable`].
    pub fn new(
        address: &Address,
        table: &str,
        columns: Vec<(String, FieldPath)>,
    ) -> Result<Self, InvalidTable> {
        let statements = Self::statements(table, &columns)?;
        let server =
            Server::new(address).map_err(|error| InvalidTable::Certificates(error.to_string()))?;
        Ok(Self {
            pool: Arc::new(Pool::new(server, statements)),
            columns: columns.into(),
            search_time: SEARCH_TIME,
        })
    }

    fn statements(
        table: &str,
        columns: &[(String, FieldPath)],
    ) -> Result<Statements, InvalidTable> {
        if columns.is_empty() {
            return Err(InvalidTable::NoColumns);
        }
        let reserved = columns
            .iter()
            .find(|(name, _)| [ID, REVISION].contains(&name.as_str()));
        if let Some((name, _)) = reserved {
            return Err(InvalidTable::Reserved(name.clone()));
        }
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        Statements::of(table, &names).ok_or_else(|| InvalidTable::Name(table.to_owned()))
    }
}

impl Opener for Postgres {
    fn open(&self, _: &str) -> Box<dyn Sink> {
        Box::new(PostgresSink(self.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Idempotent
    }
}

#[derive(Debug)]
struct PostgresSink(Postgres);

impl Sink for PostgresSink {
    fn deliver<'a>(
        &'a mut self,
        items: &'a [Item],
    ) -> SinkFuture<'a, Result<Vec<Outcome>, SinkError>> {
        Box::pin(async move {
            let lines: Vec<String> = items
                .iter()
                .map(|item| statements::line(item, &self.0.columns))
                .collect();
            let pool = &self.0.pool;
            let write = |range: std::ops::Range<usize>| pool.write(lines[range].concat());
            Ok(in_halves(items.len(), ROWS_MAX, self.0.search_time, write).await)
        })
    }
}

#[cfg(test)]
mod tests;
