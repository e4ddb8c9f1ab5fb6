//! One connection, made again when it is lost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, Row, Socket};
use tokio_util::task::AbortOnDropHandle;

use crate::bound::Bound;

/// Unless the configuration says otherwise (`connect_timeout`).
const CONNECT_TIME: Duration = Duration::from_secs(5);

type Connecting = BoxFuture<'static, Result<Connected, Error>>;

/// Calls of all leases share one connection, which answers them in turn.
pub(crate) struct Connection {
    connect: Box<dyn Fn() -> Connecting + Send + Sync>,
    current: Mutex<Option<Arc<Connected>>>,
    /// Held by whoever connects.
    connecting: AsyncMutex<()>,
}

struct Connected {
    client: Client,
    _task: AbortOnDropHandle<()>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    pub(crate) fn new<T>(mut config: Config, tls: T) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME);
        }
        if config.get_application_name().is_none() {
            config.application_name("millstream-consumer");
        }
        let connect = move || {
            let (config, tls) = (config.clone(), tls.clone());
            async move {
                let (client, connection) = config.connect(tls).await?;
                let task = tokio::spawn(async move {
                    // Whoever asks next is told.
                    connection.await.ok();
                });
                Ok(Connected {
                    client,
                    _task: AbortOnDropHandle::new(task),
                })
            }
            .boxed()
        };
        Self {
            connect: Box::new(connect),
            current: Mutex::new(None),
            connecting: AsyncMutex::new(()),
        }
    }

    /// Runs a statement. If this future is dropped, it may have been run all the same, and the next one has a new
    /// connection: one that does not answer may never do so.
    pub(crate) async fn run(&self, statement: Bound) -> Result<Vec<Row>, Error> {
        let connected = self.connected().await?;
        let mut suspicion = Suspicion {
            connection: self,
            of: Some(&connected),
        };
        let (text, parameters) = statement.into_parts();
        let rows = connected.client.query_typed_raw(&text, parameters).await;
        let rows = match rows {
            Ok(rows) => rows.try_collect().await,
            Err(error) => Err(error),
        };
        suspicion.of = None;
        rows
    }

    /// Runs statements without parameters, which the server takes as one transaction.
    pub(crate) async fn run_all(&self, statements: &str) -> Result<(), Error> {
        let connected = self.connected().await?;
        let mut suspicion = Suspicion {
            connection: self,
            of: Some(&connected),
        };
        let done = connected.client.batch_execute(statements).await;
        suspicion.of = None;
        done
    }

    async fn connected(&self) -> Result<Arc<Connected>, Error> {
        if let Some(connected) = self.usable() {
            return Ok(connected);
        }
        let _connecting = self.connecting.lock().await;
        // Whoever connected meanwhile has done it for all.
        if let Some(connected) = self.usable() {
            return Ok(connected);
        }
        let connected = Arc::new((self.connect)().await?);
        *self.current.lock() = Some(Arc::clone(&connected));
        Ok(connected)
    }

    fn usable(&self) -> Option<Arc<Connected>> {
        let current = self.current.lock().clone();
        current.filter(|connected| !connected.client.is_closed())
    }
}

/// Dropped with a call that nobody waits for any more.
struct Suspicion<'a> {
    connection: &'a Connection,
    of: Option<&'a Arc<Connected>>,
}

impl Drop for Suspicion<'_> {
    fn drop(&mut self) {
        let Some(suspect) = self.of else {
            return;
        };
        let mut current = self.connection.current.lock();
        if current
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, suspect))
        {
            *current = None;
        }
    }
}
