//! A socket with deadlines. A timer is armed only when the socket has nothing to give or takes nothing, so a request
//! that arrives in one piece costs none.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Version;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use super::connection::{Connection, Phase};

/// How long a closing connection goes on reading what its client still sends.
const LINGER: Duration = Duration::from_secs(2);

/// What an HTTP/2 client sends first, and what the reader of versions reads first. From there on a connection
/// without requests is no longer one that owes a head.
const HTTP_2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's socket.
#[derive(Debug)]
pub(super) struct TimedIo<S> {
    socket: S,
    connection: Arc<Connection>,
    /// The progress number at which bytes came, if they did: a head that has begun.
    head_began: Option<u32>,
    read_timer: Timer,
    write_timer: Timer,
    write_end_sent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedIo<S> {
    pub(super) fn new(socket: S, connection: Arc<Connection>) -> Self {
        Self {
            socket,
            connection,
            head_began: None,
            read_timer: Timer::default(),
            write_timer: Timer::default(),
            write_end_sent: false,
        }
    }

    /// The time that the client has for what it owes now, and the number of that debt.
    fn read_deadline(&self) -> Option<(u32, Duration)> {
        let (progress, phase) = self.connection.progress();
        match phase {
            Phase::Head if self.head_began == Some(progress) => {
                Some((progress, self.connection.deadlines.head))
            }
            Phase::Body => Some((progress, self.connection.deadlines.body)),
            Phase::Head | Phase::Work | Phase::Multiplexed => None,
        }
    }

    fn poll_write_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let time = self.connection.deadlines.write;
        ready!(self.write_timer.poll(cx, 0, time));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 16 * 1024];
        loop {
            if self.write_timer.poll(cx, 1, LINGER).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut buf = tokio::io::ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.socket).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// A timer that is made when it is first needed and then kept.
#[derive(Debug, Default)]
struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// What it runs for; `None` when it does not run.
    debt: Option<u32>,
}

impl Timer {
    /// Ready once `time` has passed since the first poll for this `debt`.
    fn poll(&mut self, cx: &mut Context<'_>, debt: u32, time: Duration) -> Poll<()> {
        if self.debt != Some(debt) {
            self.debt = Some(debt);
            let deadline = Instant::now() + time;
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(deadline),
                None => self.sleep = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn stop(&mut self) {
        self.debt = None;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Read for TimedIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        // SAFETY: tokio's ReadBuf initialises what it counts as filled and never un-initialises a byte.
        #[expect(unsafe_code, reason = "the two runtimes' read buffers convert only so")]
        let mut into = tokio::io::ReadBuf::uninit(unsafe { buf.as_mut() });
        match Pin::new(&mut this.socket).poll_read(cx, &mut into) {
            Poll::Ready(result) => {
                let read = into.filled().len();
                let is_preface = into.filled() == HTTP_2_PREFACE;
                // SAFETY: tokio's ReadBuf says that so many bytes are filled, hence initialised.
                #[expect(unsafe_code, reason = "the two runtimes' read buffers convert only so")]
                unsafe {
                    buf.advance(read);
                };
                if this.head_began.is_none() && is_preface {
                    this.connection.begin(Version::HTTP_2);
                }
                this.head_began = Some(this.connection.progress().0);
                Poll::Ready(result)
            }
            Poll::Pending => match this.read_deadline() {
                Some((debt, time)) => {
                    ready!(this.read_timer.poll(cx, debt, time));
                    Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
                }
                None => Poll::Pending,
            },
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for TimedIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write(cx, buf) {
            Poll::Ready(result) => {
                self.write_timer.stop();
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_write_deadline(cx),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.socket).poll_write_vectored(cx, bufs) {
            Poll::Ready(result) => {
                self.write_timer.stop();
                Poll::Ready(result)
            }
            Poll::Pending => self.poll_write_deadline(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.write_end_sent {
            ready!(Pin::new(&mut self.socket).poll_shutdown(cx))?;
            self.write_end_sent = true;
        }
        if self.connection.lingers() {
            self.poll_linger(cx)
        } else {
            Poll::Ready(Ok(()))
        }
    }
}
