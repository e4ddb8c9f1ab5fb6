//! Sessions over PostgreSQL's protocol: statements as text, which Redshift takes as PostgreSQL does.

use std::time::Duration;

use tokio_postgres::{Client, Config, Error, SimpleQueryMessage};
use tokio_util::task::AbortOnDropHandle;

use super::loader::{Session, Sessions};
use crate::sinks::postgres::Tls;
use crate::{SinkError, SinkFuture};

/// Unless the address says otherwise (`connect_timeout`).
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Where to connect to.
#[derive(Debug)]
pub(super) struct Server {
    config: Config,
    tls: Tls,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub(super) fn new(mut config: Config, tls: Tls) -> Self {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME);
        }
        if config.get_application_name().is_none() {
            config.application_name("millstream");
        }
        Self { config, tls }
    }
}

impl Sessions for Server {
    fn open(&self) -> SinkFuture<'_, Result<Box<dyn Session>, SinkError>> {
        Box::pin(async move {
            let connected = self.config.connect(self.tls.clone()).await;
            let (client, connection) = connected.map_err(|error| described(&error))?;
            let task = tokio::spawn(async move {
                // Whoever asks next is told.
                connection.await.ok();
            });
            let session = Connection {
                client,
                _task: AbortOnDropHandle::new(task),
            };
            Ok(Box::new(session) as Box<dyn Session>)
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
