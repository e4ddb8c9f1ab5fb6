//! Takes connections and serves each in a task that the listener owns.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer_body::SentBody;
use super::connection::{Connection, Deadlines};
use super::guard::guarded;
use super::handler::{Handler, Unanswerable};
use super::multiplexed::OpenRequest;
use super::timed_io::TimedIo;
use super::{ByteBudget, Slots, complaints::Complaints};
use crate::settings::HttpSettings;
use crate::tls::Tls;

/// Most requests of one HTTP/2 connection at a time.
const STREAMS_MAX: u32 = 4096;
/// What a client may send on one stream, and on one connection, before the server takes it up.
const WINDOW_BYTES: u32 = 1024 * 1024;
/// Most bytes of all header fields of a request over HTTP/2.
const HEADERS_BYTES_MAX: u32 = 64 * 1024;
/// An HTTP/2 client that is silent for so long is asked for a sign of life.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// Rest after the system refused a connection, for want of file descriptors.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// The signal to finish: for the listener, and for every connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    stop: CancellationToken,
    abort: CancellationToken,
    /// What the tokens say, for those who look on each wake-up: looking at a token takes a lock that all connections
    /// share.
    state: Arc<AtomicU8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Serving,
    /// Requests that have arrived are answered, then the connection is closed.
    Finishing,
    /// Connections are closed as they are.
    Aborting,
}

impl Stopping {
    /// Asks for requests to be finished and connections to be closed then.
    pub(crate) fn stop(&self) {
        self.state.fetch_max(1, Ordering::Release);
        self.stop.cancel();
    }

    /// Ready once it was asked for.
    pub(crate) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn abort(&self) {
        self.state.fetch_max(2, Ordering::Release);
        self.stop.cancel();
        self.abort.cancel();
    }

    fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Serving,
            1 => State::Finishing,
            _ => State::Aborting,
        }
    }
}

/// Runs HTTP/2's tasks under the listener's ownership.
#[derive(Debug, Clone)]
struct Owned(TaskTracker);

impl<F> hyper::rt::Executor<F> for Owned
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(guarded(task));
    }
}

/// What connections share with whoever else counts them.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) connections: Slots,
    /// What open HTTP/2 requests, and heads that come in pieces, may take.
    pub(crate) requests: Arc<ByteBudget>,
}

impl Shared {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        Self {
            connections: Slots::new(settings.connections_max),
            requests: ByteBudget::new(settings.requests_bytes_max),
        }
    }
}

/// A listener and all its connections.
#[derive(Debug)]
pub(crate) struct Listening<H> {
    handler: Arc<H>,
    settings: HttpSettings,
    deadlines: Deadlines,
    tls: Option<Arc<Tls>>,
    connections: Slots,
    /// What open HTTP/2 requests, and heads that come in pieces, may take.
    requests: Arc<ByteBudget>,
    complaints: Complaints,
    tasks: TaskTracker,
    stopping: Stopping,
    builder: auto::Builder<Owned>,
}

/// Why a request gets no answer.
#[derive(Debug, thiserror::Error)]
enum NotAnswered {
    #[error(transparent)]
    Unanswerable(#[from] Unanswerable),
    /// Its stream is reset with a reason by which clients know that it can be sent again.
    #[error("too many requests are open")]
    TooMany(#[source] h2::Error),
}

impl<H: Handler> Listening<H> {
    /// A listener that gives clients a quarter of `shutdown_grace` for the rest of what they owe when it ends.
    pub(crate) fn new(
        handler: Arc<H>,
        settings: HttpSettings,
        shared: Shared,
        shutdown_grace: Duration,
        tls: Option<Arc<Tls>>,
        stopping: Stopping,
    ) -> Arc<Self> {
        let tasks = TaskTracker::new();
        Arc::new(Self {
            handler,
            settings,
            deadlines: Deadlines {
                head: settings.head_timeout,
                body: settings.body_timeout,
                write: settings.write_timeout,
                idle: settings.idle_timeout,
                stop: shutdown_grace / 4,
            },
            tls,
            requests: shared.requests,
            complaints: Complaints::default(),
            connections: shared.connections,
            builder: protocol(Owned(tasks.clone())),
            tasks,
            stopping,
        })
    }

    /// Takes connections until told to stop. Returns once none is taken any more; those that are open go on.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let mut stopped = pin!(self.stopping.stop.cancelled());
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => break,
            };
            match accepted {
                Ok((socket, peer)) => self.take(socket, peer.ip()),
                Err(error) => {
                    self.complaints.not_accepted(&error);
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
        drop(listener);
        self.tasks.close();
    }

    /// Waits until every connection has ended, at most for `grace`; those that have not by then are closed as they
    /// are. Returns whether none had to be.
    pub(crate) async fn finish(&self, grace: Duration) -> bool {
        self.tasks.close();
        let in_time = tokio::time::timeout(grace, self.tasks.wait()).await.is_ok();
        if !in_time {
            self.stopping.abort();
        }
        in_time
    }

    fn take(self: &Arc<Self>, socket: TcpStream, peer: IpAddr) {
        // One connection too many is closed at once: the socket is dropped.
        let Some(permit) = self.connections.take() else {
            self.complaints.one_too_many(self.connections.max());
            return;
        };
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone before it was served");
            return;
        }
        let this = Arc::clone(self);
        match &self.tls {
            None => self.tasks.spawn(guarded(this.serve(socket, peer, permit))),
            Some(tls) => {
                let acceptor = TlsAcceptor::from(tls.config());
                let serve = this.serve_encrypted(acceptor, socket, peer, permit);
                self.tasks.spawn(guarded(serve))
            }
        };
    }

    /// Serves a connection of a simulation, or closes it if there is one too many.
    #[cfg(test)]
    pub(crate) fn take_socket<S>(self: &Arc<Self>, socket: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Some(permit) = self.connections.take() {
            let serve = Arc::clone(self).serve(socket, peer, permit);
            self.tasks.spawn(guarded(serve));
        }
    }

    /// The handshake has the time of a request's head, and ends where the server is asked to stop.
    async fn serve_encrypted(
        self: Arc<Self>,
        acceptor: TlsAcceptor,
        socket: TcpStream,
        peer: IpAddr,
        permit: OwnedSemaphorePermit,
    ) {
        let handshake = tokio::time::timeout(self.settings.head_timeout, acceptor.accept(socket));
        let shaken = tokio::select! {
            shaken = handshake => shaken,
            () = self.stopping.stop.cancelled() => return,
        };
        match shaken {
            Ok(Ok(socket)) => self.serve(socket, peer, permit).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn serve<S>(self: Arc<Self>, socket: S, peer: IpAddr, _permit: OwnedSemaphorePermit)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let connection = Connection::new(peer, self.deadlines, Arc::clone(&self.requests));
        let io = TimedIo::new(socket, Arc::clone(&connection));
        let service = {
            let (handler, connection) = (Arc::clone(&self.handler), Arc::clone(&connection));
            service_fn(move |request| {
                connection.begin(request.version());
                answer(Arc::clone(&handler), Arc::clone(&connection), request)
            })
        };
        let mut served = pin!(self.builder.serve_connection(io, service));
        let mut stopped = pin!(self.stopping.stop.cancelled());
        let mut aborted = pin!(self.stopping.abort.cancelled());
        let (mut is_registered, mut is_finishing) = (false, false);
        let ended = poll_fn(|cx| {
            if !is_registered {
                // These polls leave the task's waker behind, each; what they tell is read from the state below.
                is_registered =
                    stopped.as_mut().poll(cx).is_pending() & aborted.as_mut().poll(cx).is_pending();
            }
            match self.stopping.state() {
                State::Serving => {}
                State::Finishing if is_finishing => {}
                State::Finishing => {
                    is_finishing = true;
                    connection.stop();
                    served.as_mut().graceful_shutdown();
                }
                State::Aborting => return Poll::Ready(Ok(())),
            }
            served.as_mut().poll(cx)
        });
        if let Err(error) = ended.await {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// Answers one request: over HTTP/2 it is open until its answer is gone.
async fn answer<H: Handler>(
    handler: Arc<H>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<SentBody>, NotAnswered> {
    let open = if request.version() == Version::HTTP_2 {
        let open = OpenRequest::begin(&connection.multiplexed, request.headers());
        Some(open.ok_or_else(|| NotAnswered::TooMany(h2::Reason::REFUSED_STREAM.into()))?)
    } else {
        None
    };
    let mut answer = handler.handle(&connection, request).await;
    match &mut answer {
        // What comes in parts is work until its last one: the client owes nothing before.
        Ok(answer) if answer.body().is_in_parts() => answer.body_mut().end_with(connection),
        Ok(_) | Err(_) => connection.end(),
    }
    Ok(answer?.map(|body| SentBody::new(body, open)))
}

fn protocol(executor: Owned) -> auto::Builder<Owned> {
    let mut builder = auto::Builder::new(executor);
    // The socket keeps the deadlines, without a timer for each request.
    builder.http1().header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        // It is the real one, and how many bytes it takes differs: simulations go without.
        .auto_date_header(!cfg!(test))
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(HEADERS_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL);
    builder
}
