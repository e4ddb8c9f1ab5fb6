//! Connections, and one transaction.

use bytes::Bytes;
use futures::SinkExt;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Error, Statement};

use super::server::{self, Server};
use super::statements::{COPY, MAKE_STAGING, Statements};
use crate::SinkError;
use crate::sinks::halves::NotWritten;

/// Most connections of one sink in one process, however many shards there are: a server has a hundred.
const CONNECTIONS_MAX: usize = 4;

/// What the role needs.
const RIGHTS: &str = "The role needs INSERT, UPDATE and SELECT on the table, USAGE on its schema and TEMPORARY on the database";

/// Connections that come and go.
#[derive(Debug)]
pub(super) struct Pool {
    server: Server,
    statements: Statements,
    places: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

/// One that is prepared.
#[derive(Debug)]
struct Connection {
    with: server::Connection,
    copy: Statement,
    upsert: Statement,
}

impl Pool {
    pub(super) fn new(server: Server, statements: Statements) -> Self {
        Self {
            server,
            statements,
            places: Semaphore::new(CONNECTIONS_MAX),
            idle: Mutex::default(),
        }
    }

    /// Writes the lines, all or none. If this future is dropped, they may have been written.
    pub(super) async fn write(&self, lines: String) -> Result<(), NotWritten> {
        let place = self.places.acquire().await;
        let _place = place.map_err(|_| NotWritten::Unknown("closed".to_owned()))?;
        let idle = self.idle.lock().pop();
        let mut connection = match idle {
            Some(connection) if !connection.with.client.is_closed() => connection,
            _ => self.connect().await.map_err(|error| not_written(&error))?,
        };
        let written = connection.write(lines.into()).await;
        let written = written.map_err(|error| not_written(&error));
        // After anything else nobody knows how it stands with the connection.
        if matches!(written, Ok(()) | Err(NotWritten::Refused(_))) {
            self.idle.lock().push(connection);
        }
        written
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let with = self.server.connect().await?;
        with.client.batch_execute(MAKE_STAGING).await?;
        let copy = with.client.prepare(COPY).await?;
        let upsert = with.client.prepare(&self.statements.upsert).await?;
        Ok(Connection { with, copy, upsert })
    }
}

impl Connection {
    async fn write(&mut self, lines: Bytes) -> Result<(), Error> {
        let transaction = self.with.client.transaction().await?;
        let written = async {
            let mut copy = Box::pin(transaction.copy_in(&self.copy).await?);
            copy.send(lines).await?;
            copy.close().await?;
            transaction.execute(&self.upsert, &[]).await
        };
        match written.await {
            Ok(_) => transaction.commit().await,
            Err(error) => {
                // Its own failure shows at the next use.
                transaction.rollback().await.ok();
                Err(error)
            }
        }
    }
}

/// Whether it is the rows' fault. What is not about values (no table, no column, no room) is put right by somebody, and then
/// they are written; a right that is missing is nobody's passing trouble.
fn not_written(error: &Error) -> NotWritten {
    let message = SinkError::of("PostgreSQL", error).message;
    let Some(from_server) = error.as_db_error() else {
        return NotWritten::Unknown(message);
    };
    let code = from_server.code().code();
    let mut cause = format!("PostgreSQL: {} ({code})", from_server.message());
    for more in [from_server.detail(), from_server.where_()]
        .into_iter()
        .flatten()
    {
        cause.push_str("; ");
        cause.push_str(&more.chars().take(300).collect::<String>());
    }
    if is_about_values(code) {
        NotWritten::Refused(cause)
    } else if *from_server.code() == SqlState::INSUFFICIENT_PRIVILEGE {
        NotWritten::Stopped(format!("{cause}. {RIGHTS}"))
    } else {
        NotWritten::Unknown(cause)
    }
}

/// Data exceptions, violated constraints and checks of views, what a trigger raises, and values that are too large.
fn is_about_values(code: &str) -> bool {
    ["22", "23", "44"].contains(&code.get(..2).unwrap_or_default())
        || ["P0001", "54000"].contains(&code)
}
