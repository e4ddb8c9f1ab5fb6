//! One statement after the other, each with a deadline.

use std::io;
use std::time::Duration;

use millstream_connectors::SinkError;
use millstream_connectors::sinks::postgres::{Address, Connection, Server};
use tokio::sync::Mutex;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

const ANSWER_TIME: Duration = Duration::from_secs(30);

/// A database, and at most one connection to it.
#[derive(Debug)]
pub(super) struct Database {
    server: Server,
    /// None while it is in use: whoever gives up a statement cuts it, as nobody knows how it stands with it.
    connection: Mutex<Option<Connection>>,
}

/// A statement was not answered, or with an error; then it may have been done all the same, if it was not refused.
#[derive(Debug)]
pub(super) struct NotAnswered {
    pub(super) error: SinkError,
    /// Refused, as the database has no such table.
    pub(super) has_no_table: bool,
}

impl From<NotAnswered> for SinkError {
    fn from(not_answered: NotAnswered) -> Self {
        not_answered.error
    }
}

impl Database {
    pub(super) fn new(address: &Address) -> io::Result<Self> {
        Ok(Self {
            server: Server::new(address)?,
            connection: Mutex::default(),
        })
    }

    /// The first column of what the statement answers. If this is dropped, it may have been done.
    pub(super) async fn ask(
        &self,
        statement: &str,
        parameters: &[&str],
    ) -> Result<Vec<Option<String>>, NotAnswered> {
        let mut kept = self.connection.lock().await;
        let asked = async {
            let connection = match kept.take() {
                Some(connection) if !connection.client.is_closed() => connection,
                _ => self.server.connect().await?,
            };
            let typed = |parameter| (parameter as &(dyn ToSql + Sync), Type::TEXT);
            let parameters: Vec<_> = parameters.iter().map(typed).collect();
            // One way there and back; and a pooler that knows no prepared statements is as good.
            let rows = connection.client.query_typed(statement, &parameters);
            let rows = rows.await?;
            *kept = Some(connection);
            let first = rows.iter().map(|row| row.try_get(0));
            first.collect::<Result<Vec<_>, Error>>()
        };
        match tokio::time::timeout(ANSWER_TIME, asked).await {
            Ok(answered) => answered.map_err(|error| described(&error)),
            Err(_) => Err(NotAnswered {
                error: SinkError::new("the catalog's database does not answer"),
                has_no_table: false,
            }),
        }
    }
}

fn described(error: &Error) -> NotAnswered {
    let words = match error.as_db_error() {
        None => SinkError::of("the catalog's database", error),
        Some(from_server) => SinkError::new(format!(
            "the catalog's database: {} ({})",
            from_server.message(),
            from_server.code().code()
        )),
    };
    NotAnswered {
        error: words,
        has_no_table: error.code() == Some(&SqlState::UNDEFINED_TABLE),
    }
}
