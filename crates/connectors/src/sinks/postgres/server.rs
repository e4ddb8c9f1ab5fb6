//! A server, and connections to it.

use std::io;
use std::time::Duration;

use tokio_postgres::{Client, Config, Error};
use tokio_util::task::AbortOnDropHandle;

use super::address::Address;
use super::tls::Tls;

/// Unless the address says otherwise (`connect_timeout`).
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Where to connect to, and how its certificate is checked.
#[derive(Debug)]
pub struct Server {
    config: Config,
    tls: Tls,
}

/// Dropped, it is cut, and the server takes back what was not committed.
#[derive(Debug)]
pub struct Connection {
    /// Speaks over it.
    pub client: Client,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    /// The server of this address. Nothing is sent yet.
    ///
    /// # Errors
    /// If the certificates that it is checked by cannot be read.
    pub fn new(address: &Address) -> io::Result<Self> {
        let mut config = address.config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIME);
        }
        if config.get_application_name().is_none() {
            config.application_name("millstream");
        }
        Ok(Self {
            config,
            tls: Tls::of(&address.tls)?,
        })
    }

    /// One more connection.
    ///
    /// # Errors
    /// If there is none to be had.
    pub async fn connect(&self) -> Result<Connection, Error> {
        let (client, connection) = self.config.connect(self.tls.clone()).await?;
        let task = tokio::spawn(async move {
            // Whoever asks next is told.
            connection.await.ok();
        });
        Ok(Connection {
            client,
            _task: AbortOnDropHandle::new(task),
        })
    }
}
