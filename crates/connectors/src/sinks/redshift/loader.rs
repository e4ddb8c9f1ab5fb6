//! Loads over connections: what one transaction says, and when it is tried on another one.

use std::fmt;

use tokio::sync::Mutex;

use super::loads::{LOAD_TIME_MAX, Loads, not_in_time};
use super::statements::Statements;
use crate::{SinkError, SinkFuture};

/// A connection to Redshift. Dropped, it is cut, and Redshift takes back what was not committed.
pub(super) trait Session: Send + fmt::Debug {
    /// Runs one statement; how many rows it has given. If this future is dropped, the session must be too.
    fn run<'a>(&'a mut self, statement: &'a str) -> SinkFuture<'a, Result<usize, SinkError>>;

    /// Whether it is known that nothing can be run any more.
    fn is_closed(&self) -> bool;
}

/// Opens connections.
pub(super) trait Sessions: Send + Sync + fmt::Debug {
    fn open(&self) -> SinkFuture<'_, Result<Box<dyn Session>, SinkError>>;
}

/// Loads over one connection.
#[derive(Debug)]
pub(super) struct Loader {
    sessions: Box<dyn Sessions>,
    statements: Statements,
    /// Held for a whole load.
    idle: Mutex<Option<Box<dyn Session>>>,
}

impl Loader {
    pub(super) fn new(sessions: Box<dyn Sessions>, statements: Statements) -> Self {
        Self {
            sessions,
            statements,
            idle: Mutex::default(),
        }
    }

    async fn open(&self) -> Result<Box<dyn Session>, SinkError> {
        let mut session = self.sessions.open().await?;
        session.run(&self.statements.make_loads).await?;
        Ok(session)
    }

    async fn transaction(
        &self,
        session: &mut dyn Session,
        manifest: &str,
    ) -> Result<(), SinkError> {
        let statements = &self.statements;
        session.run("BEGIN").await?;
        session.run(&statements.lock).await?;
        if session.run(&statements.is_loaded(manifest)).await? == 0 {
            session.run(&statements.copy(manifest)).await?;
            session.run(&statements.note(manifest)).await?;
        }
        session.run("COMMIT").await?;
        Ok(())
    }
}

impl Loads for Loader {
    /// What took too long is taken back with its connection.
    fn load<'a>(&'a self, manifest: &'a str) -> SinkFuture<'a, Result<(), SinkError>> {
        Box::pin(async move {
            let loading = async {
                let mut idle = self.idle.lock().await;
                // Taken out: after a failure nobody knows how it stands with a session.
                let mut session = match idle.take() {
                    Some(session) if !session.is_closed() => session,
                    _ => self.open().await?,
                };
                self.transaction(&mut *session, manifest).await?;
                *idle = Some(session);
                Ok(())
            };
            let loaded = tokio::time::timeout(LOAD_TIME_MAX, loading).await;
            loaded.unwrap_or_else(|_| Err(not_in_time(manifest)))
        })
    }
}

#[cfg(test)]
mod tests;
