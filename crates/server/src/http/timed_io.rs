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

use super::Reservation;
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
    /// How much of the HTTP/2 preface came; `None` if the client does not speak HTTP/2.
    preface_bytes: Option<usize>,
    /// For the bytes of a head that does not come in one piece, from the second one on.
    head_room: Option<Reservation>,
    read_timer: Timer,
    /// Runs on through many requests: what is compared when it is over is `idle_number`.
    idle_timer: Timer,
    idle_number: u32,
    /// Runs for the periods in which answers to HTTP/2 requests must be taken.
    taking_timer: Timer,
    write_timer: Timer,
    write_end_sent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimedIo<S> {
    pub(super) fn new(socket: S, connection: Arc<Connection>) -> Self {
        Self {
            socket,
            connection,
            head_began: None,
            preface_bytes: Some(0),
            head_room: None,
            read_timer: Timer::default(),
            idle_timer: Timer::default(),
            idle_number: 0,
            taking_timer: Timer::default(),
            write_timer: Timer::default(),
            write_end_sent: false,
        }
    }

    /// The time that the client has for what it owes now, and the number of that debt.
    fn read_deadline(&self) -> Option<(u64, Duration)> {
        let (progress, phase) = self.connection.progress();
        let deadlines = &self.connection.deadlines;
        let time = match phase {
            Phase::Head if self.head_began == Some(progress) => deadlines.head,
            Phase::Body => deadlines.body,
            Phase::Head | Phase::Work | Phase::Multiplexed => return None,
        };
        Some(if self.connection.is_stopping() {
            // A debt of its own, which begins when the server is asked to stop.
            (u64::from(progress) | 1 << 32, time.min(deadlines.stop))
        } else {
            (progress.into(), time)
        })
    }

    /// The socket has nothing to give: what becomes of waiting for it. Ready without an error is the end.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some((debt, time)) = self.read_deadline() {
            ready!(self.read_timer.poll(cx, debt, time));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let (progress, phase) = self.connection.progress();
        let idle_since = match phase {
            Phase::Head => Some(progress),
            Phase::Body | Phase::Work => None,
            Phase::Multiplexed => {
                self.poll_taking(cx)?;
                if self.connection.is_stopping() {
                    return self.poll_stop(cx);
                }
                self.connection.multiplexed.idle_since()
            }
        };
        match idle_since {
            Some(number) => self.poll_idle(cx, number),
            None => Poll::Pending,
        }
    }

    /// Ready once nothing was asked for since `number` for the time that a client may ask for nothing, which may be
    /// noticed as late as after twice that time: so requests cost no timer.
    fn poll_idle(&mut self, cx: &mut Context<'_>, number: u32) -> Poll<io::Result<()>> {
        let time = self.connection.deadlines.idle;
        loop {
            if !self.idle_timer.runs() {
                self.idle_number = number;
            }
            ready!(self.idle_timer.poll(cx, 0, time));
            self.idle_timer.stop();
            if self.idle_number == number {
                tracing::debug!(peer = %self.connection.peer, "an idle connection was closed");
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// An error once an answer to an HTTP/2 request was not taken in time.
    fn poll_taking(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let multiplexed = &self.connection.multiplexed;
        while multiplexed.is_anything_waiting() {
            let time = self.connection.deadlines.write;
            if self.taking_timer.poll(cx, 0, time).is_pending() {
                return Ok(());
            }
            self.taking_timer.stop();
            if !multiplexed.end_period() {
                tracing::debug!(
                    peer = %self.connection.peer,
                    "a client that takes nothing of its answers was cut off"
                );
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// The server was asked to stop: ends bodies that do not come, and then a client that asks for nothing.
    fn poll_stop(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let time = self.connection.deadlines.stop;
        ready!(self.read_timer.poll(cx, 1 << 32, time));
        self.connection.end_body_time();
        match self.connection.multiplexed.idle_since() {
            Some(_) => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }

    /// Looks at what was read, before the reader of it does.
    fn note_read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (progress, phase) = self.connection.progress();
        if phase == Phase::Head && self.head_began == Some(progress) {
            self.reserve_head(bytes.len())?;
        } else {
            self.head_room = None;
        }
        if let Some(before) = self.preface_bytes.take() {
            let rest = &HTTP_2_PREFACE[before..];
            let now = before + bytes.len();
            if bytes == rest {
                self.connection.begin(Version::HTTP_2);
            } else if !bytes.is_empty() && rest.starts_with(bytes) {
                self.preface_bytes = Some(now);
            }
        }
        self.head_began = Some(self.connection.progress().0);
        Ok(())
    }

    fn reserve_head(&mut self, more_bytes: usize) -> io::Result<()> {
        let is_reserved = match &mut self.head_room {
            Some(room) => room.try_grow(more_bytes),
            None => {
                self.head_room = self.connection.multiplexed.reserve_head(more_bytes);
                self.head_room.is_some()
            }
        };
        if is_reserved {
            return Ok(());
        }
        tracing::debug!(peer = %self.connection.peer, "too many bytes of heads are in memory");
        Err(io::ErrorKind::OutOfMemory.into())
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
    debt: Option<u64>,
}

impl Timer {
    /// Ready once `time` has passed since the first poll for this `debt`.
    fn poll(&mut self, cx: &mut Context<'_>, debt: u64, time: Duration) -> Poll<()> {
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

    fn runs(&self) -> bool {
        self.debt.is_some()
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
                let noted = this.note_read(into.filled());
                // SAFETY: tokio's ReadBuf says that so many bytes are filled, hence initialised.
                #[expect(unsafe_code, reason = "the two runtimes' read buffers convert only so")]
                unsafe {
                    buf.advance(read);
                };
                Poll::Ready(result.and(noted))
            }
            Poll::Pending => this.poll_silence(cx),
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::super::ByteBudget;
    use super::super::connection::Deadlines;
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A connection whose client has a second for everything, and a minute for asking.
    fn served() -> (DuplexStream, Arc<Connection>, TimedIo<DuplexStream>) {
        let (client, socket) = duplex(1024);
        let deadlines = Deadlines {
            head: SECOND,
            body: SECOND,
            write: SECOND,
            idle: 60 * SECOND,
            stop: SECOND,
        };
        let requests = ByteBudget::new(1 << 20);
        let connection = Connection::new([127, 0, 0, 1].into(), deadlines, requests);
        let io = TimedIo::new(socket, Arc::clone(&connection));
        (client, connection, io)
    }

    async fn read(io: &mut TimedIo<DuplexStream>) -> io::Result<usize> {
        let mut room = [0; 64];
        let mut buffer = hyper::rt::ReadBuf::new(&mut room);
        poll_fn(|cx| Pin::new(&mut *io).poll_read(cx, buffer.unfilled())).await?;
        Ok(buffer.filled().len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_preface_in_pieces_owes_no_head() {
        for at in [1, 10, 23] {
            let (mut client, connection, mut io) = served();
            client.write_all(&HTTP_2_PREFACE[..at]).await.unwrap();
            assert_eq!(read(&mut io).await.unwrap(), at);
            client.write_all(&HTTP_2_PREFACE[at..]).await.unwrap();
            assert_eq!(read(&mut io).await.unwrap(), 24 - at);
            assert_eq!(connection.progress().1, Phase::Multiplexed);
            let began = Instant::now();
            assert_eq!(read(&mut io).await.unwrap(), 0, "it is idle, not late");
            assert_eq!(began.elapsed().as_secs(), 60);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_preface_and_half_a_head_have_a_deadline() {
        for sent in [&HTTP_2_PREFACE[..10], b"PRI * HTTP/1.1\r\n", b"P"] {
            let (mut client, _, mut io) = served();
            client.write_all(sent).await.unwrap();
            assert_eq!(read(&mut io).await.unwrap(), sent.len());
            let began = Instant::now();
            let error = read(&mut io).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert_eq!(began.elapsed().as_secs(), 1);
        }
    }

    /// The time for a head is a second; that for asking, a minute.
    #[tokio::test(start_paused = true)]
    async fn half_a_head_behind_a_request_has_a_deadline() {
        let (mut client, connection, mut io) = served();
        for _ in 0..2 {
            client.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
            assert_eq!(read(&mut io).await.unwrap(), 18);
            connection.begin(Version::HTTP_11);
            connection.body_done();
            connection.end();
        }
        client.write_all(b"G").await.unwrap();
        assert_eq!(read(&mut io).await.unwrap(), 1);
        let began = Instant::now();
        let error = read(&mut io).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_asks_for_nothing_is_closed_after_once_or_twice_the_time() {
        let (_client, _, mut mute) = served();
        let began = Instant::now();
        assert_eq!(read(&mut mute).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), 60);

        // One that asks now and then stays, and is gone between one and two minutes after it asked last.
        let (mut client, connection, mut io) = served();
        for _ in 0..10 {
            let waits = tokio::time::timeout(50 * SECOND, read(&mut io)).await;
            assert!(waits.is_err(), "it asked in time");
            client.write_all(b"GET / HTTP/1.1\r\n\r\nG").await.unwrap();
            assert_eq!(read(&mut io).await.unwrap(), 19);
            connection.begin(Version::HTTP_11);
            connection.body_done();
            connection.end();
        }
        let began = Instant::now();
        assert_eq!(read(&mut io).await.unwrap(), 0);
        assert!((60..=120).contains(&began.elapsed().as_secs()));
    }
}
