//! A server from its first connection to its last file.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::Server;
use super::watch::{Fault, fault};
use crate::edge::{Access, Edge, PagesAlone};
use crate::http::{Listening, Shared, Stopping};
use crate::services::Services;
use crate::settings::HttpSettings;

/// Bounds of the listener for pages: a few programs ask it, now and then.
const ADMIN_CONNECTIONS_MAX: usize = 64;
const ADMIN_REQUESTS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What closing files gets even if requests took all of the shutdown grace.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was accepted was finished and everything is closed.
    Cleanly,
    /// The shutdown grace passed before that. What was acknowledged is kept all the same.
    CutOff,
    /// The stream service failed and the server ended by itself; the log says why.
    Failed,
    /// The log takes no more writes, and the server ended by itself as [`Settings::log_failure`](crate::Settings::log_failure) says.
    LogFailed,
}

impl Server {
    /// Serves until `shutdown` is ready, then finishes what was accepted and closes everything, in the time of
    /// [`Settings::shutdown_grace`](crate::Settings::shutdown_grace).
    ///
    /// Dropping the future ends the server at once, as a kill would.
    pub async fn run(mut self, listener: TcpListener, shutdown: impl Future<Output = ()>) -> Ended {
        let stopping = Stopping::default();
        let listening = Listening::new(
            Arc::clone(&self.edge),
            self.settings.http,
            self.connections.clone(),
            self.settings.shutdown_grace,
            self.reloading.tls.clone(),
            stopping.clone(),
        );
        let admin = self.admin.take();
        let admin = admin.map(|listener| (self.admin_listening(stopping.clone()), listener));
        let stop = async {
            let on_failure = self.settings.log_failure;
            let fault = tokio::select! {
                () = shutdown => None,
                fault = fault(&self.engine, &self.streams, &self.audit, on_failure) => Some(fault),
            };
            tracing::info!("stopping: no new connections");
            // They would go on for minutes; their clients subscribe again elsewhere.
            self.streams.end_subscriptions();
            stopping.stop();
            fault
        };
        let admin_accept = async {
            let (listening, listener) = admin?;
            Arc::clone(&listening).accept(listener).await;
            Some(listening)
        };
        let control = async {
            if let Some(control) = &self.control {
                control.serve(stopping.stopped()).await;
            }
        };
        let accept = Arc::clone(&listening).accept(listener);
        let ((), admin, fault, ()) = tokio::join!(accept, admin_accept, stop, control);
        // Nobody asks any more, and the next server makes its own.
        drop(self.control.take());
        let is_clean = self.close(&listening).await;
        if let Some(admin) = admin {
            // Whoever watches the server sees it until the end, and not longer.
            admin.finish(Duration::ZERO).await;
        }
        tracing::info!("stopped");
        match (fault, is_clean) {
            (Some(Fault::Streams), _) => Ended::Failed,
            (Some(Fault::Log), _) => Ended::LogFailed,
            (None, true) => Ended::Cleanly,
            (None, false) => Ended::CutOff,
        }
    }

    fn admin_listening(&self, stopping: Stopping) -> Arc<Listening<PagesAlone>> {
        let settings = HttpSettings {
            connections_max: ADMIN_CONNECTIONS_MAX,
            requests_bytes_max: ADMIN_REQUESTS_BYTES_MAX,
            ..self.settings.http
        };
        let is_loopback = |address: SocketAddr| address.ip().is_loopback();
        let handler = PagesAlone {
            pages: Arc::clone(&self.edge.pages),
            access: Access::new(
                Vec::new(),
                self.settings.admin_listen.is_none_or(is_loopback),
            ),
            ids: Arc::clone(&self.edge.ids),
        };
        Listening::new(
            Arc::new(handler),
            settings,
            Shared::new(&settings),
            self.settings.shutdown_grace,
            self.reloading.tls.clone(),
            stopping,
        )
    }

    /// From the outside to the inside, so that nothing accepted meets something closed.
    async fn close(&self, listening: &Listening<Edge<Services>>) -> bool {
        let deadline = Instant::now() + self.settings.shutdown_grace;
        let left = || deadline.saturating_duration_since(Instant::now());
        let are_answered = listening.finish(left()).await;
        if !are_answered {
            tracing::warn!("requests were cut off after the shutdown grace");
        }
        let have_streams_ended = self.streams.stop(left()).await;
        if !have_streams_ended {
            tracing::warn!("streams had not stopped in the shutdown grace");
        }
        if !self.metrics.stop(left()).await {
            tracing::warn!("metrics were not all kept in the shutdown grace");
        }
        let stopped = tokio::time::timeout(left().max(CLOSE_GRACE), self.engine.stop()).await;
        let has_engine_ended = match stopped {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the log engine did not stop cleanly");
                false
            }
            Err(_) => {
                tracing::warn!("the log engine had not stopped in the shutdown grace");
                false
            }
        };
        let are_tables_closed = self.tables.stop(left().max(CLOSE_GRACE)).await;
        if !are_tables_closed {
            tracing::warn!("tables were not closed in the shutdown grace");
        }
        let audit = Arc::clone(&self.audit);
        let closed = tokio::task::spawn_blocking(move || audit.close());
        let closing = tokio::time::timeout(left().max(CLOSE_GRACE), closed).await;
        if closing.is_err() {
            tracing::warn!("the audit log was not written in the shutdown grace");
        }
        are_answered && have_streams_ended && has_engine_ended && are_tables_closed
    }
}
