//! Sessions over PostgreSQL's protocol: statements as text, which Redshift takes as PostgreSQL does.

use tokio_postgres::{Error, SimpleQueryMessage};

use super::loader::{Session, Sessions};
use crate::sinks::postgres::{Connection, Server};
use crate::{SinkError, SinkFuture};

impl Sessions for Server {
    fn open(&self) -> SinkFuture<'_, Result<Box<dyn Session>, SinkError>> {
        Box::pin(async move {
            let connected = self.connect().await;
            let connection = connected.map_err(|error| described(&error))?;
            Ok(Box::new(connection) as Box<dyn Session>)
        })
    }
}

impl Session for Connection {
    fn run<'a>(&'a mut self, statement: &'a str) -> SinkFuture<'a, Result<usize, SinkError>> {
        Box::pin(async move {
            let messages = self.client.simple_query(statement).await;
            let messages = messages.map_err(|error| described(&error))?;
            let is_row = |one: &&SimpleQueryMessage| matches!(one, SimpleQueryMessage::Row(_));
            Ok(messages.iter().filter(is_row).count())
        })
    }

    fn is_closed(&self) -> bool {
        self.client.is_closed()
    }
}

fn described(error: &Error) -> SinkError {
    let Some(from_server) = error.as_db_error() else {
        return SinkError::of("Redshift", error);
    };
    let (message, code) = (from_server.message(), from_server.code().code());
    let mut message = format!("Redshift: {message} ({code})");
    if let Some(detail) = from_server.detail() {
        message.push_str("; ");
        message.extend(detail.chars().take(300));
    }
    SinkError::new(message)
}
