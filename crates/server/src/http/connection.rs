//! One connection: what its socket and its requests must know of each other.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use http::Version;
use tokio::sync::Notify;

use super::ByteBudget;
use super::multiplexed::Multiplexed;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    /// A request's head, from its first byte.
    pub(crate) head: Duration,
    /// A request's body.
    pub(crate) body: Duration,
    /// Taking anything of an answer that waits.
    pub(crate) write: Duration,
    /// Asking for nothing, at least; at most twice that.
    pub(crate) idle: Duration,
    /// Sending the rest of a request once the server was asked to stop.
    pub(crate) stop: Duration,
}

/// What an HTTP/1.1 connection waits for from its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A request's head, or nothing at all.
    Head,
    /// A request's body.
    Body,
    /// Nothing: a request is being worked on.
    Work,
    /// It is HTTP/2, where each request has a deadline of its own.
    Multiplexed,
}

/// The state that a connection's socket and its requests share.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Number of the request in the upper bits, phase in the lowest two.
    progress: AtomicU32,
    lingers: AtomicBool,
    is_stopping: AtomicBool,
    /// Set, and told, when bodies that have not arrived will not be waited for any more.
    is_body_time_over: AtomicBool,
    body_time_over: Notify,
    /// Where the client is.
    pub(crate) peer: IpAddr,
    pub(super) deadlines: Deadlines,
    /// What it holds if it is HTTP/2.
    pub(super) multiplexed: Arc<Multiplexed>,
}

impl Connection {
    /// A connection whose open requests are in the budget `requests`.
    pub(crate) fn new(peer: IpAddr, deadlines: Deadlines, requests: Arc<ByteBudget>) -> Arc<Self> {
        Arc::new(Self {
            progress: AtomicU32::new(0),
            lingers: AtomicBool::new(false),
            is_stopping: AtomicBool::new(false),
            is_body_time_over: AtomicBool::new(false),
            body_time_over: Notify::new(),
            peer,
            deadlines,
            multiplexed: Arc::new(Multiplexed::new(peer, requests)),
        })
    }

    /// The server was asked to stop: clients get little more time for what they owe.
    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Relaxed)
    }

    /// Bodies of HTTP/2 requests that have not arrived are not waited for any more.
    pub(super) fn end_body_time(&self) {
        self.is_body_time_over.store(true, Ordering::Release);
        self.body_time_over.notify_waiters();
    }

    /// Ready when an HTTP/2 request's body that is waited for from now on has not come in time.
    pub(super) async fn body_is_overdue(&self) {
        let told = self.body_time_over.notified();
        if self.is_body_time_over.load(Ordering::Acquire) {
            return;
        }
        tokio::select! {
            () = told => {}
            () = tokio::time::sleep(self.deadlines.body) => {}
        }
    }

    /// Which request is at which point; a number that differs names another request or point.
    pub(super) fn progress(&self) -> (u32, Phase) {
        let progress = self.progress.load(Ordering::Relaxed);
        let phase = match progress & 3 {
            0 => Phase::Head,
            1 => Phase::Body,
            2 => Phase::Work,
            _ => Phase::Multiplexed,
        };
        (progress, phase)
    }

    /// A request's head has arrived.
    pub(super) fn begin(&self, version: Version) {
        if version == Version::HTTP_2 {
            self.progress.store(3, Ordering::Relaxed);
        } else {
            let request = (self.progress.load(Ordering::Relaxed) | 3).wrapping_add(1);
            self.progress.store(request | 1, Ordering::Relaxed);
        }
    }

    /// The request's body has arrived, or nobody wants it.
    pub(super) fn body_done(&self) {
        if self.progress().1 == Phase::Body {
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The request is answered.
    pub(super) fn end(&self) {
        if self.progress().1 != Phase::Multiplexed {
            let progress = self.progress.load(Ordering::Relaxed);
            self.progress.store(progress & !3, Ordering::Relaxed);
        }
    }

    /// Nobody wants the request's body; `is_coming` says whether there is one.
    pub(crate) fn body_unwanted(&self, is_coming: bool) {
        self.body_done();
        if is_coming {
            self.leave_body_unread();
        }
    }

    /// The answer was given although the body had not arrived: when the connection closes, bytes that still come are
    /// read and dropped for a moment, because a reset would take the answer from the client.
    pub(super) fn leave_body_unread(&self) {
        self.lingers.store(true, Ordering::Relaxed);
    }

    pub(super) fn lingers(&self) -> bool {
        self.lingers.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_and_phase_has_a_number_of_its_own() {
        let second = Duration::from_secs(1);
        let connection = Connection::new(
            IpAddr::from([127, 0, 0, 1]),
            Deadlines {
                head: second,
                body: second,
                write: second,
                idle: second,
                stop: second,
            },
            ByteBudget::new(0),
        );
        let mut seen = std::collections::HashSet::new();
        assert_eq!(connection.progress().1, Phase::Head);
        seen.insert(connection.progress().0);
        for _ in 0..3 {
            connection.begin(Version::HTTP_11);
            assert_eq!(connection.progress().1, Phase::Body);
            assert!(seen.insert(connection.progress().0));
            connection.body_done();
            connection.body_done();
            assert_eq!(connection.progress().1, Phase::Work);
            assert!(seen.insert(connection.progress().0));
            connection.end();
            assert_eq!(connection.progress().1, Phase::Head);
            assert!(seen.insert(connection.progress().0));
        }
        connection.begin(Version::HTTP_2);
        connection.body_done();
        connection.end();
        assert_eq!(connection.progress().1, Phase::Multiplexed);
    }
}
