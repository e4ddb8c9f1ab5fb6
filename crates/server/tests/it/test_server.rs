//! A server in this process, and a client that goes on undisturbed beside whatever the test does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use millstream_server::{Ended, EngineKind, Reloading, Server, Settings, bind};
use millstream_types::{SystemClock, WallClock};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::Client;

/// Longest that anything in these tests may take: a hang fails, slowness does not.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// Where pages have a listener of their own.
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) reloading: Reloading,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Ended>,
}

impl TestServer {
    /// A server in memory with the defaults.
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A server in memory with some settings changed.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::at(Arc::new(SystemClock), change).await
    }

    /// The same with a clock of the test's own.
    pub(crate) async fn at(clock: Arc<dyn WallClock>, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            engine: EngineKind::Memory,
            ..Settings::default()
        };
        change(&mut settings);
        let listener = bind(settings.listen).unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::open(settings, clock).await.unwrap();
        let reloading = server.reloading();
        let admin = server.admin_address();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(listener, async {
            stopped.await.ok();
        }));
        Self {
            address,
            admin,
            reloading,
            stop,
            running,
        }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Asks the server to stop; how it ended.
    pub(crate) fn stop(self) -> JoinHandle<Ended> {
        self.stop.send(()).unwrap();
        self.running
    }

    /// Stops the server and insists that nothing was cut off.
    pub(crate) async fn stop_cleanly(self) {
        let ended = tokio::time::timeout(PATIENCE, self.stop()).await;
        assert_eq!(ended.unwrap().unwrap(), Ended::Cleanly);
    }

    /// A client that puts and reads until it is asked to stop.
    pub(crate) async fn neighbour(&self) -> Neighbour {
        let mut client = self.client().await;
        let created = client
            .call(
                "CreateStream",
                r#"{"StreamName":"neighbour","ShardCount":1}"#,
            )
            .await;
        assert_eq!(created.status, 200, "{created:?}");
        let (stop, mut stopped) = oneshot::channel();
        let working = tokio::spawn(async move {
            let mut calls = 0_usize;
            loop {
                let put = r#"{"StreamName":"neighbour","PartitionKey":"k","Data":"YQ=="}"#;
                let answer = client.call("PutRecord", put).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                calls += 1;
                // At least one call is made after the test has done its worst.
                if stopped.try_recv().is_ok() {
                    return calls;
                }
            }
        });
        Neighbour { stop, working }
    }
}

/// A working client.
pub(crate) struct Neighbour {
    stop: oneshot::Sender<()>,
    working: JoinHandle<usize>,
}

impl Neighbour {
    /// Insists that every call of the client succeeded.
    pub(crate) async fn was_undisturbed(self) {
        self.stop.send(()).ok();
        let calls = tokio::time::timeout(PATIENCE, self.working).await;
        assert!(calls.unwrap().unwrap() > 0);
    }
}
