//! Who connects is served, a few at a time.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// What is out of descriptors is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves whoever connects; beyond `connections_max` who connects waits to be accepted. Never ends; dropping it ends its
/// connections.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    connections_max: usize,
    connection: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= connections_max {
            connections.join_next().await;
        }
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
