//! What the server notices about itself while it runs: that its log takes no writes, or that its stream service failed.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::{EngineStatus, LogEngine};
use millstream_streams::StreamService;
use tokio::sync::watch;

use crate::audit::Audit;
use crate::choices::LogFailure;

/// How often the server looks whether its stream service still works.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Why a server ends that nobody asked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The stream service failed.
    Streams,
    /// The log takes no more writes, and the settings say that the server ends then.
    Log,
}

/// Says each change of the log's status in the server's log, once. Ready if the server is to end.
pub(super) async fn fault(
    engine: &Arc<dyn LogEngine>,
    streams: &StreamService,
    audit: &Audit,
    on_failure: LogFailure,
) -> Fault {
    tokio::select! {
        () = log_failure(engine.status(), on_failure) => Fault::Log,
        () = streams_failure(streams, audit) => Fault::Streams,
    }
}

/// Ready once the log has failed, if the server is to end then.
async fn log_failure(mut status: watch::Receiver<EngineStatus>, on_failure: LogFailure) {
    let mut told = EngineStatus::Serving;
    loop {
        let now = status.borrow_and_update().clone();
        if now != told {
            tell(&now);
            told = now.clone();
        }
        if matches!(now, EngineStatus::Failed(_)) && on_failure == LogFailure::Exit {
            tracing::error!("the server ends because its log has failed, as --log-failure says");
            return;
        }
        if status.changed().await.is_err() {
            // The engine is gone, and with it the server.
            return std::future::pending().await;
        }
    }
}

fn tell(status: &EngineStatus) {
    match status {
        EngineStatus::Serving => tracing::info!("the log has room again: records are taken"),
        EngineStatus::NoRoom => {
            tracing::error!("the log has no room: records are refused, reads go on");
        }
        EngineStatus::Failed(reason) => tracing::error!(
            %reason,
            "the log has failed: it takes no more writes, reads go on; restart the server once the cause is mended"
        ),
    }
}

/// Ready once the stream service has failed. Until then the audit log tells what it only counted.
async fn streams_failure(streams: &StreamService, audit: &Audit) {
    let mut look = tokio::time::interval(LOOK_INTERVAL);
    loop {
        look.tick().await;
        audit.tell_counted();
        if streams.has_failed() {
            tracing::error!("the stream service failed: the server ends");
            return;
        }
    }
}
