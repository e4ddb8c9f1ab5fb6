//! Workers that KEDA starts and stops: it asks how many are wanted, by its own protocol for external scalers (gRPC).
//!
//! KEDA hands the number to Kubernetes' autoscaler, which divides it by the target, 1, and has so many replicas. How many
//! there are, nobody tells us: they count as asked for, and whoever holds leases counts. So the number is what the last
//! decision asked for, and before the first one as many as were seen. A number that nobody has confirmed for a while is none:
//! KEDA is told that it is not known, and leaves things as they are.

mod connections;
/// As `tonic-prost-build` makes it, without a client and without comments, from `compat/actuators/externalscaler.proto`.
#[allow(
    clippy::all,
    missing_docs,
    unreachable_pub,
    reason = "nobody has written it"
)]
mod externalscaler;
mod scaler;

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::scaler::Scaler;
use super::{ActuatorError, ActuatorFuture, Running, Workers};
use crate::WorkerChange;

/// How KEDA is answered.
#[derive(Debug, Clone)]
pub struct KedaSettings {
    /// The application, which a ScaledObject may name in its metadata.
    pub application: String,
    /// Where KEDA asks. It is not encrypted, and whoever can reach it may read the number.
    pub listen: SocketAddr,
    /// So long workers are only counted before their number is told without a decision: one that starts has no lease yet.
    pub counted_for: Duration,
    /// A number that was not confirmed for so long is not told any more.
    pub believed_for: Duration,
}

/// Answers KEDA until it is dropped; then its connections end.
#[derive(Debug)]
pub struct Keda {
    settings: KedaSettings,
    signal: watch::Sender<Signal>,
    counted: Option<Counted>,
    /// The one task that answers; dropping it ends it.
    answering: JoinSet<()>,
}

/// What KEDA is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Signal {
    wanted: Option<u32>,
    confirmed_at: Option<Instant>,
}

/// The most workers that were seen, and since when they are counted.
#[derive(Debug, Clone, Copy)]
struct Counted {
    most: u32,
    since: Instant,
}

impl Signal {
    /// The number, if it may be believed.
    fn wanted(self, believed_for: Duration) -> Option<u32> {
        let confirmed_at = self.confirmed_at?;
        self.wanted
            .filter(|_| confirmed_at.elapsed() <= believed_for)
    }
}

impl Keda {
    /// Nobody is answered yet.
    pub fn new(settings: KedaSettings) -> Self {
        Self {
            settings,
            signal: watch::Sender::default(),
            counted: None,
            answering: JoinSet::new(),
        }
    }

    /// Listens, and answers from now on; that nothing is known, until something is. Where it listens.
    ///
    /// # Errors
    /// If the address cannot be had.
    pub async fn listen(&mut self) -> Result<SocketAddr, ActuatorError> {
        let address = self.settings.listen;
        let failed = |source| ActuatorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let scaler = Scaler::new(
            self.settings.application.as_str().into(),
            self.settings.believed_for,
            self.signal.subscribe(),
        );
        self.answering.spawn(connections::answer(listener, scaler));
        tracing::info!(%address, "KEDA may ask");
        Ok(address)
    }

    fn tell(&self, wanted: u32) {
        self.signal.send_replace(Signal {
            wanted: Some(wanted),
            confirmed_at: Some(Instant::now()),
        });
    }

    /// What was asked for is confirmed. Before anything was, workers are counted.
    fn confirm(&mut self, holders: u32) {
        let known = self.signal.borrow().wanted;
        if let Some(wanted) = known {
            return self.tell(wanted);
        }
        let counted = self.counted.get_or_insert(Counted {
            most: 0,
            since: Instant::now(),
        });
        counted.most = counted.most.max(holders);
        let Counted { most, since } = *counted;
        if most > 0 && since.elapsed() >= self.settings.counted_for {
            self.tell(most);
        }
    }
}

impl Workers for Keda {
    fn running(&mut self) -> ActuatorFuture<'_, Running> {
        // As many as were asked for, or are being started; whoever holds a lease counts in any case.
        let asked = self.signal.borrow().wanted.unwrap_or(0);
        Box::pin(ready(Ok(Running::Counted(asked))))
    }

    fn scale<'a>(&'a mut self, change: &'a WorkerChange) -> ActuatorFuture<'a, ()> {
        Box::pin(async {
            self.tell(change.to);
            Ok(())
        })
    }

    fn keep<'a>(&'a mut self, holders: &'a [Arc<str>]) -> ActuatorFuture<'a, ()> {
        Box::pin(async {
            self.confirm(u32::try_from(holders.len()).unwrap_or(u32::MAX));
            Ok(())
        })
    }

    fn follow(&mut self) {
        self.counted = None;
        self.signal.send_if_modified(|signal| {
            let was_known = signal.wanted.is_some();
            *signal = Signal::default();
            was_known
        });
    }
}

#[cfg(test)]
mod tests;
